--- A server on loopback whose requests go to `answer`, each in a task of its own; closing it ends it.
local server = require "aci.server"
local task   = require "aci.task"

--- @param options of server.listen
-- @return { url, port, address }, to be kept in a <close> variable
return function(answer, options)
   local listener = assert(server.listen(options or {}))
   local loop = task.spawn(function()
      for request in function() return listener:next() end do task.spawn(answer, request) end
   end)
   local address = "127.0.0.1:" .. listener:port()
   return setmetatable({ url = "http://" .. address, port = listener:port(), address = address }, {
      __close = function()
         listener:close()
         loop:cancel()
      end,
   })
end
