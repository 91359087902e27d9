--- A variable of Prefect, known by its name, compared by its value.
local variable = {}

function variable.label(thing) return "variable " .. thing.name end

function variable.read(c, thing)
   local value = c.prefect:variable(thing.name)
   return value ~= nil and { value = value } or nil
end

function variable.differs(_, thing, current)
   if current.value == thing.value then return {} end
   return { { path = "value", old = current.value, new = thing.value } }
end

function variable.write(c, thing)
   c.prefect:set_variable(thing.name, thing.value)
   return { value = thing.value }
end

--- Why a teardown leaves it; nil where it goes. `thing.ours(value)`: whether a value is this set-up's.
function variable.keeps(_, thing, current)
   if thing.ours and not thing.ours(current.value) then return "its value is not of this set-up: it stays" end
end

function variable.remove(c, thing) return c.prefect:delete_variable(thing.name) end

return variable
