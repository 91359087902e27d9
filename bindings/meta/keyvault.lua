---@meta aci.keyvault
--- The secrets of a Key Vault. Values are secrets: they print as <secret>.
---
---     local vault = keyvault.connect(config)
---     local s = vault:secret "testsecret"     -- s.value, s.version
local keyvault = {}

---@class aci.Vault
---@field name string
---@field url string
local Vault = {}

---@class aci.VaultSecret
---@field value? aci.Secret
---@field id string
---@field name string
---@field version? string
---@field attributes table
---@field tags table
---@field content_type? string

--- A vault by an address outside of the settings' domain is asked first which token it wants, and gets one only for
--- a domain that it is in, as the SDKs do it.
---@param config aci.Config
---@param name? string the vault's name or address; default the settings'
---@param credential? aci.Credential
---@return aci.Vault
function keyvault.connect(config, name, credential) end

--- Raises kind not_found; permission, naming the role that is missing; auth, naming the tenant it wants.
---@param name string
---@param version? string
---@return aci.VaultSecret
function Vault:secret(name, version) end

---@return aci.VaultSecret? # nil when there is none
function Vault:find(name, version) end

--- Sets a secret; always a new version.
---@param value string|aci.Secret
---@param options? {content_type?: string, tags?: table, attributes?: table}
---@return aci.VaultSecret
function Vault:set(name, value, options) end

---@return aci.VaultSecret[] # without values
function Vault:list() end

---@return table[] # {name, id, recovery, deleted, purge}
function Vault:deleted() end

--- Deletes (softly) and waits.
---@return boolean # was it there?
function Vault:delete(name) end

--- Brings a deleted secret back and waits.
function Vault:recover(name) end

--- Purges a deleted secret for good.
---@return boolean # was it there?
function Vault:purge(name) end

return keyvault
