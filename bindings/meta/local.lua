---@meta aci.local
--- The client side of the local cloud (scripts/sim): finds the one that runs in the background for a
--- state folder, starts it where there is none, and points settings at it.
local cloud = {}

---@class aci.CloudAddress
---@field pid integer
---@field https_port integer
---@field proxy_port integer
---@field prefect_port integer
---@field ca_file string
---@field version string

--- The state folder: the setting home, $ACIHOST_HOME, $XDG_STATE_HOME/acihost, ~/.local/state/acihost.
---@param config? aci.Config
---@return string
function cloud.home(config) end

--- The state folder, made where it is not there yet. Raises kind usage where it cannot be used.
---@param config? table
---@return string
function cloud.make_home(config) end

--- The cloud that runs for a folder, or nil.
---@param home string
---@return aci.CloudAddress?
function cloud.find(home) end

--- Finds the cloud of a configuration, or starts it in the background and waits until it answers.
---@param config aci.Config
---@return aci.CloudAddress
function cloud.ensure(config) end

--- The built-in owner's login.
---@param config aci.Config
---@return {tenant: string, client_id: string, client_secret: aci.Secret, subscription: string}?
function cloud.owner(config) end

--- Makes a configuration ready for requests, once; every connect() calls it. Starts the local cloud where
--- that is the target; does nothing for Azure.
---@param config aci.Config
---@return aci.Config
function cloud.settle(config) end

return cloud
