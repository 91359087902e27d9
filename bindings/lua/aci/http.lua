--- HTTP requests: the Lua half. What is sent, what is tried again, where a redirect may lead.
-- bindings/http.c moves the bytes, bindings/meta/http.lua says what each option means.
local c = require "aci._http"
local errors = require "aci.error"
local secret = require "aci.secret"
local task = require "aci.task"

local http = { unescape = c.unescape, url = c.url, escape = c.escape }

-- ---- text ----

-- A whole number is written as one even where arithmetic made a float of it.
local function as_text(key, value)
   if secret.is(value) or type(value) == "string" then
      return value
   elseif type(value) == "number" then
      return tostring(math.tointeger(value) or value)
   elseif type(value) == "boolean" then
      return tostring(value)
   end
   error(("'%s' must be a string, number, boolean or secret, got a %s"):format(key, type(value)), 0)
end

local function sorted_keys(map)
   local keys = {}
   for key in pairs(map) do
      if type(key) ~= "string" then
         error(("names are strings, got a %s"):format(type(key)), 0)
      end
      keys[#keys + 1] = key
   end
   table.sort(keys)
   return keys
end

local function is_list(value)
   return type(value) == "table" and not errors.is(value)
end

-- Sorted, so that the same map is the same text each time. "$" stays: OData's names have it.
local function encode_map(map)
   local text, between = "", ""
   local function add(key, value)
      text = text .. between .. c.escape(key, "$") .. "=" .. c.escape(as_text(key, value))
      between = "&"
   end
   for _, key in ipairs(sorted_keys(map)) do
      local value = map[key]
      for _, each in ipairs(is_list(value) and value or { value }) do
         add(key, each)
      end
   end
   return text
end

-- Calls f; a mistake that it finds is raised where the caller of our caller made it.
local function blame_caller(f, ...)
   local ok, result = pcall(f, ...)
   if ok then
      return result
   elseif type(result) ~= "string" then
      error(result, 0)
   end
   error((result:gsub("^[^:\n]*aci/http%.lua:%d+: ", "")), 3)
end

--- A map as the text of a query: keys in order, a list gives its key several times, a secret in it
-- makes the whole a secret.
function http.query(map)
   return blame_caller(encode_map, map)
end

-- ---- headers: names differ by more than case ----

local function set_header(headers, name, value)
   for old in pairs(headers) do
      if old:lower() == name:lower() then
         headers[old] = nil
      end
   end
   headers[name] = value
end

local function merge_headers(first, second)
   local headers = {}
   for name, value in pairs(first or {}) do
      set_header(headers, name, value)
   end
   for name, value in pairs(second or {}) do
      set_header(headers, name, value)
   end
   return headers
end

local function default_header(headers, name, value)
   for old in pairs(headers) do
      if old:lower() == name then
         return
      end
   end
   headers[name] = value
end

-- ---- from the caller's options to the plan of one exchange ----

local function set_body(plan, options)
   local given = 0
   for _, name in ipairs { "body", "json", "form" } do
      given = given + (options[name] ~= nil and 1 or 0)
   end
   if given > 1 then
      error("only one of the options 'body', 'json' and 'form' makes the body", 0)
   end
   if options.json ~= nil then
      plan.body = require("aci.json").encode(options.json, { secrets = true })
      default_header(plan.headers, "content-type", "application/json")
   elseif options.form then
      plan.body = encode_map(options.form)
      default_header(plan.headers, "content-type", "application/x-www-form-urlencoded")
   elseif type(options.body) == "table" then
      plan.body_file = options.body.file
   else
      plan.body = options.body
   end
end

local function set_url(plan, options)
   plan.url = options.url
   if not plan.url then
      error("option 'url' is missing", 0)
   end
   if options.query and next(options.query) then
      local before = secret.is(plan.url) and secret.reveal(plan.url) or plan.url
      before = before:gsub("#.*$", "")
      plan.url = plan.url:gsub("#.*$", "") .. (before:find("?", 1, true) and "&" or "?")
         .. encode_map(options.query)
   end
   plan.secret_url = secret.is(plan.url)
end

local function set_sink(plan, options)
   if type(options.sink) == "function" then
      plan.stream, plan.consume = true, options.sink
   elseif options.sink then
      plan.sink_file = options.sink.file
   end
end

local function set_policy(plan, options)
   local retry = options.retry
   if retry == nil then
      retry = {}
   end
   plan.tries = retry and (retry.tries or 4) or 1
   plan.max_wait = retry and retry.max_wait or 60
   plan.replay = c.retry_method(plan.method) or (retry and retry.safe) or false
end

-- Only what is neither read from nor written to a file has an end that can be foreseen.
local function set_times(plan, options)
   local bounded = not options.sink and not plan.body_file
   plan.timeout = options.timeout or (bounded and 300 or nil)
   plan.connect_timeout = options.connect_timeout or 20
   plan.stall_timeout = options.stall_timeout or 60
end

local function make_plan(options)
   c.check(options)
   local plan = {
      method = options.method or "GET",
      headers = merge_headers(options.headers),
      redirects = options.redirects or 0,
      secret_body = options.secret_body,
   }
   for _, name in ipairs { "max_body", "ca_file", "proxy", "connect_to" } do
      plan[name] = options[name]
   end
   set_url(plan, options)
   set_body(plan, options)
   set_sink(plan, options)
   set_policy(plan, options)
   set_times(plan, options)
   return plan
end

-- ---- the trace of `-v` ----

local hidden = {}
for name in ("sig signature code token access_token client_secret password key sas"):gmatch "%S+" do
   hidden[name] = true
end

--- The URL with the values of secret query parameters masked: fit for a log.
function http.mask(url)
   if secret.is(url) then
      return (secret.reveal(url):gsub("%?.*$", "?<secret>"))
   end
   return (url:gsub("([?&])([^=&]+)=([^&#]*)", function(lead, name)
      if hidden[c.unescape(name):lower()] then
         return lead .. name .. "=<secret>"
      end
   end))
end

local function note(event, plan, fields)
   if http.trace then
      fields.method, fields.url = plan.method, http.mask(plan.url)
      http.trace(event, fields)
   end
end

-- ---- one exchange ----

-- The function runs here, in the waiting task; libcurl waits meanwhile when much is unread.
local function consume(transfer, sink)
   local got_any = false
   repeat
      task.wait(transfer)
      local ended = transfer:ended()
      local chunk = transfer:read()
      if chunk then
         got_any = true
         sink(chunk)
      end
   until ended and not chunk
   return got_any
end

local function exchange(plan, try)
   local transfer <close>, refused = c.start(plan)
   local consumed
   if not transfer then
      return nil, refused
   end
   note("request", plan, { try = try })
   if plan.consume then
      consumed = consume(transfer, plan.consume)
   else
      task.wait(transfer)
   end
   local response, err = transfer:result()
   local ms = math.floor(transfer:seconds() * 1000 + 0.5)
   if response then
      local id = response.headers["x-ms-request-id"] or response.headers["request-id"]
      note("response", plan, { try = try, status = response.status, ms = ms, request_id = id })
   else
      note("fault", plan, { try = try, kind = err.kind, code = err.code, message = err.message, ms = ms })
   end
   return response, err, { began = transfer:began(), consumed = consumed }
end

-- ---- another try ----

-- What has not reached the service may always be sent again; what may have, only when doing it
-- twice is the same as doing it once: by its method, or because the caller said so (safe).
local function may_repeat(plan, facts)
   return not facts.consumed and (plan.replay or not facts.began)
end

local function wait_before(plan, next_try, response, err, facts)
   if next_try > plan.tries or not may_repeat(plan, facts) then
      return nil
   end
   if response then
      local asked = c.retry_after(response.headers)
      if not c.retry_status(response.status) or (asked and asked > plan.max_wait) then
         return nil -- to come back before the time that was asked for would be no use
      end
      return asked and asked * (1 + 0.05 * math.random()) or c.backoff(next_try, plan.max_wait)
   end
   return err.code and c.retry_fault(err.code) and c.backoff(next_try, plan.max_wait) or nil
end

local function try_exchange(plan)
   local try = 1
   while true do
      local response, err, facts = exchange(plan, try)
      local wait = facts and wait_before(plan, try + 1, response, err, facts)
      if not wait then
         (response or err).tries = try
         return response, err
      end
      note("retry", plan, { try = try + 1, wait = wait, status = response and response.status,
         code = err and err.code })
      task.sleep(wait)
      try = try + 1
   end
end

-- ---- redirects ----

local followed = { [301] = true, [302] = true, [303] = true, [307] = true, [308] = true }

local function same_origin(a, b)
   return a.scheme == b.scheme and a.host == b.host and a.port == b.port
end

local credentials = { authorization = true, cookie = true, ["proxy-authorization"] = true }

-- Another host does not get what was meant for the first.
local function public_headers(headers)
   local kept = {}
   for name, value in pairs(headers) do
      if not secret.is(value) and not credentials[name:lower()] then
         kept[name] = value
      end
   end
   return kept
end

local function without_body(plan)
   plan.method, plan.body, plan.body_file = "GET", nil, nil
   for name in pairs(plan.headers) do
      if name:lower():find "^content%-" then
         plan.headers[name] = nil
      end
   end
end

local function refuse_redirect(plan, message)
   return nil, errors.new { kind = "failed", code = "redirect", message = message,
      method = plan.method, url = http.mask(plan.url):gsub("%?.*$", "") }
end

local function redirected(plan, status, location)
   local base = secret.is(plan.url) and secret.reveal(plan.url) or plan.url
   local target = c.resolve(base, location)
   local from, to = c.url(base), c.url(target)
   if not to then
      return refuse_redirect(plan, "the answer leads to what is no http URL")
   elseif from.scheme == "https" and to.scheme == "http" then
      return refuse_redirect(plan, "the answer leads from https to http, which is not followed")
   end
   local next_plan = {}
   for key, value in pairs(plan) do
      next_plan[key] = value
   end
   next_plan.url, next_plan.redirects = target, plan.redirects - 1
   next_plan.headers = same_origin(from, to) and merge_headers(plan.headers)
      or public_headers(plan.headers)
   if status == 303 and plan.method ~= "HEAD" or status < 303 and plan.method == "POST" then
      without_body(next_plan)
   end
   return next_plan
end

local function follow(plan)
   local following = plan.redirects > 0
   while true do
      local response, err = try_exchange(plan)
      local location = response and response.headers.location
      if not following or not location or not followed[response.status] then
         return response, err
      elseif plan.redirects == 0 then
         return refuse_redirect(plan, "the answers lead on and on")
      end
      plan, err = redirected(plan, response.status, location)
      if not plan then
         return nil, err
      end
   end
end

-- ---- the public functions ----

--- Sends a request and waits for its answer: response, or nil and an error object.
-- An answer with status 400 or more is an answer.
function http.request(options)
   return follow(blame_caller(make_plan, options))
end

--- Starts one exchange without waiting: a transfer for task.wait, then transfer:result(). One try,
-- no redirects.
function http.start(options)
   local plan = blame_caller(make_plan, options)
   if plan.consume or plan.redirects > 0 then
      error("http.start takes neither a function as 'sink' nor 'redirects'", 2)
   end
   note("request", plan, { try = 1 })
   return c.start(plan)
end

local Client = {}
Client.__index = Client

local function merge_options(defaults, options)
   local merged = {}
   for key, value in pairs(defaults) do
      merged[key] = value
   end
   for key, value in pairs(options) do
      merged[key] = value
   end
   merged.headers = merge_headers(defaults.headers, options.headers)
   return merged
end

--- http.request with the client's options where this one leaves them out; headers are merged.
function Client:request(options)
   blame_caller(c.check, options)
   return follow(blame_caller(make_plan, merge_options(self.defaults, options)))
end

--- A client: options that many requests share. Connections are shared anyway.
function http.client(defaults)
   blame_caller(c.check, defaults)
   return setmetatable({ defaults = merge_options(defaults, {}) }, Client)
end

return http
