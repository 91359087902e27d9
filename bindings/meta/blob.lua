---@meta aci.blob
--- Blob storage by account key, by token, or by an address with a signature (SAS).
---
---     local store = blob.connect(config, "orionflows01", az:storage_key "orionflows01")
---     store:create_container "flows"
---     store:upload("flows", "demo/flow.py", "scripts/flows/key_vault_demo/flow.py")
---
---     local link = store:sas("flows", "demo/flow.py", { expires = os.time() + 600 }) -- for somebody without the key
---     blob.connect(config, nil, link):download("flows", "demo/flow.py", "flow.py")
local blob = {}

---@class aci.Store
---@field account string
---@field endpoint string
local Store = {}

--- One signed request. Raises refusals.
---@param request {method: string, container: string, name?: string, query?: table, headers?: table, options?: table, body?: string|aci.Secret, sink?: any, accept?: table<integer, boolean>}
---@return aci.http.Response
function Store:send(request) end

---@class aci.BlobOptions
---@field content_type? string
---@field metadata? table<string, string>
---@field if_match? string
---@field if_none_match? string "*": only when there is none
---@field single? integer upload: largest size of one request, in bytes (64 MiB)
---@field block? integer upload: size of a block (8 MiB)
---@field at_once? integer upload: blocks at once (4)

---@class aci.Blob
---@field name? string
---@field size integer
---@field etag string
---@field last_modified string
---@field content_type string
---@field md5? string base64
---@field metadata table<string, string>

--- `key`: the account's key; a credential (which needs a data role); or a SAS, as its query or as an address with
--- it, which names the account too. Both default to the settings'.
---@param config aci.Config
---@param account? string
---@param key? string|aci.Secret|aci.Credential
---@return aci.Store
function blob.connect(config, account, key) end

--- Waits for a name that is being deleted.
---@return boolean # false: it was there
function Store:create_container(container) end

---@return boolean
function Store:container_exists(container) end

---@return boolean # was it there?
function Store:delete_container(container) end

---@param data string|aci.Secret
---@param options? aci.BlobOptions
---@return {etag: string, last_modified: string, md5: string}
function Store:put(container, name, data, options) end

--- A file, streamed; a large one in blocks.
---@param options? aci.BlobOptions
---@return {etag: string, last_modified: string, md5: string}
function Store:upload(container, name, path, options) end

---@param options? aci.BlobOptions
---@return string? data, aci.Blob properties # no data when it is not modified (if_none_match)
function Store:get(container, name, options) end

--- To a file, which appears when it is whole.
---@return aci.Blob
function Store:download(container, name, path, options) end

---@return aci.Blob? # nil when there is none
function Store:properties(container, name) end

---@return boolean # was it there?
function Store:delete(container, name, options) end

--- Through all pages. Options: prefix, delimiter, page, metadata (true: with it).
---@param options? {prefix?: string, delimiter?: string, page?: integer, metadata?: boolean}
---@return aci.Blob[] blobs, string[] prefixes
function Store:list(container, options) end

---@class aci.SasOptions
---@field permissions? string letters: r read, a add, c create, w write, d delete, l list ("r"; of a container "rl")
---@field expires? number|string epoch seconds or "2030-01-01T00:00:00Z" (in an hour)
---@field starts? number|string best left out: clocks differ
---@field ip? string an IPv4 address or "10.0.0.1-10.0.0.9"
---@field protocol? "https"|"https,http" "https", where the service is reached by it
---@field cache_control? string what answers say of the blob, as the four below
---@field content_disposition? string
---@field content_encoding? string
---@field content_language? string
---@field content_type? string

--- A service SAS: the address of a container (`name` nil) or blob with a signature that lets whoever has it do
--- what the options say, for a time. Only for a client that has the account's key. Renewing that key ends it.
---@param container string
---@param name? string
---@param options? aci.SasOptions
---@return aci.Secret url
function Store:sas(container, name, options) end

return blob
