---@meta aci.registry
--- Container registries by the OCI distribution API: push and read images.
---
---     local images = registry.connect { host = "ours.azurecr.io", azure = auth.credential(config) }
---     images:push("acihost", "latest", require "aci.image".read "acihost-image.tar")
local registry = {}

---@class aci.registry.Options
---@field host string host or host:port; plain HTTP is spoken with this machine only
---@field user? string
---@field password? aci.Secret
---@field azure? aci.Credential for Azure Container Registry: its token is exchanged for the registry's own
---@field chunk? integer upload in pieces of so many bytes; default: each blob in one
---@field http? table the transport (default aci.http's)
---@field on_blob? fun(digest: string, size: integer, was_there: boolean) told after each blob

---@class aci.Registry
local Registry = {}

--- One request, signed in as the registry asks; a status that is not wanted is raised.
---@param request {method: string, url: string, headers?: table, body?: any, want: table<integer, boolean>, scope?: string, safe?: boolean}
---@return aci.http.Response
function Registry:send(request) end

--- Sends what the registry lacks, then the manifest under the tag. Blobs that are there are not sent.
---@param repository string
---@param tag string
---@param made aci.Image
---@return {digest: string, sent: integer, skipped: integer} # blobs
function Registry:push(repository, tag, made) end

--- Is the blob there?
---@return boolean
function Registry:has_blob(repository, digest) end

--- The manifest that a tag or digest means; nil where there is none.
---@return string? bytes, string? digest
function Registry:manifest(repository, reference) end

---@param options aci.registry.Options
---@return aci.Registry
function registry.connect(options) end

--- A client of a registry of Azure with the settings' own login, on the local cloud too.
---@param config aci.Config
---@param host string its login server: "ours.azurecr.io"
---@param options? table as for `connect`
---@return aci.Registry
function registry.azure(config, host, options) end

--- "host:5000/team/acihost:1.0" in its parts; the tag is "latest" where none is named. Raises kind "usage".
---@param text string
---@return {host: string, repository: string, tag: string}
function registry.reference(text) end

return registry
