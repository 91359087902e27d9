require "aci.json"
local c, layouts = require "aci._template", {}
local v = assert(c.read('{a: [1, {}, "\\n"], /* c */ "b": null}', true, layouts))
assert(layouts[v].names[2] == "b")
return c.read('{"a": 1, "a": 2}', false, {})
