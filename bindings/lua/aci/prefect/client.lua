--- One request to the Prefect API: headers, retry, CSRF, errors.

local json   = require "aci.json"
local secret = require "aci.secret"
local crypto = require "aci.crypto"
local clock  = require "aci.clock"
local task   = require "aci.task"
local trace  = require "aci.trace"
local errors = require "aci.prefect.errors"

local client = {}

local API_VERSION = "0.8.4"
local CLOUD = "https://api.prefect.cloud/api"

-- SQLite servers answer 503 under load ("database is locked"), so retrying is part of every request.
local AGAIN = { [408] = true, [429] = true, [502] = true, [503] = true }

local function authorization(self)
   if self.auth then
      return "Basic " .. secret.new(crypto.base64(secret.reveal(self.auth)))
   elseif self.key and #self.key > 0 then
      return "Bearer " .. self.key
   end
end

local function headers(self)
   return {
      ["content-type"] = "application/json",
      ["x-prefect-api-version"] = API_VERSION,
      -- never "prefect/...": a 3.x server would expect that client's lease renewals
      ["user-agent"] = "acihost/1",
      ["authorization"] = authorization(self),
      ["prefect-csrf-token"] = self.csrf_token,
      ["prefect-csrf-client"] = self.csrf_client,
   }
end

local function send(self, method, path, options)
   return self.http:request {
      method = method, url = self.url .. path, query = options.query, headers = headers(self),
      json = options.json, timeout = options.timeout, secret_body = options.secret_body or nil,
   }
end

--- A token is fetched only once a server has asked for one; most have CSRF protection off.
local function fetch_csrf(self)
   self.csrf_client = self.csrf_client or crypto.uuid4()
   local response = send(self, "GET", "/csrf-token", { query = { client = self.csrf_client } })
   if not response or response.status ~= 200 then return false end
   self.csrf_token = json.decode(response.body).token
   return true
end

local function wants_csrf(response)
   if response.status ~= 403 then return false end
   local said = errors.detail(response)
   return said:find("CSRF token", 1, true) or said:find("Missing client identifier", 1, true)
end

--- Seconds until the next try: what the server says, else doubling with jitter.
local function delay(self, response, try)
   local after = response and tonumber(response.headers["retry-after"])
   local base = after or math.min(self.pause * 2 ^ (try - 1), 20)
   return base * (1 + 0.2 * math.random())
end

local UNREACHED = { connect = true, resolve = true, tls = true, proxy = true }

--- Nobody there is final until this client has been answered once: a wrong URL must say so at once.
local function network_again(self, err)
   return err.kind == "timeout" or (err.kind == "network" and (self.answered or not UNREACHED[err.code]))
end

local function worth_again(self, response, err)
   if response then return AGAIN[response.status] end
   return network_again(self, err)
end

local function attempt(self, method, path, options)
   local response, err = send(self, method, path, options)
   if response then
      self.answered = true
      if wants_csrf(response) and fetch_csrf(self) then
         response, err = send(self, method, path, options)
      end
   end
   return response, err
end

local function exchange(self, method, path, options)
   local try = 1
   while true do
      local response, err = attempt(self, method, path, options)
      local tries = options.tries or self.tries
      if not worth_again(self, response, err) or try >= tries then
         return response, err
      end
      -- a server in maintenance is waited for, however long it takes
      local maintenance = response and response.headers["prefect-maintenance"] == "true"
      if not maintenance then try = try + 1 end
      local wait = delay(self, response, try)
      trace.decision("%s %s: %s; try %d of %d in %.3g s", method, self.url .. path,
         response and "answered " .. response.status or err.message, try, tries, wait)
      task.sleep(wait)
   end
end

--- Nobody there before the first answer: it is the address that is wrong, or the server that is not running.
local function explained(self, err)
   if self.answered or not UNREACHED[err.code] or err.advice then return err end
   err.advice = err.message:find "the proxy"
      and "are HTTPS_PROXY and HTTP_PROXY right? A host in NO_PROXY is reached without them"
      or "does the Prefect server run, and is its address right (PREFECT_API_URL, prefect_url in config.lua)?"
   return err
end

--- Sends one request and decodes the answer; a refusal is raised as an aci.error.
-- @param options `json` (body), `query`, `missing = true` (404 gives nil), `secret_body`, `tries`, `timeout`
-- @return the decoded body (nil when there is none), and the status
function client:request(method, path, options)
   options = options or {}
   local response, err = exchange(self, method, path, options)
   if not response then error(explained(self, err), 0) end
   if response.status == 404 and options.missing and errors.is_absent(response) then return nil, 404 end
   if response.status >= 300 then errors.raise(response, method, self.url .. path) end
   if #response.body == 0 then return nil, response.status end
   return errors.body(response, method, self.url .. path), response.status
end

--- All pages of a `POST .../filter`.
function client:pages(path, body, max)
   local all, offset = {}, 0
   repeat
      local ask = { limit = math.min(200, max or 200), offset = offset }
      for key, value in pairs(body or {}) do ask[key] = value end
      local page = self:request("POST", path, { json = ask })
      table.move(page, 1, #page, #all + 1, all)
      offset = offset + #page
   until #page < ask.limit or (max and #all >= max)
   return all
end

function client:is_cloud()
   return self.url:sub(1, #CLOUD) == CLOUD
end

--- The server's version, "2.20.25". Cloud does not say; it behaves as 3.
function client:version()
   if not self.server_version then
      self.server_version = self:is_cloud() and "3" or self:request("GET", "/admin/version")
   end
   return self.server_version
end

--- 2 or 3. The API version can't tell them apart: it is the same on both.
function client:major()
   return math.tointeger(tonumber(self:version():match "^%d+"))
end

--- True when the server answers.
function client:healthy()
   local response = send(self, "GET", "/health", { timeout = 5 })
   return response ~= nil and response.status == 200
end

--- The server's times carry microseconds and "+00:00" or "Z".
function client.time(text)
   return text and text ~= json.null and clock.parse_iso(text) or nil
end

return client
