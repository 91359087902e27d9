---@meta aci.image
--- Container images made by hand, without an engine. Equal files give equal bytes.
local image = {}

---@class aci.Image
---@field manifest string its bytes
---@field media_type string
---@field digest string of the manifest
---@field blobs {digest: string, data: string}[] the config, then the layers

---@class aci.image.Options
---@field entries aci.archive.Entry[] in any order; folders above them are added
---@field architecture "amd64"|"arm64"
---@field created? integer seconds since 1970 of the image and all in it; default 0
---@field settings? table the config's "config": Env, Entrypoint, Cmd, WorkingDir, Labels

--- An image of one layer. Raises kind "invalid" when a name comes twice.
---@param options aci.image.Options
---@return aci.Image
function image.build(options) end

--- The tape archive of a layer: sorted by name, every time `mtime`.
---@param entries aci.archive.Entry[]
---@param mtime integer
---@return string
function image.layer(entries, mtime) end

--- One tape archive that is good for `oci-archive:` and `docker-archive:`.
---@param made aci.Image
---@param name string "REPOSITORY:TAG"
---@return string
function image.archive(made, name) end

--- The image in an `oci-archive:` file, every size, digest and diff_id checked. Raises kind "invalid".
---@param path string
---@return aci.Image
function image.read(path) end

return image
