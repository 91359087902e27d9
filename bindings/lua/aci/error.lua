--- One object for every fault of the world: kind, message, and where it came from.
-- The metatable, its one line of text and the exit codes are in bindings/error.c.
local core = require "aci._error"

local error_module = { new = core.new, is = core.is, exit_code = core.exit_code }

--- Raises an error object made of `fields` (kind and message are required).
function error_module.raise(fields)
   error(core.new(fields), 0)
end

return error_module
