--- Which image a container group means by NAME.azurecr.io/REPOSITORY:TAG, and whether it may have it: as Azure
-- does, with the credential that the group names for that server, at every start of the group. What is found is
-- what the group's supervisor unpacks and runs (sim/imagerun.lua).
local json       = require "aci.json"
local secret     = require "aci.secret"
local data       = require "sim.acrdata"
local registries = require "sim.containerregistry"
local state      = require "sim.state"
local tokens     = require "sim.acrtokens"

local imagepull = {}

local MANIFESTS = { ["application/vnd.oci.image.manifest.v1+json"] = true,
   ["application/vnd.docker.distribution.manifest.v2+json"] = true }

--- The parts of an image's name in a registry of Azure: { server, label, repository, reference }; nil for others.
function imagepull.parse(image)
   local label, rest = image:lower():match "^([%w-]+)%.azurecr%.io/(.+)$"
   if not label then return nil end
   rest = image:sub(#image - #rest + 1)
   local repository, digest = rest:match "^([^@]+)@(sha256:%x+)$"
   local name, tag = (repository or rest):match "^(.-):([%w_][%w._-]*)$"
   return { server = label .. ".azurecr.io", label = label, repository = name or repository or rest,
      reference = digest or tag or "latest" }
end

local function identity_may(known, registry, id)
   local row = known:resource(id)
   local principal = row and row.body.properties.principalId
   return principal ~= nil and tokens.allowed(known, registry, principal, "pull")
end

local function password_may(known, registry, group, credential)
   local value = credential.password or known:secret(group, imagepull.secret_name(credential.server))
   if not value then return false end
   local who = tokens.login(known, registry, credential.username or "",
      secret.is(value) and secret.reveal(value) or value)
   return who == "admin" or who ~= nil and tokens.allowed(known, registry, who, "pull")
end

--- The name under which a group's secrets keep the password for a server.
function imagepull.secret_name(server)
   return "registry/" .. state.key(server)
end

-- A credential for the server that lets the group pull.
local function may_pull(known, registry, group, properties, server)
   for _, credential in ipairs(properties.imageRegistryCredentials or {}) do
      if type(credential.server) == "string" and credential.server:lower() == server then
         if credential.identity then
            if identity_may(known, registry, credential.identity) then return true end
         elseif password_may(known, registry, group, credential) then
            return true
         end
      end
   end
   return false
end

--- The manifest of an image in a registry of this cloud: { digest, body, at }; nil where there is none or the
-- group (its id and properties) may not pull it.
function imagepull.find(known, group, properties, image)
   local name = imagepull.parse(image)
   local registry = registries.find(known, name.label)
   if not registry or not may_pull(known, registry, group, properties, name.server) then return nil end
   local at = { registry = registry.name:lower(), repository = name.repository }
   local found = data.manifest(known, at, name.reference)
   if not found or not MANIFESTS[found.type] then return nil end
   return { digest = found.digest, body = json.decode(found.body), at = at }
end

local function file_of(cloud, at, described)
   local blob = data.blob(cloud.state, at, described.digest)
   return blob and { digest = described.digest, file = data.path(cloud, blob.file) }
end

--- What a supervisor needs to run the image: { image, digest, config, layers }; nil as for `find`.
function imagepull.source(cloud, row, image)
   local found = imagepull.find(cloud.state, row.id, row.body.properties, image)
   if not found then return nil end
   local layers = {}
   for index, layer in ipairs(found.body.layers) do layers[index] = file_of(cloud, found.at, layer) end
   local config = file_of(cloud, found.at, found.body.config)
   if not config or #layers ~= #found.body.layers then return nil end
   return { image = image:gsub("[@:][^/]*$", "") .. "@" .. found.digest, digest = found.digest, config = config,
      layers = layers }
end

return imagepull
