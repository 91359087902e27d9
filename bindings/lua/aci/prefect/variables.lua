--- Variables. On 2.20 a value is a string and a name has no dash.

local fail   = require "aci.error"
local escape = require("aci.http").escape

local variables = {}

--- A variable's value; nil where there is none.
function variables:variable(name)
   local found = self:request("GET", "/variables/name/" .. escape(name), { missing = true })
   return found and found.value
end

--- Sets a variable; true when something was written.
function variables:set_variable(name, value)
   local have = self:variable(name)
   if have == value then return false end
   if have == nil then
      local ok, err = pcall(self.request, self, "POST", "/variables/",
         { json = { name = name, value = value } })
      if ok then return true end
      if not fail.is(err, "conflict") then error(err, 0) end
   end
   self:request("PATCH", "/variables/name/" .. escape(name), { json = { value = value } })
   return true
end

function variables:delete_variable(name)
   local _, status = self:request("DELETE", "/variables/name/" .. escape(name), { missing = true })
   return status ~= 404
end

return variables
