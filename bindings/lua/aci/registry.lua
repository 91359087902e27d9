-- Container registries by the OCI distribution API (spec 1.1): push and read images. Tokens are got as the
-- registry's challenge asks; Azure Container Registry's are exchanged for one of Entra.
local error_ = require "aci.error"
local json = require "aci.json"
local login = require "aci.registry.login"

local registry = {}

local Registry = {}
Registry.__index = Registry

local accepted = table.concat({ "application/vnd.oci.image.manifest.v1+json",
   "application/vnd.oci.image.index.v1+json", "application/vnd.docker.distribution.manifest.v2+json",
   "application/vnd.docker.distribution.manifest.list.v2+json" }, ", ")

local function is_own_machine(host)
   local name = host:gsub(":%d+$", "")
   return name == "localhost" or name == "[::1]" or name:find "^127%.%d+%.%d+%.%d+$" ~= nil
end

--- A client of the registry at `options.host`. Further: user and password (a secret), or azure (a credential);
-- chunk (bytes of a piece, where blobs shall not go in one), on_blob(digest, size, was_there).
function registry.connect(options)
   local scheme = is_own_machine(options.host) and "http" or "https"
   return setmetatable({
      base = scheme .. "://" .. options.host, chunk = options.chunk, on_blob = options.on_blob or function() end,
      transport = options.http or require("aci.http").client { connect_timeout = 15 },
      login = login.new(options),
   }, Registry)
end

--- A client of a registry of Azure (its login server) with the settings' own login; `options` as for `connect`.
function registry.azure(config, host, options)
   require("aci.local").settle(config)
   local all = { host = host, http = require("aci.rest").transport(config),
      azure = require("aci.auth").credential(config) }
   for key, value in pairs(options or {}) do all[key] = value end
   return registry.connect(all)
end

--- "host:5000/team/acihost:1.0" in its parts.
function registry.reference(text)
   local host, rest = text:match "^([%w.:%-]+)/(.+)$"
   local repository, tag = (rest or ""):match "^(.-):([%w_][%w._-]*)$"
   repository = repository or rest
   if not host or not (host:find "[.:]" or host == "localhost") or not repository:find "^[%l%d][%l%d._/-]*$" then
      error_.raise { kind = "usage", code = "reference", message = ("%q is not HOST/REPOSITORY:TAG"):format(text),
         advice = "for example ours.azurecr.io/acihost:latest; repositories are lower case" }
   end
   return { host = host, repository = repository, tag = tag or "latest" }
end

local kinds = { [401] = "auth", [403] = "permission", [404] = "not_found", [429] = "throttled" }

--- The registry's refusal as an error.
local function refusal(response, method, url)
   local body = json.decode(response.body or "")
   local first = type(body) == "table" and type(body.errors) == "table" and body.errors[1] or {}
   return error_.new {
      kind = kinds[response.status] or response.status < 500 and "invalid" or "server", status = response.status,
      code = first.code, method = method, url = url:gsub("%?.*", ""),
      message = first.message and tostring(first.message) or ("the registry answered %d"):format(response.status),
      advice = kinds[response.status] == "permission" and "does the login have the role AcrPush?" or nil,
   }
end

--- One request, signed in as the registry asks; `request.want`: the statuses that are answers.
function Registry:send(request)
   local url = request.url:find "^https?://" and request.url or self.base .. request.url
   local function try(authorization)
      local headers = { authorization = authorization }
      for name, value in pairs(request.headers or {}) do headers[name] = value end
      local response, why = self.transport:request { method = request.method, url = url, headers = headers,
         body = request.body, retry = { tries = 4, safe = request.safe } }
      return response or error(why, 0)
   end
   if not login.may_go(self.base, url) then
      error_.raise { kind = "server", code = "ForeignLink", url = url:gsub("%?.*", ""),
         message = "the registry sends the upload to another place; our login does not go there" }
   end
   local response = try(self.login:current(request.scope))
   if response.status == 401 then
      local fresh = self.login:answer(response.headers["www-authenticate"], self, request.scope)
      response = fresh and try(fresh) or response
   end
   if not request.want[response.status] then error(refusal(response, request.method, url), 0) end
   return response
end

local function pull(repository) return ("repository:%s:pull"):format(repository) end
local function push(repository) return ("repository:%s:pull,push"):format(repository) end

--- Whether the registry has a blob.
function Registry:has_blob(repository, digest)
   return self:send { method = "HEAD", url = ("/v2/%s/blobs/%s"):format(repository, digest),
      scope = push(repository), want = { [200] = true, [404] = true } }.status == 200
end

--- The bytes and the digest of a manifest, or nil.
function Registry:manifest(repository, reference)
   local response = self:send { method = "GET", url = ("/v2/%s/manifests/%s"):format(repository, reference),
      headers = { accept = accepted }, scope = pull(repository), want = { [200] = true, [404] = true } }
   if response.status == 404 then return nil end
   return response.body, response.headers["docker-content-digest"]
end

--- The upload goes on where each answer says; the address may have a query already.
local function next_place(response, before)
   return response.headers.location or before
end

local function in_pieces(self, repository, place, data)
   for first = 1, #data, self.chunk do
      local piece = data:sub(first, first + self.chunk - 1)
      local response = self:send { method = "PATCH", url = place, body = piece, scope = push(repository),
         headers = { ["content-type"] = "application/octet-stream",
            ["content-range"] = ("%d-%d"):format(first - 1, first + #piece - 2) },
         want = { [202] = true } }
      place = next_place(response, place)
   end
   return place
end

local function upload(self, repository, blob)
   local opened = self:send { method = "POST", url = ("/v2/%s/blobs/uploads/"):format(repository), body = "",
      safe = true, scope = push(repository), want = { [202] = true } }
   local place, body = next_place(opened), blob.data
   if self.chunk and #body > self.chunk then
      place, body = in_pieces(self, repository, place, body), ""
   end
   local address = place .. (place:find("?", 1, true) and "&" or "?") .. "digest=" .. blob.digest
   self:send { method = "PUT", url = address, body = body, scope = push(repository), want = { [201] = true },
      headers = { ["content-type"] = "application/octet-stream" } }
end

--- Sends an image (aci.image): the blobs that are not there yet, then the manifest. `{digest, sent, skipped}`.
function Registry:push(repository, tag, made)
   local result = { digest = made.digest, sent = 0, skipped = 0 }
   for _, blob in ipairs(made.blobs) do
      local there = self:has_blob(repository, blob.digest)
      if not there then upload(self, repository, blob) end
      local count = there and "skipped" or "sent"
      result[count] = result[count] + 1
      self.on_blob(blob.digest, #blob.data, there)
   end
   local response = self:send { method = "PUT", url = ("/v2/%s/manifests/%s"):format(repository, tag),
      body = made.manifest, headers = { ["content-type"] = made.media_type }, scope = push(repository),
      want = { [201] = true } }
   local said = response.headers["docker-content-digest"]
   if said and said ~= made.digest then
      error_.raise { kind = "server", code = "Digest", message = ("the registry kept %s instead of %s"):format(said,
         made.digest) }
   end
   return result
end

return registry
