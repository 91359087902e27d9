-- The error of a credential that this machine does not offer: a chain goes on to the next one.
local error_ = require "aci.error"

local unavailable = {}

unavailable.CODE = "CredentialUnavailable"

--- Raises it.
function unavailable.raise(message, advice)
   error_.raise { kind = "auth", code = unavailable.CODE, message = message, advice = advice }
end

--- Whether an error is one.
function unavailable.is(err)
   return error_.is(err, "auth") and (err.code == unavailable.CODE or err.unavailable == true)
end

return unavailable
