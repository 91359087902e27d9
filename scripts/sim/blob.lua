--- Blob storage, data plane: containers and block blobs, their bytes as files below the cloud's home. Split
-- by what it holds: blobauth (who may), blobdata (what is kept), blobread, blobwrite, bloblist, blobwords.
-- Containers are the resources that the management plane shows (storage.lua).
local clock   = require "aci.clock"
local fs      = require "aci.fs"
local auth    = require "sim.blobauth"
local data    = require "sim.blobdata"
local list    = require "sim.bloblist"
local read    = require "sim.blobread"
local service = require "sim.service"
local storage = require "sim.storage"
local words   = require "sim.blobwords"
local write   = require "sim.blobwrite"

local COMPS = { list = true, metadata = true, properties = true, block = true, blocklist = true }
local RESTYPES = { container = true, service = true, account = true }
local FOREIGN = { comp = "lease snapshot copy acl tags tier undelete batch pages page appendblock seal query "
   .. "stats userdelegationkey incrementalcopy expiry immutabilitypolicies legalhold blobs" }
-- What would change the meaning of a request may not be passed over in silence.
local FOREIGN_HEADERS = { "x-ms-copy-source", "x-ms-encryption-key", "x-ms-encryption-scope", "x-ms-tags",
   "x-ms-if-tags", "x-ms-immutability-policy-until-date", "x-ms-legal-hold", "x-ms-structured-body",
   "x-ms-expiry-option" }

local function check_query(req)
   local query = req.query
   for _, name in ipairs { "snapshot", "versionid" } do
      if query[name] then
         words.not_here("?" .. name)
      end
   end
   local comp, restype = (query.comp or ""):lower(), (query.restype or ""):lower()
   if comp ~= "" and (" " .. FOREIGN.comp .. " "):find(" " .. comp .. " ", 1, true) then
      words.not_here("comp=" .. query.comp)
   elseif comp ~= "" and not COMPS[comp] then
      words.bad_query("comp", query.comp)
   elseif restype ~= "" and not RESTYPES[restype] then
      words.bad_query("restype", query.restype)
   end
end

local function check_headers(req)
   for _, name in ipairs(FOREIGN_HEADERS) do
      if req.headers[name] then
         words.not_here(name)
      end
   end
   if req.headers["x-ms-lease-id"] then
      words.refuse(req.params.name and "LeaseNotPresentWithBlobOperation"
         or "LeaseNotPresentWithContainerOperation")
   end
end

