-- All that the set-up makes is there and as it was made, down to the flows' code; the checks before this one say
-- more about the things that a run depends on most.
local setup = require "aci.setup"

return {
   name = "things",
   needs = { "storage", "prefect", "permissions" },
   run = function(c)
      local rows, amiss = setup.survey(c, require "steps.all"), {}
      for _, row in ipairs(rows) do
         if row.state ~= "in place" then amiss[#amiss + 1] = ("%s is %s"):format(row.thing, row.state) end
      end
      if #amiss == #rows then return "note", "nothing is made yet", "setup.lua makes it" end
      if #amiss == 0 then return "ok", ("%d things are in place"):format(#rows) end
      local more = #amiss > 3 and (" and %d more"):format(#amiss - 3) or ""
      return "wrong", table.concat(amiss, ", ", 1, math.min(#amiss, 3)) .. more,
         "setup.lua mends it, setup.lua --plan shows how"
   end,
}
