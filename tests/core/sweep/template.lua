local c = require "aci._template"
assert(c.parse "concat('it''s', n.f(1)[0].x, 'b')")
return select("#", c.parse "a({)"), c.parse ""
