--- Container groups for specs of the worker, without any service behind them.
local groups = {}

--- An ARM client that plays one resource group: `play(body)` is called when a container group is made and gives
-- how that shows itself (a table, or a function that gives it).
function groups.fake(play)
   local az = { groups = {}, deleted = {}, bodies = {}, puts = 0, client = {}, config = {}, logs = "last words" }

   local function show(found)
      if type(found) == "function" then return found() end
      return found
   end

   function az.address(_, id) return id end

   function az:send(method, id, options)
      if method == "GET" then return { status = 200, headers = {}, data = { content = self.logs } } end
      assert(method == "PUT" and options.retry.tries == 1 and options.retry.safe == false, "it is sent once")
      self.puts = self.puts + 1
      self.bodies[#self.bodies + 1] = options.json
      if self.before then self:before(id) end
      self.groups[id] = play(options.json, id, self)
      return { status = 201, headers = self.headers or {} }
   end

   function az:get(id)
      if id:find "/logs$" then return { content = self.logs } end
      if not id:find "/containerGroups/" then return { location = "northeurope" } end
      return show(self.groups[id])
   end

   function az:list()
      local all = {}
      for id, found in pairs(self.groups) do
         local each = show(found)
         if each then all[#all + 1] = { id = id, name = id:match "[^/]+$", tags = each.tags, properties = {} } end
      end
      return all
   end

   function az:patch(id, _, body)
      for name, value in pairs(body) do self.groups[id][name] = value end
   end

   function az:post(id) self.stopped = id end

   function az:delete(id)
      self.deleted[#self.deleted + 1] = id
      self.groups[id] = nil
      return true
   end
   return az
end

--- A group whose container shows itself so.
function groups.showing(view)
   return { properties = { provisioningState = "Succeeded",
      containers = { { properties = { instanceView = view } } } } }
end

function groups.ended(code)
   return groups.showing { currentState = { state = "Terminated", exitCode = code } }
end

function groups.running()
   return groups.showing { currentState = { state = "Running" } }
end

return groups
