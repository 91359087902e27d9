-- From an answer of Azure to one error object: nested details flattened, innermost cause first, JSON
-- that hides in strings decoded (azure/arm.md 1.3 and 4.6), a kind, the request id, advice.
local advice = require "aci.fault.advice"
local error_ = require "aci.error"
local json = require "aci.json"

local fault = {}

local kind_of_status = {
   [400] = "invalid", [401] = "auth", [403] = "permission", [404] = "not_found", [405] = "invalid",
   [408] = "timeout", [409] = "conflict", [410] = "not_found", [411] = "invalid", [412] = "conflict",
   [413] = "invalid", [415] = "invalid", [416] = "invalid", [422] = "invalid", [429] = "throttled",
}

-- Codes that say more than the status they come with.
local kind_of_code = {
   AuthorizationFailed = "permission", LinkedAuthorizationFailed = "permission",
   Authorization_RequestDenied = "permission", RequestDisallowedByPolicy = "permission",
   ForbiddenByRbac = "permission", AuthorizationPermissionMismatch = "permission",
   KeyBasedAuthenticationNotPermitted = "permission", Forbidden = "permission",
   AuthenticationFailed = "auth", InvalidAuthenticationToken = "auth", Unauthorized = "auth",
   InvalidAuthenticationTokenTenant = "auth", InvalidAuthenticationTokenAudience = "auth",
   ExpiredAuthenticationToken = "auth", NoAuthenticationInformation = "auth",
   VaultAlreadyExists = "conflict", StorageAccountAlreadyTaken = "conflict", ConflictError = "conflict",
   StorageAccountInAnotherResourceGroup = "conflict", RoleAssignmentUpdateNotPermitted = "conflict",
   RoleAssignmentExists = "conflict", Conflict = "conflict", InUseSubnetCannotBeDeleted = "conflict",
   InUseSubnetCannotBeUpdated = "conflict", SubscriptionRequestsThrottled = "throttled",
   TooManyRequests = "throttled", ServerBusy = "throttled", Throttled = "throttled",
   MissingSubscriptionRegistration = "failed", Canceled = "canceled", BadRequest = "invalid",
   NotFound = "not_found",
}

-- Wrappers: they only say that something below them failed.
local wrapper = {
   DeploymentFailed = true, ResourceDeploymentFailure = true, InvalidTemplateDeployment = true,
   ValidationForResourceFailed = true, PreflightValidationCheckFailed = true,
   MultipleErrorsOccurred = true,
}

--- A table from a string that holds a JSON object or array, else nil.
local function decoded(text)
   if type(text) ~= "string" or not text:find "^%s*[%[{]" then return nil end
   local value = json.decode(text)
   return type(value) == "table" and value or nil
end

local function is_text(value)
   return type(value) == "string" and value ~= ""
end

--- The object with code and message inside the many envelopes: {error={}}, {["odata.error"]={}}, flat,
--- {Message=}, {error="invalid_client"}.
local function unwrap(node)
   local inner = node.error or node["odata.error"] or node.Error
   if type(inner) == "table" then return unwrap(inner) end
   local message = node.message or node.Message or node.error_description
   if type(message) == "table" then message = message.value end
   return node, node.code or node.Code or (is_text(node.error) and node.error) or nil, message
end

local function innermost_code(node)
   local inner = node.innererror or node.innerError
   local code
   while type(inner) == "table" do
      code = is_text(inner.code) and inner.code or code
      inner = inner.innererror or inner.innerError
   end
   return code
end

local function children_of(node)
   local details = node.details
   if type(details) ~= "table" then return {} end
   if details[1] == nil and (details.code or details.message) then return { details } end
   return details
end

--- Adds the causes below and at `node` to `causes`, the deepest first.
local function collect(node, causes, depth)
   if depth > 20 then return end
   if type(node) == "string" then node = decoded(node) or { message = node } end
   if type(node) ~= "table" then return end
   local object, code, message = unwrap(node)
   local hidden = decoded(message)
   for _, child in ipairs(children_of(object)) do collect(child, causes, depth + 1) end
   if hidden then
      collect(hidden, causes, depth + 1)
   elseif is_text(code) or is_text(message) then
      causes[#causes + 1] = { code = is_text(code) and code or nil, inner = innermost_code(object),
         message = is_text(message) and message or nil, target = object.target }
   end
end

