---@meta aci.azure
--- Azure Resource Manager. Ids are full ("/subscriptions/...") or below the subscription
--- ("resourceGroups/x"); the api-version comes from the type where none is given. Whatever takes long is
--- waited for. Refusals raise an error object: code, message (the innermost cause), request id, advice.
---
---     local az = azure.connect(config)
---     az:put_group("aci-rg", "northeurope")
---     for _, group in ipairs(az:groups()) do print(group.name) end
local azure = {}

---@class aci.Azure
---@field subscription string
---@field credential aci.Credential
local Azure = {}

---@param config aci.Config
---@param credential? aci.Credential
---@return aci.Azure
function azure.connect(config, credential) end

--- The address of an id, with its api-version and the query.
---@param id string
---@param version? string
---@param query? table<string, string>
---@return string
function Azure:address(id, version, query) end

--- One request to an address; gives the answer, its decoded body in `data`. Raises refusals. A provider
--- that the subscription lacks is registered, and the request sent again.
---@param method string
---@param url string
---@param options {json?: any, body?: string|aci.Secret, headers?: table, accept?: table<integer, boolean>, timeout?: number, safe?: boolean, secret_body?: boolean}
---@return aci.http.Response
function Azure:send(method, url, options) end

--- The resource, or nil when there is none.
---@param id string
---@param version? string
---@return table?
function Azure:get(id, version) end

--- Makes or replaces a resource and waits; gives it as it is then.
---@param id string
---@param version? string
---@param body table
---@param options? {timeout?: number, on_poll?: function, query?: table}
---@return table
function Azure:put(id, version, body, options) end

--- Changes members of a resource (tags as a whole) and waits; gives the resource.
---@return table
function Azure:patch(id, version, body, options) end

--- An action, such as ".../listKeys"; gives its answer.
---@param options? {safe?: boolean, secret_body?: boolean, timeout?: number} safe: may be repeated
---@return table?
function Azure:post(id, version, body, options) end

--- Deletes and waits.
---@return boolean # was it there?
---@return table<string, string> # headers of the first answer
function Azure:delete(id, version, options) end

--- Begins a PUT, PATCH, POST or DELETE and gives its operation, which may be done already.
---@param method string
---@param id string
---@param options? {version?: string, json?: any, body?: string|aci.Secret, timeout?: number, on_poll?: function}
---@return aci.Operation
function Azure:start(method, id, options) end

--- All items of a list, through its pages.
---@param path string
---@param version? string
---@param query? table<string, string> such as {["$filter"] = "..."}
---@return table[]
function Azure:list(path, version, query) end

--- Declares a resource without a request: {kind = "arm", id, type, name, version, body}. Options: group,
--- scope (an id, for role assignments and other extensions), version. A child's name is "parent/child".
---@param resource_type string
---@param name string
---@param body table
---@param options? {group?: string, scope?: string, version?: string}
---@return table
function Azure:resource(resource_type, name, body, options) end

---@param name? string default the settings' group
---@return string
function Azure:group_id(name) end

---@param name? string
---@return table? # nil when there is none
function Azure:group(name) end

---@return table
function Azure:put_group(name, location, tags) end

---@return boolean # was it there?
function Azure:delete_group(name, options) end

---@return table[]
function Azure:groups() end

--- The resources of a group, without their properties.
---@return table[]
function Azure:resources(name) end

---@param namespace string such as "Microsoft.ContainerInstance"
---@return string? # "Registered", "NotRegistered", "Registering", ...
function Azure:registration(namespace) end

--- Registers a provider and waits. A request that needs one does this by itself.
---@return boolean # false: it was
function Azure:register(namespace, seconds) end

--- The first key of a storage account (resource, id or name).
---@return aci.Secret
function Azure:storage_key(account) end

--- All its keys.
---@return aci.Secret[]
function Azure:storage_keys(account) end

---@param kind "Microsoft.Storage/storageAccounts"|"Microsoft.KeyVault/vaults"
---@param name string
---@return boolean free, string? why
function Azure:name_available(kind, name) end

--- The soft-deleted vault of a name, or nil.
---@return table?
function Azure:deleted_vault(name, location) end

--- Takes a deleted vault back, with its secrets. Roles that were given on it are not.
---@param id string the vault's
---@param location string
---@return table
function Azure:recover_vault(id, location) end

function Azure:purge_vault(name, location) end

--- Asks whether a template would deploy. The text is sent as it is, with its comments.
---@param group? string
---@param name string
---@param template string|table
---@param parameters? table name to value; secrets allowed; {reference=...} goes as it is
---@return table
function Azure:validate(group, name, template, parameters) end

--- Deploys a template and waits; gives the deployment. `progress` is called with an operation (as
--- deployment_operations gives it) whenever a resource's state changes.
---@param options? {parameters?: table, mode?: string, progress?: function, timeout?: number, note?: fun(word: string, text: string)}
---@return table
function Azure:deploy(group, name, template, options) end

---@return table? # nil when there is none
function Azure:deployment(group, name) end

--- Waits until the deployment of that name, if one runs, has ended. Raises kind "timeout" after so
--- many seconds (2400).
---@param note? fun(word: string, text: string) told when it has to wait
---@param seconds? number
---@return boolean # whether it had to wait
function Azure:wait_for_deployment(group, name, note, seconds) end

--- One entry for each resource: {id, type, name, state, code, provisioning, message, time, duration}.
---@return table[]
function Azure:deployment_operations(group, name) end

--- Output values by name.
---@return table
function Azure:outputs(deployment) end

--- Stops a running deployment and waits until it says so.
function Azure:cancel_deployment(group, name) end

---@class aci.Operation
local Operation = {}

--- Waits until it is over; gives the resource (PUT, PATCH), the answer (POST) or nil. Raises its failure.
---@return table?
function Operation:wait() end

--- Asks once. True when it is over; raises when it failed.
---@return boolean
function Operation:poll() end

---@return boolean
function Operation:done() end

return azure
