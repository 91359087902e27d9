-- A scripted transport for specs of the client layer: give it as `http` in a configuration. Each entry says
-- which request must come next and what it gets:
--   { "GET https://host/path", 200, {json = "body"} or "text", {["header"] = "value"} }
-- The address is compared without its query unless the entry has one. An entry with `fail` gives nil and
-- that error. A request that is not the expected one raises.
local error_ = require "aci.error"
local json = require "aci.json"
local secret = require "aci.secret"
local task = require "aci.task"

local fake_http = {}

local Fake = {}
Fake.__index = Fake

function fake_http.new(script)
   return setmetatable({ script = script or {}, requests = {}, position = 0 }, Fake)
end

--- The members of a table with its secrets in clear, to compare them.
local function revealed(value)
   if secret.is(value) then return secret.reveal(value) end
   if type(value) ~= "table" then return value end
   local copy = {}
   for key, member in pairs(value) do copy[key] = revealed(member) end
   return copy
end

local function bare(url)
   return (url:gsub("%?.*$", ""))
end

local function check(entry, options, position)
   local method, url = entry[1]:match "^(%S+) (%S+)$"
   local sent = url:find("?", 1, true) and options.url or bare(options.url)
   if method ~= options.method or url ~= sent then
      error(("request %d is %s %s, expected %s"):format(position, options.method, options.url, entry[1]), 0)
   end
end

local function body_of(entry, options)
   local body = entry[3]
   if type(body) == "table" then body = json.encode(body) end
   if type(body) == "string" and options.secret_body then return secret.new(body) end
   return body
end

-- As the real transport: only the body of a 2xx answer goes to the sink.
local function deliver(body, options, status)
   local sink = options.sink
   if not sink or status >= 300 then return body or "" end
   local file <close> = assert(io.open(sink.file, "wb"))
   file:write(body or "")
end

function Fake:request(options)
   self.position = self.position + 1
   local entry = self.script[self.position]
   if not entry then
      error(("request %d (%s %s) is not in the script"):format(self.position, options.method, options.url), 0)
   end
   check(entry, options, self.position)
   local record = revealed(options)
   record.raw = options
   self.requests[#self.requests + 1] = record
   if entry.delay then task.sleep(entry.delay) end
   if entry.fail then return nil, error_.new(entry.fail) end
   return { status = entry[2], headers = entry[4] or {}, url = options.url, tries = 1,
      body = deliver(body_of(entry, options), options, entry[2]) }
end

--- The nth request that came.
function Fake:got(n)
   return self.requests[n]
end

--- Raises unless the whole script was used.
function Fake:finished()
   if self.position ~= #self.script then
      error(("%d requests came, the script has %d; next: %s"):format(self.position, #self.script,
         tostring((self.script[self.position + 1] or {})[1])), 2)
   end
end

--- A credential for specs: gives `token` for every scope and counts in `asked`.
function fake_http.credential(token)
   return {
      asked = {},
      token = function(self, scope)
         self.asked[#self.asked + 1] = scope
         return secret.new(token or "tok"), os.time() + 3600
      end,
      forget = function() return false end,
   }
end

--- A settled configuration around a fake transport, without environment and files.
function fake_http.config(http, fields)
   local config = {
      cloud = "azure", http = http, notes = {}, from = {}, group = "aci-rg", location = "northeurope",
      tenant = "72f988bf-86f1-41af-91ab-2d7cd011db47", subscription = "0b1f6471-1bf0-4dda-aec3-cb9272f09590",
      authority = "https://login.microsoftonline.com", arm_endpoint = "https://management.azure.com",
      graph_endpoint = "https://graph.microsoft.com", vault_suffix = "vault.azure.net",
      storage_suffix = "core.windows.net", poll = { first = 0.001, longest = 0.002 },
   }
   for name, value in pairs(fields or {}) do config[name] = value end
   return config
end

return fake_http
