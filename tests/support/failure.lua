--- The error object that a call raises; anything else fails the spec.
local errors = require "aci.error"

return function(f, ...)
   local ok, err = pcall(f, ...)
   assert(not ok, "the call was to fail")
   assert(errors.is(err), tostring(err))
   return err
end
