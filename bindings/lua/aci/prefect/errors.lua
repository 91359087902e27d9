--- Prefect's error bodies as one aci.error. A 422 repeats the request body, secrets included: it is
-- never copied.

local json   = require "aci.json"
local secret = require "aci.secret"
local fail   = require "aci.error"

local errors = {}

local KINDS = { [400] = "invalid", [401] = "auth", [403] = "permission", [404] = "not_found",
   [405] = "failed", [408] = "timeout", [409] = "conflict", [422] = "invalid", [423] = "conflict",
   [429] = "throttled", [502] = "throttled", [503] = "throttled" }

local ADVICE = {
   [401] = "set PREFECT_API_KEY (Cloud) or PREFECT_API_AUTH_STRING (a server with basic auth)",
   [404] = "is PREFECT_API_URL the API's own address? it ends in /api",
}

local function place(loc)
   local parts = {}
   for _, part in ipairs(loc) do parts[#parts + 1] = tostring(part) end
   return table.concat(parts, ".")
end

--- One line per refused field, "body.name: what is wrong".
local function fields(list)
   local lines = {}
   for _, item in ipairs(list) do
      lines[#lines + 1] = place(item.loc or {}) .. ": " .. tostring(item.msg)
   end
   return table.concat(lines, "; ")
end

local function decode(response)
   local text = response.body
   if secret.is(text) then text = secret.reveal(text) end
   local body = json.decode(text)
   return type(body) == "table" and body or {}
end

--- What the server says is wrong.
function errors.detail(response)
   local body = decode(response)
   if type(body.exception_detail) == "table" then return fields(body.exception_detail) end
   local said = body.detail or body.exception_message
   if type(said) == "table" then return fields(said) end
   return said and tostring(said) or ("status " .. response.status)
end

-- A route's own 404 is an answer; the router's means that this is not the API, as does one in HTML or with nothing.
local NO_ROUTE, NO_DETAIL = "Not Found", "status 404"

--- True when a 404 says that a thing is absent, not that there is no such route.
function errors.is_absent(response)
   local detail = errors.detail(response)
   return detail ~= NO_ROUTE and detail ~= NO_DETAIL
end

local function advice(status, response)
   if status == 404 and errors.is_absent(response) then return nil end
   return ADVICE[status]
end

--- The decoded body of a good answer. A server's own pages answer any address with HTML.
function errors.body(response, method, url)
   local body = json.decode(response.body)
   if body == json.null then return nil end
   if body ~= nil then return body end
   fail.raise { kind = "server", code = "prefect_not_json", status = response.status, method = method, url = url,
      message = "Prefect: the answer is not JSON", advice = ADVICE[404] }
end

function errors.raise(response, method, url)
   local detail = errors.detail(response)
   fail.raise { kind = KINDS[response.status] or (response.status >= 500 and "server" or "failed"),
      code = "prefect_" .. response.status, status = response.status, message = "Prefect: " .. detail,
      method = method, url = url, advice = advice(response.status, response) }
end

return errors
