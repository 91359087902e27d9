-- Tokens, Shared Key signatures and SAS are refused by services whose clock differs by minutes from ours.
local clock = require "aci.clock"
local rest  = require "aci.rest"

local LIMIT = 120 -- s; Entra and Blob refuse from five minutes on

return {
   name = "clock",
   run = function(c)
      local answer, err = rest.transport(c.config):request {
         url = c.config.arm_endpoint .. "/subscriptions?api-version=2022-12-01" } -- refused, and dated
      if not answer then error(err, 0) end
      local theirs = answer.headers.date and clock.parse_http_date(answer.headers.date)
      if not theirs then return "note", "Azure did not tell its time" end
      local off = math.floor(math.abs(clock.now() - theirs))
      if off <= LIMIT then return "ok", ("%d s from Azure's"):format(off) end
      return "wrong", ("differs by %d s from Azure's"):format(off), "set this machine's clock (NTP)"
   end,
}
