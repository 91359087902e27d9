-- Who signs in, and that it works.
local crypto = require "aci.crypto"
local json   = require "aci.json"
local secret = require "aci.secret"

--- What a token says of its owner. Nothing is trusted on the strength of it.
local function claims(token)
   local payload = secret.reveal(token):match "^[^.]+%.([^.]+)%."
   local text = payload and crypto.unbase64url(payload)
   return text and json.decode(text) or {}
end

return {
   name = "login",
   run = function(c)
      local who = claims((c.azure.credential:token(c.config.arm_endpoint .. "/.default")))
      return "ok", ("%s %s of tenant %s"):format(who.idtyp == "user" and "user" or "application",
         who.upn or who.appid or who.oid or "of unknown name", who.tid or c.config.tenant or "?")
   end,
}
