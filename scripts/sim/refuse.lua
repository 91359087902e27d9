--- How a service file says no. A refusal is raised, rolls the request's transaction back and is answered
-- in the words of the service (its `error` function).
--
--    refuse(404, "ResourceNotFound", "The Resource ... was not found.")
--    refuse.unless(name:match "^[%w-]+$", 400, "BadParameter", "...")
--    refuse.with { status = 409, code = "...", message = "...", details = { ... }, target = "...",
--       headers = { ... } }
local refuse = {}

local refusal = {}
refusal.__index = refusal

function refusal:__tostring()
   return ("%d %s: %s"):format(self.status, tostring(self.code), tostring(self.message))
end

--- Raises a refusal with every member given: status, code, message and optionally headers, target, details,
-- additional (additionalInfo), inner, or body (a table or string sent as it is instead of the service's
-- shape).
function refuse.with(fields)
   error(setmetatable(fields, refusal), 0)
end

--- Raises unless the condition holds; gives the condition's value back.
function refuse.unless(condition, status, code, message, headers)
   if not condition then
      refuse.with { status = status, code = code, message = message, headers = headers }
   end
   return condition
end

--- Raises when the condition holds.
function refuse.when(condition, status, code, message, headers)
   if condition then
      refuse.with { status = status, code = code, message = message, headers = headers }
   end
end

--- True for what `refuse` raised.
function refuse.is(value)
   return getmetatable(value) == refusal
end

return setmetatable(refuse, {
   __call = function(_, status, code, message, headers)
      refuse.with { status = status, code = code, message = message, headers = headers }
   end,
})
