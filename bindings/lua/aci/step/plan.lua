--- A plan as text and as data: what would be created, changed (property, old and new), or is right.
local json = require "aci.json"
local secret = require "aci.secret"
local unknown = require "aci.step.unknown"

local plan = {}

--- A value in one short line; secrets never.
local function shown(value)
   if value == nil then return "nothing" end
   if secret.is(value) then return "<secret>" end
   if rawequal(value, unknown.value) or getmetatable(value) and getmetatable(value).__tostring then
      return tostring(value)
   end
   if type(value) == "table" and unknown.within(value) then return tostring(unknown.value) end
   local text = type(value) == "string" and value or json.encode(value)
   return #text > 70 and text:sub(1, 67) .. "..." or text
end

--- How many things would change.
function plan.count(entries)
   local count = 0
   for _, entry in ipairs(entries) do
      if entry.action ~= "nothing" then count = count + 1 end
   end
   return count
end

--- Prints the plan.
function plan.print(entries, out)
   for _, entry in ipairs(entries) do
      out:write(("  %-8s %s\n"):format(entry.action, entry.label))
      for _, change in ipairs(entry.action == "nothing" and {} or entry.changes) do
         if change.whole then
            out:write(("           %s: %s\n"):format(change.path, change.whole))
         else
            out:write(("           %s: %s -> %s\n"):format(change.path, shown(change.old), shown(change.new)))
         end
      end
   end
end

--- The plan as plain data for `--output json`.
function plan.data(entries)
   local rows = json.array {}
   for _, entry in ipairs(entries) do
      local changes = json.array {}
      for _, change in ipairs(entry.action == "nothing" and {} or entry.changes) do
         changes[#changes + 1] = change.whole and { path = change.path, action = change.whole }
            or { path = change.path, old = shown(change.old), new = shown(change.new) }
      end
      rows[#rows + 1] = { step = entry.step, thing = entry.label, action = entry.action, changes = changes }
   end
   return rows
end

return plan
