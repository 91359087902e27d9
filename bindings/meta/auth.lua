---@meta aci.auth
--- Credentials: tokens for Azure's services, cached in memory, and Shared Key for storage.
---
---     local credential = auth.credential(config)
---     local token, ends = credential:token "https://vault.azure.net/.default"
local auth = {}

---@class aci.Credential
local Credential = {}

--- A token for a scope (a resource followed by "/.default") and when it ends (epoch seconds). One request
--- is made however many tasks ask. Raises kind "auth" with cause, fix and Entra's own words.
---@param scope string
---@return aci.Secret token, number ends
function Credential:token(scope) end

--- Forgets the token of a scope, because a service refused it.
---@param scope string
---@return boolean # may a new one be better?
function Credential:forget(scope) end

--- The credential that the settings give: the client secret in them, else this machine's managed identity.
--- On the local cloud its built-in owner, unless the settings hold a login of its tenant.
---@param config aci.Config
---@return aci.Credential
function auth.credential(config) end

--- An application by its secret.
---@param config aci.Config
---@param login {tenant: string, client_id: string, client_secret: aci.Secret}
---@return aci.Credential
function auth.client_secret(config, login) end

--- The managed identity of this machine or container group: by IDENTITY_ENDPOINT and IDENTITY_HEADER where
--- they are set, else by the metadata service. `wait`: seconds to keep asking an endpoint that is silent (90).
---@param config aci.Config
---@param options? {client_id?: string, wait?: number, environment?: table}
---@return aci.Credential
function auth.managed_identity(config, options) end

--- A credential of your own: `fetch(scope)` gives a secret token and its end.
---@param name string
---@param fetch fun(scope: string): aci.Secret, number
---@return aci.Credential
function auth.new(name, fetch) end

--- Waits until the login of a new application or secret is known everywhere; gives its first token.
---@param credential aci.Credential
---@param scope string
---@param seconds? number default 120
---@return aci.Secret token, number ends
function auth.wait_until_known(credential, scope, seconds) end

---@class aci.SharedKey
local SharedKey = {}

--- Adds x-ms-date and authorization to the headers (lower-case names) of a request to storage. Sign last:
--- nothing may change afterwards. content-length has to be among them where there is a body.
---@param method string
---@param url string as sent
---@param headers table
---@return table headers
function SharedKey:sign(method, url, headers) end

---@param options {account: string, key: string|aci.Secret}
---@return aci.SharedKey
function auth.shared_key(options) end

return auth
