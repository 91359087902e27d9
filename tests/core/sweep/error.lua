local c = require "aci._error"
local err = c.new { kind = "not_found", code = "X", message = "m", url = "u", method = "GET", status = 404 }
assert(c.is(err, "not_found") and c.exit_code(err) == 1 and #tostring(err) > 0)
return c.is(1), c.exit_code "x", pcall(c.new, 1)
