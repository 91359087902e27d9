--- Who may do what: the role assignments as ARM and the data planes evaluate them.
local roles = require "sim.roles"

local access = {}

local compiled = {}

-- An action pattern as a Lua pattern. `*` is any run of characters, "/" included; "/*/" may also be a
-- single "/".
local function pattern_of(text)
   if not compiled[text] then
      local low = text:lower():gsub("[%^%$%(%)%%%.%[%]%+%-%?]", "%%%0")
      local whole = "^" .. low:gsub("%*", ".*") .. "$"
      local empty = low:find("/*/", 1, true) and "^" .. low:gsub("/%*/", "/"):gsub("%*", ".*") .. "$"
         or whole
      compiled[text] = { whole, empty }
   end
   return compiled[text]
end

--- True when an action (any letter case) is covered by one of the patterns.
function access.covers(patterns, action)
   local low = action:lower()
   for _, text in ipairs(patterns or {}) do
      local pattern = pattern_of(text)
      if low:find(pattern[1]) or low:find(pattern[2]) then
         return true
      end
   end
   return false
end

local function granted(permissions, action, data)
   local yes, no = data and "dataActions" or "actions", data and "notDataActions" or "notActions"
   for _, permission in ipairs(permissions) do
      if access.covers(permission[yes], action) and not access.covers(permission[no], action) then
         return true
      end
   end
   return false
end

--- True when an id is a scope or lies under it; whole segments, any letter case.
function access.within(scope, id)
   local top, low = scope:lower():gsub("/+$", ""), id:lower():gsub("//+", "/"):gsub("/+$", "")
   return top == "" or low == top or low:sub(1, #top + 1) == top .. "/"
end

--- The assignments of a principal that have taken effect: array of { scope, role, name }.
function access.assignments(state, principal)
   return state.db:rows(
      "SELECT name, scope, role FROM role_assignments WHERE principal = ? AND effective <= ?",
      principal:lower(), state:now())
end

--- True when the caller (token claims) may perform the action on the scope.
-- @param data true for a data action
function access.allowed(state, caller, action, scope, data)
   if not caller or not caller.oid then
      return false
   end
   for _, assignment in ipairs(access.assignments(state, caller.oid)) do
      if access.within(assignment.scope, scope) then
         local role = roles.find(state, assignment.role)
         if role and granted(role.permissions, action, data) then
            return true
         end
      end
   end
   return false
end

--- The rows (with an `id`) that the caller may perform the action on: a list shows nothing else, and is
-- never refused.
function access.visible(state, caller, action, rows)
   local seen = {}
   for _, row in ipairs(rows) do
      if access.allowed(state, caller, action, row.id) then
         seen[#seen + 1] = row
      end
   end
   return seen
end

--- The permissions of the caller that apply on a scope, one element per effective role.
function access.permissions(state, caller, scope)
   local found = {}
   for _, assignment in ipairs(access.assignments(state, caller.oid)) do
      local role = access.within(assignment.scope, scope) and roles.find(state, assignment.role)
      for _, permission in ipairs(role and role.permissions or {}) do
         found[#found + 1] = permission
      end
   end
   return found
end

return access
