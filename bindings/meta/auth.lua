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

--- The credential that the settings give: the first of `auth.chain`. On the local cloud its built-in owner,
--- unless the settings hold a login of its tenant.
---@param config aci.Config
---@return aci.Credential
function auth.credential(config) end

--- The first credential that this machine offers, in the order of Azure's SDKs: client secret, client
--- certificate, workload identity, managed identity, az, and on a terminal a device code. One that is offered
--- but refused ends the search with its error. The setting credentials (AZURE_TOKEN_CREDENTIALS) leaves some of
--- them (prod: the first four; dev: az) or one (EnvironmentCredential, WorkloadIdentityCredential,
--- ManagedIdentityCredential, AzureCliCredential, DeviceCodeCredential).
---@param config aci.Config
--- `wait`: seconds that a silent metadata service is waited for; by default 0 where az or a terminal may come
--- next, else 6, and 60 where client_id names an identity.
---@param options? {environment?: table<string, string>, wait?: number}
---@return aci.Credential
function auth.chain(config, options) end

--- An application by its secret.
---@param config aci.Config
---@param login {tenant: string, client_id: string, client_secret: aci.Secret}
---@return aci.Credential
function auth.client_secret(config, login) end

--- An application by its certificate: a PEM file with key and certificate, or PKCS#12. The assertion is PS256
--- with x5t#S256, or with `algorithm = "RS256"` as older clients' RS256 with x5t; `send_chain` puts the
--- certificates into it. The file is read anew for each token.
---@param config aci.Config
---@param login {tenant: string, client_id: string, certificate: string, password?: aci.Secret, send_chain?: boolean, algorithm?: "PS256"|"RS256"}
---@return aci.Credential
function auth.client_certificate(config, login) end

--- Workload identity: an application by the token of an issuer that one of its federated credentials names.
--- The file is read anew for each token.
---@param config aci.Config
---@param login {tenant: string, client_id: string, token_file: string}
---@return aci.Credential
function auth.workload_identity(config, login) end

--- The managed identity of this machine or container group: by IDENTITY_ENDPOINT and IDENTITY_HEADER where
--- they are set (the form of App Service, then that of Windows container groups), else by the metadata service
--- (at AZURE_POD_IDENTITY_AUTHORITY_HOST where that is set). `wait`: seconds to keep asking an endpoint that is
--- silent (90). One of `client_id`, `principal_id`, `resource_id` names a user-assigned identity.
---@param config aci.Config
---@param options? {client_id?: string, principal_id?: string, resource_id?: string, wait?: number, environment?: table<string, string>}
---@return aci.Credential
function auth.managed_identity(config, options) end

--- Whoever is signed in with `az login`.
---@param config aci.Config
---@param options? {tenant?: string}
---@return aci.Credential
function auth.azure_cli(config, options) end

--- A person who enters a code in a browser, here or elsewhere. `show` gets what to tell (default: a line on
--- stderr). Other services are reached by the sign-in's refresh token, which stays in memory.
---@param config aci.Config
---@param options? {tenant?: string, client_id?: string, show?: fun(message: string, code: string, address: string)}
---@return aci.Credential
function auth.device_code(config, options) end

--- A credential of your own: `fetch(scope)` gives a secret token, its end, and when to renew it where that is to be
--- sooner than five minutes before (epoch seconds).
---@param name string
---@param fetch fun(scope: string): aci.Secret, number, number?
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
