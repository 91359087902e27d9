---@meta aci.rest
--- One authenticated JSON request to one service: what aci.azure, aci.graph and aci.keyvault share, and
--- what a client of another Azure service starts from.
---
---     local client = rest.client(config, { base = "https://api.example.azure.com", name = "Example",
---        credential = auth.credential(config), scope = "https://api.example.azure.com/.default" })
---     local data = client:send({ method = "GET", url = "/things?api-version=1" }).data
local rest = {}

---@class aci.rest.Client
local Client = {}

---@class aci.rest.Request
---@field method string
---@field url string a path, or an address of this service; others are refused: the token does not go there
---@field query? table
---@field json? any
---@field body? string|aci.Secret
---@field headers? table
---@field secret_body? boolean the answer's text is a secret
---@field accept? table<integer, boolean> statuses of 400 and more that are answers, not refusals
---@field retry? aci.http.Retry|false
---@field timeout? number
---@field scope? string in place of the client's

---@param config aci.Config
---@param options {base: string, name: string, scope: string, credential?: aci.Credential}
---@return aci.rest.Client
function rest.client(config, options) end

--- Sends a request; the response has its decoded body in `data`. Raises refusals. A token that has gone
--- stale is renewed once.
---@param request aci.rest.Request
---@return aci.http.Response
function Client:send(request) end

--- All items of a paged list; `link` is the member that holds the next page's address ("nextLink").
---@param request aci.rest.Request
---@param link? string
---@return table[]
function Client:pages(request, link) end

--- Does an address that the service gave stay with it? The token goes nowhere else.
---@param url string
---@return boolean
function Client:is_ours(url) end

--- The whole address of a path.
---@param url string
---@return string
function Client:absolute(url) end

--- Raises the error of an answer.
function Client:refuse(request, response, fields) end

--- The transport of a configuration: `:request(options)`, to the local cloud where that is the target.
---@param config aci.Config
---@return aci.http.Client
function rest.transport(config) end

--- The transport for this machine's own addresses: never redirected.
---@param config aci.Config
---@return aci.http.Client
function rest.direct(config) end

return rest
