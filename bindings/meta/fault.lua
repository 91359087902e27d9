---@meta aci.fault
--- From an answer of Azure to one error object: nested details flattened, JSON in strings decoded, the
--- innermost cause first, a kind (aci.error), the request id, advice. What aci.azure and the others use.
local fault = {}

---@class aci.Cause
---@field code? string
---@field message? string
---@field target? string
---@field inner? string code of an innererror

--- The causes in an error body: a table, or text that may be JSON.
---@param body any
---@return aci.Cause[] # innermost first
function fault.causes(body) end

--- The kind of error for a status and codes; any may be nil.
---@param status? integer
---@param code? string
---@param inner? string
---@return string
function fault.kind(status, code, inner) end

--- The error object of an answer. Fields: method, url, kind, advice, request_id.
---@param response aci.http.Response
---@param fields? table
---@return aci.Error
function fault.from(response, fields) end

--- The error object of causes.
---@param causes aci.Cause[]
---@param fields table status, method, url, request_id, kind, message (put in front), advice
---@return aci.Error
function fault.new(causes, fields) end

--- The text of an answer's body, also where that is a secret.
---@param response aci.http.Response
---@return string?
function fault.text(response) end

--- An address without its query, which may hold signatures.
---@param url? string
---@return string?
function fault.bare_url(url) end

return fault
