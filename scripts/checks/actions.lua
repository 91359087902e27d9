-- Whether a list of permissions (actions and notActions, with `*`) allows an action.
local actions = {}

local function matches(pattern, action)
   local text = pattern:lower():gsub("[%-%.%+%[%]%(%)%$%^%%%?]", "%%%0"):gsub("%*", ".*")
   return action:lower():match("^" .. text .. "$") ~= nil
end

local function any(patterns, action)
   for _, pattern in ipairs(patterns or {}) do
      if matches(pattern, action) then return true end
   end
   return false
end

--- True when one of the permissions grants the action and does not take it back itself.
function actions.allows(permissions, action)
   for _, each in ipairs(permissions) do
      if any(each.actions, action) and not any(each.notActions, action) then return true end
   end
   return false
end

return actions
