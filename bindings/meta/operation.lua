---@meta aci.operation
--- Long-running operations by Azure's three protocols: Azure-AsyncOperation, Location, provisioningState.
--- aci.azure makes them; see aci.Operation there.
local operation = {}

--- The operation that the response to a request began. It may be done already.
---@param client aci.rest.Client
---@param request {method: string, url: string}
---@param response aci.http.Response with `data`
---@param options? {timeout?: number, on_poll?: function, poll?: {first: number, longest: number}}
---@return aci.Operation
function operation.new(client, request, response, options) end

return operation
