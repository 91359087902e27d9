---@meta aci.config
--- The settings of a script: what it was given, the environment, config.lua, the defaults; checked
--- before any request. A wrong one raises kind "usage" and is named, with why and an example.
---
---     local c = config.load { location = "westeurope" }
---     print(c.vault, c.from.vault)
local config = {}

---@class aci.Config
---@field cloud "local"|"azure"
---@field home? string state folder of the local cloud
---@field tenant? string GUID or domain
---@field subscription? string
---@field client_id? string
---@field client_secret? aci.Secret
---@field location string
---@field any_location boolean take a region that our list does not know
---@field group string
---@field vault? string derived from subscription and group where it is not set
---@field storage_account? string derived as the vault's name is
---@field storage_key? aci.Secret
---@field blob_endpoint? string another Blob service, with the account in its path (Azurite)
---@field container string
---@field identity string
---@field vnet string
---@field subnet string
---@field agent string the agent's container group
---@field principal string display name of the service principal
---@field role "custom"|"Contributor"
---@field testsecret aci.Secret
---@field prefect_url? string
---@field prefect_key? aci.Secret
---@field prefect_auth? aci.Secret
---@field queue string
---@field work_pool string the work pool of Prefect 3
---@field prefect_version? "2"|"3" which Prefect the local cloud plays; unset: the one it was started with, else 2
---@field flow_language? "lua"|"python"
---@field agent_image? string
---@field job_image? string
---@field job_cpu number CPUs of a flow run's container group
---@field job_memory number its memory in GB
---@field tags table<string, string> on every resource that takes tags, beside our own; on Prefect 3 on the groups of runs too
---@field registry false|string name of the container registry for our own image; derived for `true`
---@field authority string login host
---@field arm_endpoint string
---@field graph_endpoint string
---@field vault_suffix string
---@field storage_suffix string
---@field registry_suffix string
---@field ca_file? string
---@field connect_to? string where every request of ours goes (the local cloud)
---@field from table<string, string> where each value came from
---@field notes string[] what the user should know
---@field file? string the config.lua that was read
---@field http? table a transport: `:request(options) -> response | nil, err`; scripts and tests only
---@field credential? aci.Credential scripts only

--- Loads and checks the settings. `overrides` win over the environment, that over config.lua, that
--- over the defaults. Options: `file` (a path, or false for none), `script` (config.lua is looked for
--- here, then beside it; default arg[0]), `environment` (a map in place of the process's), `need` (what
--- cloud = "azure" requires; default subscription and prefect_url).
---@param overrides? table
---@param options? {file?: string|false, script?: string, environment?: table, need?: string[]}
---@return aci.Config
function config.load(overrides, options) end

--- Fills the names that derive from subscription and group. Called by load() and, on the local cloud,
--- when that is known.
---@param c aci.Config
---@return aci.Config
function config.derive(c) end

return config
