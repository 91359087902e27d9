-- Container images made by hand: a list of files becomes one layer, and a tape archive that is an OCI layout
-- and a Docker archive at once. Equal files give equal bytes.
local archive = require "aci.archive"
local crypto = require "aci.crypto"
local error_ = require "aci.error"
local fs = require "aci.fs"
local json = require "aci.json"

local image = {}

local types = {
   index = "application/vnd.oci.image.index.v1+json",
   manifest = "application/vnd.oci.image.manifest.v1+json",
   config = "application/vnd.oci.image.config.v1+json",
   layer = "application/vnd.oci.image.layer.v1.tar+gzip",
}

local function digest(bytes)
   return "sha256:" .. crypto.hex(crypto.sha256(bytes))
end

local function descriptor(kind, bytes)
   return { mediaType = types[kind], digest = digest(bytes), size = #bytes }
end

--- "2023-11-14T22:13:20Z"
local function iso(seconds)
   return os.date("!%Y-%m-%dT%H:%M:%SZ", seconds)
end

-- Every folder above an entry is one too; "./a//b" and "/a/b" are "a/b".
local function complete(entries)
   local by_name = {}
   for _, entry in ipairs(entries) do
      local name = entry.name:gsub("^[./]+", ""):gsub("//+", "/")
      local copy = {}
      for key, value in pairs(entry) do copy[key] = value end
      copy.name = name
      if by_name[name] and not name:find "/$" then
         error_.raise { kind = "invalid", code = "Twice", message = "the image would hold " .. name .. " twice" }
      end
      by_name[name] = copy
      for above in name:gmatch "()/." do
         local folder = name:sub(1, above)
         by_name[folder] = by_name[folder] or { name = folder }
      end
   end
   return by_name
end

--- The tape archive of a layer: sorted by name, folders first, every time `mtime`.
function image.layer(entries, mtime)
   local by_name, list = complete(entries), {}
   for _, entry in pairs(by_name) do
      entry.mtime = mtime
      list[#list + 1] = entry
   end
   table.sort(list, function(a, b) return a.name < b.name end)
   return archive.tar(list)
end

--- An image of one layer. `options`: entries (see aci.archive), architecture, created (seconds since 1970;
-- default 0), settings (the config's "config": Env, Entrypoint, Cmd, WorkingDir, Labels).
function image.build(options)
   local created = options.created or 0
   local tape = image.layer(options.entries, created)
   local layer = archive.gzip(tape, 9)
   local config = json.encode {
      created = iso(created), architecture = options.architecture, os = "linux", config = options.settings,
      rootfs = { type = "layers", diff_ids = { digest(tape) } },
      history = { { created = iso(created), created_by = "acihost image.lua" } },
   }
   local manifest = json.encode { schemaVersion = 2, mediaType = types.manifest,
      config = descriptor("config", config), layers = { descriptor("layer", layer) } }
   return { manifest = manifest, media_type = types.manifest, digest = digest(manifest),
      blobs = { { digest = digest(config), data = config }, { digest = digest(layer), data = layer } } }
end

local function blob_name(sum)
   return "blobs/" .. sum:gsub(":", "/")
end

--- The image as one tape archive for `oci-archive:` and `docker-archive:`. `name`: "REPOSITORY:TAG".
function image.archive(made, name)
   local described = json.decode(made.manifest)
   local tag = name:match ":([^/:]+)$" or "latest"
   local entries = {
      { name = "oci-layout", data = json.encode { imageLayoutVersion = "1.0.0" } },
      { name = "index.json", data = json.encode { schemaVersion = 2, mediaType = types.index, manifests = {
         { mediaType = made.media_type, digest = made.digest, size = #made.manifest,
            annotations = { ["org.opencontainers.image.ref.name"] = tag } } } } },
      { name = "blobs/" }, { name = "blobs/sha256/" },
      { name = blob_name(made.digest), data = made.manifest },
   }
   for _, blob in ipairs(made.blobs) do
      entries[#entries + 1] = { name = blob_name(blob.digest), data = blob.data }
   end
   local layers = {}
   for i, layer in ipairs(described.layers) do layers[i] = blob_name(layer.digest) end
   entries[#entries + 1] = { name = "manifest.json", data = json.encode { { RepoTags = { name },
      Config = blob_name(described.config.digest), Layers = layers } } }
   return archive.tar(entries)
end

local function bad(path, why)
   error_.raise { kind = "invalid", code = "Image", message = path .. ": " .. why }
end

--- The checked content of a descriptor.
local function content(path, files, described)
   local data = files[blob_name(described.digest)]
   if not data then bad(path, described.digest .. " is missing") end
   if #data ~= described.size or digest(data) ~= described.digest then
      bad(path, described.digest .. " is not what its digest or size says")
   end
   return data
end

local function check_layers(path, made, described)
   local config = json.decode(made.blobs[1].data)
   local sums = config and config.rootfs and config.rootfs.diff_ids or {}
   if #sums ~= #described.layers then bad(path, "the config and the manifest count different layers") end
   for i, sum in ipairs(sums) do
      local tape, why = archive.gunzip(made.blobs[i + 1].data)
      if not tape or digest(tape) ~= sum then
         bad(path, ("layer %d is not what its diff_id says%s"):format(i, why and ": " .. why.message or ""))
      end
   end
end

--- The image in an `oci-archive:` file, every digest and size checked. Raises kind "invalid".
function image.read(path)
   local entries, why = archive.untar(assert(fs.read(path)))
   if not entries then bad(path, why.message) end
   local files = {}
   for _, entry in ipairs(entries) do files[entry.name:gsub("^%./", "")] = entry.data end
   local index = json.decode(files["index.json"] or "")
   local first = index and index.manifests and index.manifests[1]
   if not first or first.mediaType ~= types.manifest then bad(path, "it holds no OCI image") end
   local made = { manifest = content(path, files, first), media_type = types.manifest, digest = first.digest }
   local described = json.decode(made.manifest)
   made.blobs = { { digest = described.config.digest, data = content(path, files, described.config) } }
   for _, layer in ipairs(described.layers) do
      made.blobs[#made.blobs + 1] = { digest = layer.digest, data = content(path, files, layer) }
   end
   check_layers(path, made, described)
   return made
end

return image
