--- The manifests of a registry: what may be put, and in which form one is given out.
local json   = require "aci.json"
local data   = require "sim.acrdata"
local refuse = require "sim.refuse"

local manifests = {}

local OCI, DOCKER = "application/vnd.oci.image.", "application/vnd.docker.distribution."
local KINDS = {
   [OCI .. "manifest.v1+json"] = "OCI manifest", [OCI .. "index.v1+json"] = "OCI index",
   [DOCKER .. "manifest.v2+json"] = "manifest", [DOCKER .. "manifest.list.v2+json"] = "manifest list",
}
local SUPPORTS = { ["OCI manifest"] = "OCI manifests", ["OCI index"] = "OCI indexes" }

local function invalid(detail)
   refuse.with { status = 400, code = "MANIFEST_INVALID", message = "manifest invalid", detail = detail }
end

--- 404 in the registry's words.
function manifests.unknown(req, reference)
   local by_digest = reference:find "^sha256:" ~= nil
   refuse.with { status = 404, code = "MANIFEST_UNKNOWN", message = "manifest unknown",
      detail = by_digest and { Name = req.at.repository, Revision = reference } or { Tag = reference } }
end

local function accepts(req, kind)
   return (req.headers.accept or ""):find(kind, 1, true) ~= nil
end

--- The manifest that the path names, where the client takes its kind.
function manifests.find(req)
   local reference = req.params.reference
   local found = data.manifest(req.state, req.at, reference)
   if not found then manifests.unknown(req, reference) end
   local supports = SUPPORTS[KINDS[found.type]]
   if supports and not accepts(req, found.type) then
      refuse.with { status = 404, code = "MANIFEST_UNKNOWN", bare = true,
         message = ("%s found, but accept header does not support %s"):format(KINDS[found.type], supports) }
   end
   return found
end

local function is_descriptor(value)
   return type(value) == "table" and type(value.digest) == "string" and math.type(value.size) == "integer"
end

-- What a manifest refers to: descriptors of blobs, or those of other manifests.
local function referred(body, kind)
   local list = {}
   if kind:find "manifest$" then
      if not is_descriptor(body.config) or type(body.layers) ~= "table" then invalid() end
      list[1] = body.config
      for _, layer in ipairs(body.layers) do list[#list + 1] = layer end
   else
      if type(body.manifests) ~= "table" then invalid() end
      for _, each in ipairs(body.manifests) do list[#list + 1] = each end
   end
   for _, each in ipairs(list) do
      if not is_descriptor(each) then invalid() end
   end
   return list, kind:find "manifest$" ~= nil
end

local function size_of(req, digest, blobs)
   if blobs then
      local blob = data.blob(req.state, req.at, digest)
      return blob and blob.size
   end
   local other = data.manifest(req.state, req.at, digest)
   return other and #other.body
end

local function check_references(req, list, blobs)
   local missing = json.array {}
   for _, each in ipairs(list) do
      local size = size_of(req, each.digest, blobs)
      if not size then
         missing[#missing + 1] = { code = blobs and "MANIFEST_BLOB_UNKNOWN" or "MANIFEST_UNKNOWN",
            message = "blob unknown to registry", detail = each.digest }
      elseif size ~= each.size then
         refuse.with { status = 400, code = "SIZE_INVALID", message = "provided length did not match content length",
            detail = each.digest }
      end
   end
   if #missing > 0 then refuse.with { status = 400, code = "MANIFEST_BLOB_UNKNOWN", list = missing } end
end

--- Checks and keeps the manifest of a request under its digest and, where the path names one, its tag.
function manifests.put(req, digest)
   local reference, kind = req.params.reference, (req.headers["content-type"] or ""):match "^[^;%s]+"
   local body = json.decode(req:text())
   if type(body) ~= "table" or body.schemaVersion ~= 2 or not KINDS[kind] then invalid() end
   if body.mediaType and body.mediaType ~= kind then invalid() end
   check_references(req, referred(body, KINDS[kind]))
   local tag = not reference:find "^sha256:" and reference or nil
   if tag then
      if not (#tag <= 128 and tag:find "^[%w_][%w._-]*$") then invalid() end
   elseif reference ~= digest then
      refuse.with { status = 400, code = "DIGEST_INVALID", message = "provided digest did not match uploaded content" }
   end
   data.put_manifest(req.state, req.at, { digest = digest, type = kind, body = req:text(), tag = tag })
end

return manifests
