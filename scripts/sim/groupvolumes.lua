--- The volumes of a container group: what Container Instances refuses in them. The local cloud's containers are
-- processes of this machine, into which nothing can be mounted without its administrator's rights, so a group
-- that mounts something is refused by the local cloud itself.
local crypto = require "aci.crypto"
local json   = require "aci.json"
local refuse = require "sim.refuse"

local groupvolumes = {}

local KINDS = { "azureFile", "emptyDir", "secret", "secretReference", "gitRepo" }

local function given(value)
   if value == json.null then return nil end
   return value
end

local function bad(code, format, ...)
   refuse(400, code, format:format(...))
end

local function check_name(name, group)
   if type(name) == "string" and #name >= 5 and #name <= 63 and name:find "^[a-z0-9][a-z0-9-]*[a-z0-9]$"
      and not name:find("--", 1, true) then return end
   bad("InvalidVolumeName", "The volume name '%s' in container group '%s' is invalid. It must be 5 to 63 "
      .. "lower-case letters, digits or hyphens.", tostring(name), group)
end

local function check_kind(volume, group)
   local count = 0
   for _, kind in ipairs(KINDS) do count = count + (given(volume[kind]) and 1 or 0) end
   -- only these two may come together
   if count == 2 and given(volume.secret) and given(volume.secretReference) then return end
   if count ~= 1 then
      bad("InvalidVolume", "The volume '%s' in container group '%s' must have exactly one kind.", volume.name, group)
   end
end

local function check_contents(volume, group)
   for name, text in pairs(given(volume.secret) or {}) do
      if not crypto.unbase64(text) then
         bad("InvalidSecretVolume", "The secret '%s' of volume '%s' in container group '%s' is not base64.", name,
            volume.name, group)
      end
   end
   local folder = given(volume.gitRepo) and given(volume.gitRepo.directory)
   if folder and folder:find("..", 1, true) then
      bad("InvalidGitRepoVolume", "The directory '%s' of volume '%s' in container group '%s' must not contain '..'.",
         folder, volume.name, group)
   end
end

local function check_mounts(container, volumes, group)
   local paths, count = {}, 0
   for _, mount in ipairs(given(container.properties.volumeMounts) or {}) do
      local path = given(mount.mountPath)
      if not volumes[mount.name] then
         bad("VolumeNotFound", "The volume '%s' mounted in container '%s' is not in container group '%s'.",
            tostring(mount.name), container.name, group)
      elseif type(path) ~= "string" or path == "" or path:find(":", 1, true) or paths[path] then
         bad("InvalidVolumeMountPath", "The mount path '%s' in container '%s' of container group '%s' is invalid.",
            tostring(path), container.name, group)
      end
      paths[path], count = true, count + 1
   end
   return count
end

--- Refuses what is wrong with the volumes and their mounts of a group.
function groupvolumes.check(properties, group)
   local list, volumes, mounts = given(properties.volumes) or {}, {}, 0
   if #list > 20 then bad("TooManyVolumes", "The container group '%s' has more than 20 volumes.", group) end
   for _, volume in ipairs(list) do
      check_name(volume.name, group)
      check_kind(volume, group)
      check_contents(volume, group)
      if volumes[volume.name] then
         bad("DuplicateVolumeName", "The volume name '%s' is used twice in container group '%s'.", volume.name, group)
      end
      volumes[volume.name] = true
   end
   for _, kind in ipairs { "initContainers", "containers" } do
      for _, container in ipairs(given(properties[kind]) or {}) do
         mounts = mounts + check_mounts(container, volumes, group)
      end
   end
   refuse.when(mounts > 0, 501, "NotImplemented", "The local cloud mounts no volumes into containers.")
end

--- What is not shown again: the contents of secrets, the keys of file shares.
function groupvolumes.hide(properties)
   for _, volume in ipairs(given(properties.volumes) or {}) do
      if given(volume.secret) then volume.secret = json.object {} end
      if given(volume.azureFile) then volume.azureFile.storageAccountKey = nil end
   end
end

return groupvolumes
