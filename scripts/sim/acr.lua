--- Azure Container Registry, data plane: the OCI distribution API (spec 1.1) at NAME.azurecr.io, in the words
-- that Debian's docker-registry and the recorded ACR answers use; stricter where the sheet says so.
local crypto     = require "aci.crypto"
local fs         = require "aci.fs"
local json       = require "aci.json"
local data       = require "sim.acrdata"
local manifests  = require "sim.acrmanifests"
local refuse     = require "sim.refuse"
local registries = require "sim.containerregistry"
local service    = require "sim.service"
local tokens     = require "sim.acrtokens"

local acr = service { name = "acr", host = "*.azurecr.io", schema = data.SCHEMA }

function acr.error(_, code, message, refusal)
   local entry = { code = code, message = message, detail = refusal.detail }
   if refusal.bare then entry.detail = nil elseif entry.detail == nil then entry.detail = json.object {} end
   return json.encode { errors = json.array(refusal.list or { entry }) } .. "\n",
      { ["content-type"] = "application/json; charset=utf-8" }
end

function acr.headers()
   return { ["docker-distribution-api-version"] = "registry/2.0", server = "openresty",
      ["strict-transport-security"] = "max-age=31536000; includeSubDomains",
      ["access-control-expose-headers"] = "Docker-Content-Digest, WWW-Authenticate, Link, "
         .. "X-Ms-Correlation-Request-Id" }
end

local function not_found()
   refuse.with { status = 404, body = "404 page not found\n",
      headers = { ["content-type"] = "text/plain; charset=utf-8" } }
end

-- Beside the distribution API there is Azure's own (/acr/v1), which is not played.
function acr.missing(req)
   if req.path:find "^/v2" or req.path:find "^/oauth2/" then not_found() end
   refuse(501, "UNSUPPORTED", ("The local cloud does not implement %s %s on %s."):format(req.method, req.path,
      req.host))
end

-- Names of repositories are lower case: parts of letters and digits, joined by . _ __ or dashes.
local function is_repository(name)
   if #name > 255 then return false end
   for part in (name .. "/"):gmatch "(.-)/" do
      local rest = part:gsub("[a-z0-9]+", "a"):gsub("__", "."):gsub("%-+", ".")
      if not rest:find "^a" or rest:find "[^a%._]" or rest:find "[%._][%._]" or rest:find "[%._]$" then return false end
   end
   return true
end

acr.is_repository = is_repository

function acr.before(req, route)
   req.registry = refuse.unless(registries.find(req.state, req.label), 404, "NAME_UNKNOWN",
      ("The local cloud has no registry named %s; on Azure its address would not resolve."):format(req.label))
   if route.open then return end
   local name = req.params.name
   if name and not is_repository(name) then not_found() end
   req.at = { registry = req.registry.name:lower(), repository = name }
   local scope = name and ("repository:%s:%s"):format(name, route.needs) or route.lists
   local from = name and route.needs == "pull,push" and req.query.mount and req.query.from
   if from then scope = ("%s repository:%s:pull"):format(scope, from) end
   tokens.check(req, scope)
end

local function route(pattern, options, handler)
   options.anonymous = true -- its own tokens: see before
   acr:route(pattern, options, handler)
end

route("POST /oauth2/exchange", { open = true, write = false }, tokens.exchange)
route("POST /oauth2/token", { open = true, write = false }, tokens.token)
route("GET /oauth2/token", { open = true }, tokens.token_by_basic)

route("GET /v2", {}, function() return 200, {} end)

route("GET /v2/_catalog", { lists = "registry:catalog:*" }, function(req)
   local list = json.array {}
   for index, row in ipairs(data.repositories(req.state, req.at.registry)) do list[index] = row.repository end
   return 200, { repositories = list }
end)

-- Blobs.

local function digest_of(text)
   return refuse.unless(text:find "^sha256:%x+$" and #text == 71 and text == text:lower() and text, 400,
      "DIGEST_INVALID", "provided digest did not match uploaded content")
