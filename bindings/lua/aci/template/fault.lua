-- How a template's fault travels inside the evaluator: raised as one table of our own, caught at the
-- public functions, and only there turned into an aci.error with the service's code and wrapping.
local errors = require "aci.error"

local fault = {}

local mark = {}
fault.__index = fault

--- Raise a fault. `text` is the service's sentence without its "Please see" tail.
function fault.raise(text, ...)
   if select("#", ...) > 0 then
      text = text:format(...)
   end
   error(setmetatable({ text = text, mark = mark }, fault), 0)
end

--- Is this value one of our faults?
function fault.is(value)
   return type(value) == "table" and rawget(value, "mark") == mark
end

--- Raise what ends everything with a code of its own: no wrapping is added on the way out.
function fault.final(code, message, more)
   local err = setmetatable({ text = message, code = code, mark = mark }, fault)
   for key, value in pairs(more or {}) do
      err[key] = value
   end
   error(err, 0)
end

local function finish(dress, ok, ...)
   if ok then
      return ...
   end
   local err = ...
   if fault.is(err) and not err.code then
      dress(err)
   end
   error(err, 0)
end

--- Run f(...); a fault without a code passes through dress(err), which may give it one.
function fault.dress(dress, f, ...)
   return finish(dress, pcall(f, ...))
end

--- The tail that most sentences end with.
function fault.see(topic)
   return " Please see https://aka.ms/" .. topic .. " for usage details."
end

local function place_text(place)
   local line, column = 0, 0
   if place then
      line, column = place >> 32, place & 0xffffffff
   end
   return line, column
end

--- "at line '1' and column '7'"; zeros where the place is unknown.
function fault.at(place)
   return ("at line '%d' and column '%d'"):format(place_text(place))
end

--- End with InvalidTemplate: "Deployment template validation failed: '...'." and where.
function fault.invalid(text, place, path)
   local line, column = place_text(place)
   fault.final("InvalidTemplate", "Deployment template validation failed: '" .. text .. "'.", {
      info = { {
         type = "TemplateViolation",
         info = { lineNumber = line, linePosition = column, path = path or "" },
      } },
   })
end

--- The results of a pcall as the public functions give them: nil and an aci.error for one of our
--- faults; any other error goes on up.
function fault.answer(ok, ...)
   if ok then
      return ...
   end
   local err = ...
   if not fault.is(err) then
      error(err, 0)
   end
   return nil, errors.new {
      kind = "invalid", status = 400, code = err.code or "InvalidTemplate", message = err.text,
      details = err.details, info = err.info,
   }
end

return fault