local function without_repeats(causes)
   local seen, kept = {}, {}
   for _, cause in ipairs(causes) do
      local key = (cause.code or "") .. "\0" .. (cause.message or "")
      if not seen[key] then kept[#kept + 1] = cause end
      seen[key] = true
   end
   return kept
end

--- The causes in an error body (a table, or text that may be JSON), innermost first, each
--- `{code, message, target, inner}`. Wrappers come after what they wrap.
function fault.causes(body)
   local causes = {}
   collect(body, causes, 1)
   causes = without_repeats(causes)
   local own, wrapping = {}, {}
   for _, cause in ipairs(causes) do
      local list = wrapper[cause.code] and wrapping or own
      list[#list + 1] = cause
   end
   return table.move(wrapping, 1, #wrapping, #own + 1, own)
end

--- The kind of error for a code and a status (either may be nil).
function fault.kind(status, code, inner)
   return kind_of_code[inner] or kind_of_code[code] or kind_of_status[status]
      or (status and status >= 500 and "server") or "failed"
end

local function role_advice(message)
   local action = message and message:match "Action: '([^']+)'"
   local role = action and advice.roles[action]
   return role and ("the caller has no role with %s: give it %s on the vault; a new assignment takes some "
      .. "minutes to count"):format(action, role)
end

local function advice_for(cause)
   return role_advice(cause.message) or advice[cause.inner] or advice[cause.code]
      or (cause.message and cause.message:find("deleted state", 1, true) and advice.VaultAlreadyExists) or nil
end

local id_headers = { "x-ms-request-id", "request-id", "x-ms-correlation-request-id",
   "x-ms-client-request-id" }

local function request_id(response, body)
   for _, name in ipairs(id_headers) do
      if response.headers[name] then return response.headers[name] end
   end
   if type(body) ~= "table" then return nil end
   local inner = type(body.error) == "table" and (body.error.innerError or body.error.innererror)
   return body.trace_id or (type(inner) == "table" and inner["request-id"]) or nil
end

--- An address without its query: that may hold signatures.
function fault.bare_url(url)
   return url and (url:gsub("[?#].*$", ""))
end

local function lines_folded(text)
   return (text:gsub("%s*[\r\n]+%s*", " "):gsub("%s+$", ""))
end

--- Key Vault's refusal says in ten lines who may not do what; a log has it many times. The whole of it stays in
-- `details`.
local function vault_refusal(message)
   local who = message:match "^Caller is not authorized to perform action on resource.*Caller: ([^\r\n]*)"
   local action, resource = message:match "Action: '([^']+)'", message:match "Resource: '([^']+)'"
   if not (who and action and resource) then return nil end
   return ("the caller (%s) may not %s on %s"):format(who:match "appid=[^;]+" or who, action,
      resource:match "/vaults/(.+)$" or resource)
end

--- The error object for causes. `fields` gives status, method, url, request_id and may give kind,
--- message (used in front of the cause's own) and advice.
function fault.new(causes, fields)
   local first = causes[1] or {}
   local message = first.message and lines_folded(first.message)
      or first.code or ("the service answered %s"):format(fields.status or "with a failure")
   local details = {}
   for i = 2, #causes do details[i - 1] = causes[i] end
   local short = first.message and vault_refusal(first.message)
   if short then
      table.insert(details, 1, first)
      message = short
   end
   return error_.new {
      kind = fields.kind or fault.kind(fields.status, first.code, first.inner),
      code = first.inner or first.code, status = fields.status,
      message = fields.message and (fields.message .. ": " .. message) or message,
      method = fields.method, url = fault.bare_url(fields.url), request_id = fields.request_id,
      advice = fields.advice or advice_for(first), details = details[1] and details or nil,
      target = first.target,
   }
end

--- The text of an answer's body, also where it was asked for as a secret: a refusal holds none.
function fault.text(response)
   local body = response.body
   if body ~= nil and type(body) ~= "string" then body = require("aci.secret").reveal(body) end
   return body
end

--- The error object for an answer with a status of 400 or more. `fields` as for fault.new.
function fault.from(response, fields)
   local text = fault.text(response)
   local body = decoded(text)
   local causes = body and fault.causes(body) or {}
   local all = { status = response.status, request_id = request_id(response, body) }
   for key, value in pairs(fields or {}) do all[key] = value end
   all.url = all.url or response.url
   return fault.new(causes, all)
end

return fault
