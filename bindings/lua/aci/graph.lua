-- Microsoft Graph: applications, service principals and their passwords. Graph is eventually consistent: what
-- was just made may be unknown to the next request, so those that follow a creation are tried again.
local clock = require "aci.clock"
local error_ = require "aci.error"
local rest = require "aci.rest"
local secret = require "aci.secret"
local task = require "aci.task"

local graph = {}

local Graph = {}
Graph.__index = Graph
Graph.__tostring = function(self) return "Microsoft Graph: tenant " .. tostring(self.config.tenant) end

--- A client of Graph v1.0 with the settings' login or `credential`.
function graph.connect(config, credential)
   require("aci.local").settle(config)
   return setmetatable({
      config = config,
      client = rest.client(config, {
         base = config.graph_endpoint, name = "Microsoft Graph", scope = config.graph_endpoint .. "/.default",
         credential = credential or require("aci.auth").credential(config),
      }),
   }, Graph)
end

--- One request; `path` is below /v1.0. Gives the answer's body. Raises its refusal.
function Graph:send(method, path, body, options)
   options = options or {}
   return self.client:send {
      method = method, url = "/v1.0" .. path, json = body, query = options.query, accept = options.accept,
      secret_body = options.secret_body, headers = options.headers, retry = options.retry,
   }
end

--- The object at a path, or nil.
function Graph:get(path)
   local response = self:send("GET", path, nil, { accept = { [404] = true } })
   return response.status ~= 404 and response.data or nil
end

--- All objects of a list, through all its pages. `query`: such as `{["$filter"] = "..."}`.
function Graph:list(path, query)
   return self.client:pages({ method = "GET", url = "/v1.0" .. path, query = query }, "@odata.nextLink")
end

local function quoted(text)
   return "'" .. text:gsub("'", "''") .. "'"
end

local transient = { "does not reference", "does not exist", "must in the local tenant", "not present" }

--- Whether an error is Graph not knowing yet what it has just made.
local function is_replicating(err)
   if not error_.is(err) or not (err.status == 400 or err.status == 404) then return false end
   for _, text in ipairs(transient) do
      if err.message:find(text, 1, true) then return true end
   end
   return false
end

--- Calls `f` until Graph knows what it is about; gives its results. At most `seconds` (default 60).
function Graph:eventually(f, seconds)
   local deadline, pause = clock.monotonic() + (seconds or 60), (self.config.poll or { first = 0.5 }).first
   while true do
      local results = table.pack(pcall(f))
      if results[1] then return table.unpack(results, 2, results.n) end
      local err = results[2]
      if not is_replicating(err) or clock.monotonic() > deadline then error(err, 0) end
      task.sleep(pause)
      pause = math.min(pause * 1.5, 5)
   end
end

--- Applications by display name; names are not unique.
function Graph:applications_named(name)
   return self:list("/applications", { ["$filter"] = "displayName eq " .. quoted(name) })
end

--- Applications that carry a tag.
function Graph:applications_tagged(tag)
   return self:list("/applications", { ["$filter"] = ("tags/any(t:t eq %s)"):format(quoted(tag)) })
end

--- Makes an application. `fields`: displayName, tags, ... as Graph names them.
function Graph:create_application(fields)
   fields.signInAudience = fields.signInAudience or "AzureADMyOrg"
   return self:send("POST", "/applications", fields).data
end

--- Changes members of an application, by its object id.
function Graph:update_application(id, fields)
   self:eventually(function() self:send("PATCH", "/applications/" .. id, fields) end)
end

--- Deletes an application (softly; its service principal goes with it). True when it was there.
function Graph:delete_application(id)
   return self:send("DELETE", "/applications/" .. id, nil, { accept = { [404] = true } }).status ~= 404
end

--- Removes a deleted application or principal for good. True when it was there.
function Graph:purge(id)
   local found = false
   local ok, err = pcall(self.eventually, self, function()
      self:send("DELETE", "/directory/deletedItems/" .. id)
      found = true
   end, 30)
   if not ok and not error_.is(err, "not_found") then error(err, 0) end
   return found
end

--- The service principal of an application (by its appId), or nil.
function Graph:service_principal(app_id)
   return self:list("/servicePrincipals", { ["$filter"] = "appId eq " .. quoted(app_id) })[1]
end

--- Makes the service principal of an application, or gives the one it has. Waits until Graph knows the
-- application.
function Graph:create_service_principal(app_id)
   local found = self:service_principal(app_id)
   if found then return found end
   return self:eventually(function()
      local response = self:send("POST", "/servicePrincipals", { appId = app_id },
         { accept = { [409] = true } })
      if response.status ~= 409 then return response.data end
      return self:service_principal(app_id) or error_.raise {
         kind = "conflict", code = "ServicePrincipalExists", status = 404,
         message = "the service principal of " .. app_id .. " does not exist yet and cannot be made" }
   end, 180)
end

--- Adds a password to an application (by its object id); gives `{secret, key_id, ends}`. The others are left
-- alone. `options`: name (its displayName, how we know ours), years (default 1).
function Graph:add_password(id, options)
   options = options or {}
   local now = clock.now()
   local ends = now + (options.years or 1) * 365 * 86400
   local function iso(t) return (clock.iso(t):gsub("%.%d+Z$", "Z")) end
   local data = self:eventually(function()
      return self:send("POST", ("/applications/%s/addPassword"):format(id), { passwordCredential = {
         displayName = options.name or "acihost", startDateTime = iso(now), endDateTime = iso(ends),
      } }, { secret_body = true }).data
   end)
   return { secret = secret.new(data.secretText), key_id = data.keyId, ends = data.endDateTime }
end

--- Removes a password by its key id. True when it was there.
function Graph:remove_password(id, key_id)
   local ok, err = pcall(self.send, self, "POST", ("/applications/%s/removePassword"):format(id),
      { keyId = key_id })
   if ok then return true end
   if error_.is(err) and err.status == 400 and err.message:find("keyId", 1, true) then return false end
   error(err, 0)
end

return graph