end

local function find_blob(req)
   local digest = digest_of(req.params.digest)
   local blob = data.blob(req.state, req.at, digest)
   if not blob then
      refuse.with { status = 404, code = "BLOB_UNKNOWN", message = "blob unknown to registry", detail = digest }
   end
   return blob
end

local function blob_headers(blob)
   return { ["Docker-Content-Digest"] = blob.digest, Etag = '"' .. blob.digest .. '"', ["Accept-Ranges"] = "bytes",
      ["Content-Type"] = "application/octet-stream", ["Cache-Control"] = "max-age=31536000",
      ["Content-Length"] = tostring(blob.size) }
end

route("GET|HEAD /v2/*name/blobs/:digest", { needs = "pull" }, function(req)
   local blob = find_blob(req)
   local headers, body = blob_headers(blob), { file = data.path(req.cloud, blob.file) }
   if req.method == "HEAD" then return 200, "", headers end
   local first, last = (req.headers.range or ""):match "^bytes=(%d+)%-(%d*)$"
   first = math.tointeger(tonumber(first))
   if not first then return 200, body, headers end
   refuse.unless(first < blob.size, 416, "UNSUPPORTED", "The range is not in the blob.")
   last = math.min(math.tointeger(tonumber(last)) or blob.size - 1, blob.size - 1)
   body.offset, body.length = first, last - first + 1
   headers["Content-Length"] = tostring(body.length)
   headers["Content-Range"] = ("bytes %d-%d/%d"):format(first, last, blob.size)
   return 206, body, headers
end)

route("DELETE /v2/*name/blobs/:digest", { needs = "delete" }, function(req)
   data.unlink(req.state, req.at, find_blob(req).digest)
   return 202, nil, { ["Content-Length"] = "0" }
end)

route("PUT|POST|PATCH /v2/*name/blobs/:digest", { needs = "pull" }, function()
   refuse.with { status = 405, body = "Method not allowed\n", headers = { Allow = "DELETE, GET, HEAD",
      ["content-type"] = "text/plain; charset=utf-8" } }
end)

-- Uploads. The place of an upload names its turn: an old one is of no use.

local UPLOADS = "/v2/*name/blobs/uploads"

local function place(req, upload)
   return { Location = ("https://%s/v2/%s/blobs/uploads/%s?_state=%d"):format(req.host, req.at.repository, upload.id,
      upload.turn), ["Docker-Upload-Uuid"] = upload.id,
      Range = ("0-%d"):format(math.max(0, upload.size - 1)) }
end

local function stored(req, digest)
   return 201, nil, { ["Docker-Content-Digest"] = digest, ["Content-Length"] = "0",
      Location = ("https://%s/v2/%s/blobs/%s"):format(req.host, req.at.repository, digest) }
end

route("POST " .. UPLOADS, { needs = "pull,push" }, function(req)
   local mount, from = req.query.mount, req.query.from
   if mount and from and data.blob(req.state, { registry = req.at.registry, repository = from }, mount) then
      data.link(req.state, req.at, mount)
      return stored(req, mount)
   end
   return 202, nil, place(req, data.begin_upload(req.state, req.at))
end)

local function find_upload(req)
   local upload = data.upload(req.state, req.at, req.params.id)
   if not upload then
      refuse.with { status = 404, code = "BLOB_UPLOAD_UNKNOWN", message = "blob upload unknown to registry" }
   elseif req.query._state and req.query._state ~= tostring(math.tointeger(upload.turn)) then
      refuse.with { status = 404, code = "BLOB_UPLOAD_INVALID", message = "blob upload invalid", bare = true }
   end
   return upload
end

-- A piece that says where it belongs belongs at the end.
local function check_range(req, upload)
   local first = (req.headers["content-range"] or ""):match "^(%d+)%-%d+$"
   refuse.when(first and math.tointeger(tonumber(first)) ~= upload.size, 416, "BLOB_UPLOAD_INVALID",
      "blob upload invalid: the piece is out of order")
