--- A fault in a step's own Lua, as its author has to see it: the step, the message, the line of the step.
local errors = require "aci.error"

--- The nearest line on the stack that is not the program's.
local function place()
   for level = 3, 40 do
      local info = debug.getinfo(level, "Sl")
      if not info then return nil end
      if info.currentline > 0 and not info.source:find "^@aci/" then
         return ("%s:%d"):format(info.short_src, info.currentline)
      end
   end
end

--- The message handler for what the step `this` calls; errors that are objects stay what they are.
return function(this)
   return function(err)
      if type(err) ~= "string" then return err end
      local own = err:find "^aci/" and place()
      return errors.new { kind = "failed", code = "StepFailed", step = this.name,
         message = ("the step '%s' fails: %s%s"):format(this.name, err, own and (" (called at %s)"):format(own) or "") }
   end
end
