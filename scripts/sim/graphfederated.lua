--- The federated credentials of an application in Graph.
local directory  = require "sim.directory"
local federation = require "sim.federation"
local json       = require "aci.json"

local CONTEXT = "https://graph.microsoft.com/v1.0/$metadata#applications('%s')/federatedIdentityCredentials"

local function shown(app, one, suffix)
   local copy = { ["@odata.context"] = CONTEXT:format(app.id) .. (suffix or "/$entity") }
   for name, value in pairs(one) do
      copy[name] = value
   end
   return copy
end

--- Adds the routes. `find(req, kind)` gives the application of a path, `missing(id)` refuses.
return function(graph, find, missing)
   local function place(req)
      local app = find(req, "application")
      for index, one in ipairs(app.federatedIdentityCredentials or {}) do
         if one.id == req.params.credential or one.name == req.params.credential then
            return app, index, one
         end
      end
      missing(req.params.credential)
   end

   for _, app_path in ipairs { "/v1.0/applications/:id", "/v1.0/applications(appId=':app')" } do
      local path = app_path .. "/federatedIdentityCredentials"
      graph:route("GET " .. path, {}, function(req)
         local app = find(req, "application")
         return 200, { ["@odata.context"] = CONTEXT:format(app.id),
            value = app.federatedIdentityCredentials or json.array {} }
      end)
      graph:route("POST " .. path, {}, function(req)
         local app = find(req, "application")
         local made = federation.add(app, req:json())
         directory.save(req.state, app)
         return 201, shown(app, made)
      end)
      graph:route("GET " .. path .. "/:credential", {}, function(req)
         local app, _, one = place(req)
         return 200, shown(app, one)
      end)
      graph:route("DELETE " .. path .. "/:credential", {}, function(req)
         local app, index = place(req)
         table.remove(app.federatedIdentityCredentials, index)
         directory.save(req.state, app)
         return 204
      end)
   end
end