end

-- Takes the body into a file first, then handler(req, received) runs in one transaction.
local function upload_route(pattern, handler)
   route(pattern, { needs = "pull,push", stream = true }, function(req)
      local received = refuse.unless(data.receive(req), 400, "BLOB_UPLOAD_INVALID", "blob upload invalid")
      local results = table.pack(pcall(req.state.atomically, req.state, handler, req, received))
      fs.remove(received.path)
      if not results[1] then error(results[2], 0) end
      return table.unpack(results, 2, results.n)
   end)
end

upload_route("PATCH " .. UPLOADS .. "/:id", function(req, received)
   local upload = find_upload(req)
   check_range(req, upload)
   data.extend(req.cloud, upload, received)
   return 202, nil, place(req, upload)
end)

upload_route("PUT " .. UPLOADS .. "/:id", function(req, received)
   local upload, digest = find_upload(req), req.query.digest
   if not digest then
      refuse.with { status = 400, code = "DIGEST_INVALID", message = "provided digest did not match uploaded content",
         detail = "digest missing" }
   end
   if received.size > 0 or upload.size == 0 then data.extend(req.cloud, upload, received) end
   local found = data.digest(data.path(req.cloud, upload.file))
   if found ~= digest then
      refuse.with { status = 400, code = "DIGEST_INVALID", message = "provided digest did not match uploaded content",
         detail = { Digest = digest, Reason = json.object {} } }
   end
   data.keep(req.state, req.at, upload, digest)
   return stored(req, digest)
end)

route("GET " .. UPLOADS .. "/:id", { needs = "pull,push" }, function(req)
   return 204, nil, place(req, find_upload(req))
end)

route("DELETE " .. UPLOADS .. "/:id", { needs = "pull,push", write = true }, function(req)
   data.drop_upload(req.state, find_upload(req).id)
   return 204
end)

-- Manifests.

local MANIFEST = "/v2/*name/manifests/:reference"

route("GET|HEAD " .. MANIFEST, { needs = "pull" }, function(req)
   local found = manifests.find(req)
   local headers = { ["Docker-Content-Digest"] = found.digest, Etag = '"' .. found.digest .. '"',
      ["Content-Type"] = found.type, ["Content-Length"] = tostring(#found.body) }
   if req.headers["if-none-match"] == headers.Etag then return 304, nil, headers end
   return 200, req.method == "HEAD" and "" or found.body, headers
end)

route("PUT " .. MANIFEST, { needs = "pull,push", max_body = 4 * 1024 * 1024 }, function(req)
   local digest = "sha256:" .. crypto.hex(crypto.sha256(req:text()))
   manifests.put(req, digest)
   return 201, nil, { ["Docker-Content-Digest"] = digest, ["Content-Length"] = "0",
      Location = ("https://%s/v2/%s/manifests/%s"):format(req.host, req.at.repository, digest) }
end)

route("DELETE " .. MANIFEST, { needs = "delete" }, function(req)
   local digest = digest_of(req.params.reference)
   if not data.manifest(req.state, req.at, digest) then manifests.unknown(req, digest) end
   data.delete_manifest(req.state, req.at, digest)
   return 202, nil, { ["Content-Length"] = "0" }
end)

route("GET /v2/*name/tags/list", { needs = "pull" }, function(req)
   local rows, list = data.tags(req.state, req.at), json.array {}
   if not rows then
      refuse.with { status = 404, code = "NAME_UNKNOWN", message = "repository name not known to registry",
         detail = { name = req.at.repository } }
   end
   for index, row in ipairs(rows) do list[index] = row.tag end
   return 200, { name = req.at.repository, tags = list }
end)

acr:job("acr-sweep", data.sweep)
acr.files = { "registry" }
acr.stop = data.forget

return acr
