---@meta aci.graph
--- Microsoft Graph: applications, service principals, passwords. What follows a creation is tried again
--- until Graph knows what was made.
---
---     local app = graph.connect(config):create_application { displayName = "prefect-aci" }
local graph = {}

---@class aci.Graph
local Graph = {}

--- One request; gives the answer, its decoded body in `data`. Raises refusals.
---@param method string
---@param path string below /v1.0
---@param body? any
---@param options? {query?: table, headers?: table, accept?: table<integer, boolean>, secret_body?: boolean}
---@return aci.http.Response
function Graph:send(method, path, body, options) end

---@param config aci.Config
---@param credential? aci.Credential
---@return aci.Graph
function graph.connect(config, credential) end

--- The object at a path below /v1.0, or nil.
---@return table?
function Graph:get(path) end

--- All objects of a list, through its pages.
---@param query? table
---@return table[]
function Graph:list(path, query) end

---@return table[] # names are not unique
function Graph:applications_named(name) end

---@return table[]
function Graph:applications_tagged(tag) end

---@param fields table as Graph names them
---@return table
function Graph:create_application(fields) end

---@param id string object id
function Graph:update_application(id, fields) end

---@return boolean # was it there?
function Graph:delete_application(id) end

--- Removes a deleted application or principal for good.
---@return boolean # was it there?
function Graph:purge(id) end

---@param app_id string client id
---@return table?
function Graph:service_principal(app_id) end

--- Makes the application's service principal, or gives the one it has.
---@return table
function Graph:create_service_principal(app_id) end

--- Adds a password under our own name; others are left alone.
---@param id string object id of the application
---@param options? {name?: string, years?: integer}
---@return {secret: aci.Secret, key_id: string, ends: string}
function Graph:add_password(id, options) end

---@return boolean # was it there?
function Graph:remove_password(id, key_id) end

--- Calls f until Graph knows what it is about; at most `seconds` (60).
function Graph:eventually(f, seconds) end

return graph
