--- A step of a set-up: what should exist (`want`), and what later steps get from it (`gives`).
-- Plan, run, second run, teardown all come from this one declaration; there is no state file.
local errors = require "aci.error"
local nearest = require "aci.nearest"

local step = {}

local known = { name = "string", needs = "table", want = "function", gives = "function", about = "string" }

--- Where a step was declared. Its file ends in a tail call, which leaves no frame: its functions tell.
local function place(fields)
   for _, value in pairs(fields) do
      if type(value) == "function" then return debug.getinfo(value, "S").short_src end
   end
   return fields.name and ("the step '%s'"):format(tostring(fields.name)) or "a step"
end

local function refuse(fields, message, advice)
   errors.raise { kind = "usage", code = "NoStep", advice = advice,
      message = ("%s: %s"):format(place(fields), message) }
end

local function check(fields)
   for key, value in pairs(fields) do
      if not known[key] then
         local near = nearest(tostring(key), { "about", "gives", "name", "needs", "want" })
         refuse(fields, ("a step has no field '%s' (name, about, needs, want, gives)"):format(tostring(key)),
            near and ("did you mean %s?"):format(near))
      elseif type(value) ~= known[key] then
         refuse(fields, ("a step's '%s' is a %s, not a %s"):format(key, known[key], type(value)))
      end
   end
   if not (fields.name and fields.want) then refuse(fields, "a step needs a name and a want function") end
end

--- Declares a step.
-- @param fields `name`; `needs`: names of steps that must be done before; `want(c)`: the array of things
--   that should exist, in order (a function in it is called with c and what the things before it are,
--   and gives a thing); `gives(c, ...)`: called with what the things are, its result is `c[name]`
function step.new(fields)
   check(fields)
   fields.needs = fields.needs or {}
   return fields
end

local function visit(by_name, state, ordered, name, from)
   local this = by_name[name]
   if not this then
      errors.raise { kind = "usage", code = "UnknownStep",
         message = ("step '%s' needs step '%s', which is not in the list"):format(from, name) }
   elseif state[name] == "open" then
      errors.raise { kind = "usage", code = "StepCycle",
         message = ("steps need each other in a circle: %s and %s"):format(from, name) }
   elseif state[name] then
      return
   end
   state[name] = "open"
   for _, need in ipairs(this.needs) do visit(by_name, state, ordered, need, name) end
   state[name] = "done"
   ordered[#ordered + 1] = this
end

--- The steps in an order in which every one comes after what it needs. Raises for a circle, a need that
-- is not in the list, and two steps of one name.
function step.order(steps)
   local by_name, state, ordered = {}, {}, {}
   -- `{ require "a", require "b" }` ends in a string: require's second result, where b was found.
   if type(steps[#steps]) == "string" then steps[#steps] = nil end
   for index, this in ipairs(steps) do
      if type(this) ~= "table" or not this.want then
         errors.raise { kind = "usage", code = "NoStep",
            message = ("number %d in the list of steps is no step"):format(index),
            advice = "its file has to end with: return step { name = ..., want = ... }" }
      elseif by_name[this.name] then
         errors.raise { kind = "usage", code = "TwoSteps",
            message = ("two steps are named '%s'"):format(this.name) }
      end
      by_name[this.name] = this
   end
   for _, this in ipairs(steps) do visit(by_name, state, ordered, this.name, this.name) end
   return ordered
end

return setmetatable(step, { __call = function(_, fields) return step.new(fields) end })
