---@meta aci.error
--- One object for every fault of the world: what kind, what was said, where, and what to do. The
--- clients raise it, the bindings below them give it as second result. Uncaught, it ends the
--- program with the exit code of its kind:
---
---    1  failed, server, not_found, invalid (the service refused the content), canceled
---    2  usage        4  auth        5  permission        6  conflict
---    7  throttled, network, timeout: the same may work later
---  130  interrupted
---
---     local ok, err = pcall(vault.secret, vault, "testsecret")
---     if not ok and errors.is(err, "not_found") then print(err.message) end
local errors = {}

---@class aci.Error
---@field kind string
---@field message string
---@field code? string # what the service, or the fault itself, is called
---@field status? integer # of the HTTP answer
---@field method? string
---@field url? string # without its query
---@field request_id? string
---@field advice? string # what to do

--- Makes a table an error object; `kind` and `message` are required. Known secrets in the message are
--- masked.
---@param fields table
---@return aci.Error # the same table
function errors.new(fields) end

--- Makes one and raises it.
---@param fields table
function errors.raise(fields) end

--- Is the value an error object, and of that kind?
---@param value any
---@param kind? string
---@return boolean
function errors.is(value, kind) end

--- The exit code for an error value; 1 for what is no error object.
---@param value any
---@return integer
function errors.exit_code(value) end

return errors