local function check_names(req)
   local container, name = req.params.container, req.params.name
   if name == "" and not req.raw_path:find("/", 2, true) then
      words.not_here "blobs of $root without its name"
   elseif container and not (container == "$root" or container == "$web" or container == "$logs") then
      words.unless(#container >= 3 and #container <= 63, "OutOfRangeInput")
      words.unless(container:find "^[a-z0-9][a-z0-9-]*[a-z0-9]$" and not container:find("--", 1, true),
         "InvalidResourceName")
   end
   if name then
      local length = utf8.len(name)
      words.unless(length and length > 0, "InvalidUri")
      words.unless(length <= 1024, "OutOfRangeInput")
      local _, slashes = name:gsub("/", "")
      words.unless(slashes < 254, "InvalidUri")
   end
end

local blob = service { name = "blob", host = "*.blob.core.windows.net", schema = data.SCHEMA, exact = true,
   files = { "blobs" }, error = words.error, headers = words.headers }

-- An unknown account is no more than an unknown host.
local function check_account(req)
   words.unless(storage.account(req.state, (req.label:gsub("%-secondary$", ""))), "ResourceNotFound")
end

function blob.before(req, route)
   check_account(req)
   check_query(req)
   auth.identify(req, route)
   check_names(req)
   check_headers(req)
   auth.authorize(req, route.right)
   if req.params.container and not route.makes then
      words.unless(req.container, "ContainerNotFound")
   end
end

--- What no route takes.
function blob.missing(req)
   check_account(req)
   check_query(req)
   words.not_here(("%s %s with these parameters"):format(req.method, req.path))
end

function blob.start(cloud)
   data.tidy(cloud)
end

function blob.stop(cloud)
   data.forget(cloud)
end

blob:job("blob-sweep", function(cloud)
   data.sweep(cloud)
end)

--- Adds a route whose caller blobauth finds. `options`: right, query, write, makes (a container).
local function route(pattern, options, handler)
   options.anonymous = true
   blob:route(pattern, options, handler)
end

--- A route for a blob that exists: handler(req, blob). Of one that does not, no ETag holds.
local function of_blob(pattern, options, handler)
   route(pattern, options, function(req)
      local found = data.blob(req.state, req.container_key, req.params.name)
      if not found then read.conditions(req, nil, req.method == "GET" or req.method == "HEAD") end
      return handler(req, words.unless(found, "BlobNotFound"))
   end)
end

--- A route that takes bytes: into a file first, then handler(req, taken) in one transaction. A file that was
-- not wanted in the end goes.
local function upload(pattern, options, column, handler)
   options.stream = true
   route(pattern, options, function(req)
      if options.announced then
         options.announced(req)
      end
      local taken = write.receive(req, column)
      local results = table.pack(pcall(req.state.atomically, req.state, function()
         words.unless(req.state:resource(req.container_id), "ContainerNotFound")
         return handler(req, taken)
      end))
      if not results[1] then
         fs.remove(taken.path)
         error(results[2], 0)
      end
      return table.unpack(results, 2, results.n)
   end)
end

-- Containers.

local CONTAINER = "/:container"
local READ, WRITE = "containers/read", "containers/write"

local function container_headers(row)
   local p = row.body.properties
   local headers = { ETag = row.body.etag,
      ["Last-Modified"] = clock.http_date(clock.parse_iso(p.lastModifiedTime)) }
   return headers, p
end

route("GET /", { query = { comp = "list" }, right = { action = READ } }, list.containers)

route("PUT " .. CONTAINER, { query = { restype = "container" }, makes = true, right = { action = WRITE } },
   function(req)
   words.unless(not req.query.comp, "InvalidQueryParameterValue")
   local access = req.headers["x-ms-blob-public-access"]
   if access and access ~= "blob" and access ~= "container" then
      words.bad_header("x-ms-blob-public-access", access)
   elseif access and not req.account.body.properties.allowBlobPublicAccess then
      words.refuse "PublicAccessNotPermitted"
   end
   words.unless(not req.container, "ContainerAlreadyExists")
   words.unless(not data.gone_until(req.state, req.container_id), "ContainerBeingDeleted")
   local row = storage.make_container(req.state, req.container_id, {
      access = access and access:gsub("^%l", string.upper), metadata = write.metadata(req) })
   return 201, nil, (container_headers(row))
end)

local function describe_container(req)
   local headers, p = container_headers(req.container)
   headers["x-ms-lease-status"], headers["x-ms-lease-state"] = "unlocked", "available"
   headers["x-ms-has-immutability-policy"], headers["x-ms-has-legal-hold"] = "false", "false"
   headers["x-ms-immutable-storage-with-versioning-enabled"] = "false"
   headers["x-ms-default-encryption-scope"] = p.defaultEncryptionScope
   headers["x-ms-deny-encryption-scope-override"] = "false"
   headers["x-ms-blob-public-access"] = p.publicAccess ~= "None" and p.publicAccess:lower() or nil
   for name, value in pairs(p.metadata or {}) do
      headers["x-ms-meta-" .. name] = value
   end
   return 200, nil, headers
end

local CONTAINER_READ = { action = READ, public = "Container" }
local OF_METADATA = { restype = "container", comp = "metadata" }
route("GET|HEAD " .. CONTAINER, { query = { restype = "container" }, right = CONTAINER_READ },
   describe_container)
route("GET|HEAD " .. CONTAINER, { query = OF_METADATA, right = CONTAINER_READ }, describe_container)

route("PUT " .. CONTAINER, { query = OF_METADATA, right = { action = WRITE } }, function(req)
   local body = req.container.body
   body.etag, body.properties.lastModifiedTime = data.etag(), clock.iso(clock.now())
   body.properties.metadata = write.metadata(req)
   return 200, nil, (container_headers(storage.keep_container(req.state, req.container_id, body)))
end)

route("DELETE " .. CONTAINER, { query = { restype = "container" }, right = { action = "containers/delete" } },
   function(req)
   read.conditions(req, { etag = req.container.body.etag,
      modified = clock.parse_iso(req.container.body.properties.lastModifiedTime) })
   data.container_removed(req.cloud, req.container_id)
   req.state:delete_resource(req.container_id)
   return 202
end)

route("GET " .. CONTAINER, { query = { restype = "container", comp = "list" },
   right = { sas = "l", data = "read", public = "Container" } }, list.blobs)

-- Blobs.

local BLOB = "/:container/*name"
local READING = { sas = "r", data = "read", public = "Blob" }

-- With c alone a SAS may write what is new, not write over what is there.
local function may_replace(req)
   if req.sas and not req.sas:find "w" then
      words.unless(not data.blob(req.state, req.container_key, req.params.name),
         "AuthorizationPermissionMismatch")
   end
end

upload("PUT " .. BLOB, { right = { sas = "cw", data = "write" }, announced = function(req)
   words.unless(not req.query.comp and not req.query.restype, "InvalidQueryParameterValue")
   local kind = req.headers["x-ms-blob-type"]
   if not kind then
      words.refuse("MissingRequiredHeader", { detail = { { "HeaderName", "x-ms-blob-type" } } })
   elseif kind == "PageBlob" or kind == "AppendBlob" then
      words.not_here("the blob type " .. kind)
   elseif kind ~= "BlockBlob" then
      words.bad_header("x-ms-blob-type", kind)
   end
   may_replace(req)
   write.metadata(req)
end }, 2, write.blob)

upload("PUT " .. BLOB, { query = { comp = "block" }, right = { sas = "cw", data = "write" } }, 3, write.block)

route("PUT " .. BLOB, { query = { comp = "blocklist" }, right = { sas = "cw", data = "write" } }, function(req)
   may_replace(req)
   return write.block_list(req)
end)

of_blob("PUT " .. BLOB, { query = { comp = "metadata" }, right = { sas = "w", data = "write" } },
   write.set_metadata)
of_blob("PUT " .. BLOB, { query = { comp = "properties" }, right = { sas = "w", data = "write" } },
   write.set_properties)

-- The headers of an answer that a SAS sets.
local OVERRIDES = { rscc = "Cache-Control", rscd = "Content-Disposition", rsce = "Content-Encoding",
   rscl = "Content-Language", rsct = "Content-Type" }

of_blob("GET " .. BLOB, { right = READING }, function(req, found)
   words.unless(not req.query.comp, "InvalidQueryParameterValue")
   read.conditions(req, found, true)
   local status, body, headers = read.get(req, found)
   for name, header in pairs(req.sas and OVERRIDES or {}) do
      if (req.query[name] or ""):find "%c" then
         words.bad_query(name, "")
      end
      headers[header] = req.query[name] or headers[header]
   end
   return status, body, headers
end)

of_blob("HEAD " .. BLOB, { right = READING }, function(req, found)
   read.conditions(req, found, true)
   return 200, nil, read.head(found)
end)

of_blob("GET|HEAD " .. BLOB, { query = { comp = "metadata" }, right = READING }, function(req, found)
   read.conditions(req, found, true)
   local headers = { ETag = found.etag, ["Last-Modified"] = clock.http_date(found.modified) }
   for name, value in pairs(found.metadata) do
      headers["x-ms-meta-" .. name] = value
   end
   return 200, nil, headers
end)

route("GET " .. BLOB, { query = { comp = "blocklist" }, right = READING }, function(req)
   return list.blocks(req, data.blob(req.state, req.container_key, req.params.name))
end)

of_blob("DELETE " .. BLOB, { right = { sas = "d", data = "delete" } }, function(req, found)
   words.unless(not req.query.comp, "InvalidQueryParameterValue")
   local snapshots = req.headers["x-ms-delete-snapshots"]
   if snapshots == "only" then
      words.not_here("x-ms-delete-snapshots: " .. snapshots)
   elseif snapshots and snapshots ~= "include" then
      words.bad_header("x-ms-delete-snapshots", snapshots)
   end
   read.conditions(req, found)
   data.delete_blob(req.state, found)
   return 202, nil, { ["x-ms-delete-type-permanent"] = "true" }
end)

return blob
