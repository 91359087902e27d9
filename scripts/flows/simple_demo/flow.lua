-- Simple Demo: the same without a vault: one task that logs one line.
local flow = require "aci.flow"

local say_hello = flow.task { name = "say_hello", function()
   flow.logger():info "Hello from a container instance"
end }

return {
   simple_demo = flow.flow { name = "Simple Demo", function()
      say_hello()
   end },
}
