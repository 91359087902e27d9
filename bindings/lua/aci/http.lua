--- HTTP requests: the Lua half. What is sent, what is tried again, where a redirect may lead.
-- bindings/http.c moves the bytes, bindings/meta/http.lua says what each option means.
local c = require "aci._http"
local redirect = require "aci.http.redirect"
local secret = require "aci.secret"
local task = require "aci.task"
local text = require "aci.http.text"

local http = { connections = c.connections, unescape = c.unescape, url = c.url, escape = c.escape, mask = text.mask,
   challenges = c.challenges }

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
   return blame_caller(text.encode_map, map)
end

-- ---- from the caller's options to the plan of one exchange ----

local function check_one_body(options)
   local given = (options.body ~= nil and 1 or 0) + (options.json ~= nil and 1 or 0) + (options.form ~= nil and 1 or 0)
   if given > 1 then
      error("only one of the options 'body', 'json' and 'form' makes the body", 0)
   end
   return given == 1
end

local function set_body(plan, options)
   if not check_one_body(options) then
      return
   end
   plan.shown = { json = options.json, form = options.form }
   if options.json ~= nil then
      plan.body = require("aci.json").encode(options.json, { secrets = true })
      text.default_header(plan.headers, "content-type", "application/json")
   elseif options.form then
      plan.body = text.encode_map(options.form)
      text.default_header(plan.headers, "content-type", "application/x-www-form-urlencoded")
   elseif type(options.body) == "table" then
      plan.body_file, plan.shown.file = options.body.file, options.body.file
   elseif type(options.body) == "function" then
      plan.body_pieces, plan.produce = true, options.body
   else
      plan.body, plan.shown.body = options.body, options.body
   end
end

local function set_url(plan, options)
   plan.url = options.url
   if not plan.url then
      error("option 'url' is missing", 0)
   end
   plan.secret_url = secret.is(plan.url)
   if options.query and next(options.query) then
      local before = (plan.secret_url and secret.reveal(plan.url) or plan.url):gsub("#.*$", "")
      plan.url = before .. (before:find("?", 1, true) and "&" or "?") .. text.encode_map(options.query)
      plan.url = plan.secret_url and secret.new(plan.url) or plan.url
      plan.secret_url = secret.is(plan.url)
   end
end

local function set_sink(plan, options)
   if type(options.sink) == "function" then
      plan.stream, plan.consume = true, options.sink
   elseif options.sink then
      plan.sink_file = options.sink.file
   end
end

local DEFAULT_POLICY = {}

local function set_policy(plan, options)
   local retry = options.retry
   if retry == nil then
      retry = DEFAULT_POLICY
   end
   plan.tries = retry and (retry.tries or 4) or 1
   plan.max_wait = retry and retry.max_wait or 60
   plan.replay = c.retry_method(plan.method) or (retry and retry.safe) or false
end

-- Only what is neither read from nor written to a file has an end that can be foreseen.
local function set_times(plan, options)
   local bounded = not options.sink and not plan.body_file and not plan.produce
   plan.timeout = options.timeout or (bounded and 300 or nil)
   plan.connect_timeout = options.connect_timeout or 20
   plan.stall_timeout = options.stall_timeout or 60
end

local function make_plan(options)
   c.check(options)
   local plan = {
      method = options.method or "GET",
      headers = text.merge_headers(options.headers),
      redirects = options.redirects or 0,
      secret_body = options.secret_body,
      body_length = options.body_length,
      max_body = options.max_body,
      ca_file = options.ca_file,
      client_certificate = options.client_certificate,
      client_key = options.client_key,
      client_password = options.client_password,
      proxy = options.proxy,
      connect_to = options.connect_to,
      -- made below; named here so that the table gets its size at once
      url = nil, secret_url = nil, tries = nil, max_wait = nil, replay = nil,
      timeout = nil, connect_timeout = nil, stall_timeout = nil,
   }
   set_url(plan, options)
   set_body(plan, options)
   set_sink(plan, options)
   set_policy(plan, options)
   set_times(plan, options)
   return plan
end

-- ---- the trace of `-v`: aci.trace shows it ----

local exchanges = 0

local function note(event, plan, fields)
   if http.trace then
      fields.method, fields.url, fields.number = plan.method, text.mask(plan.url), plan.number
      http.trace(event, fields)
   end
end

local function note_request(plan, try)
   if http.trace then
      exchanges = exchanges + 1
      plan.number = exchanges
      local shown = plan.shown or {}
      note("request", plan, { try = try, headers = plan.headers, json = shown.json, form = shown.form,
         body = shown.body, file = shown.file })
   end
end

local function note_end(plan, try, transfer, response, err)
   if not http.trace then
      return
   end
   local ms = math.floor(transfer:seconds() * 1000 + 0.5)
   if response then
      local headers = response.headers
      note("response", plan, { try = try, status = response.status, ms = ms, headers = headers,
         request_id = headers["x-ms-request-id"] or headers["request-id"], body = response.body })
   else
      note("fault", plan, { try = try, kind = err.kind, code = err.code, message = err.message, ms = ms })
   end
end

-- ---- one exchange ----

-- What the caller's function gives next; nil at the end. An empty piece is none.
local function next_piece(produce)
   local piece
   repeat
      piece = produce()
      if piece ~= nil and type(piece) ~= "string" and not secret.is(piece) then
         error(("the body's function must give strings and then nil, not a %s"):format(type(piece)), 0)
      end
   until piece == nil or #piece > 0
   return piece
end

-- The same for a body of known length: before its last byte goes, the function must say that it was the last.
local function next_of(plan, facts)
   local piece = next_piece(plan.produce)
   if piece and plan.body_length then
      facts.given = (facts.given or 0) + #piece
      if facts.given >= plan.body_length and (facts.given > plan.body_length or next_piece(plan.produce)) then
         error("the body's function gave more than 'body_length' bytes", 0)
      end
   end
   return piece
end

-- The caller's functions run here, in the waiting task; libcurl waits meanwhile when much is unread, or
-- nothing is left to send. What of them was called already cannot be done again.
local function pump(transfer, plan, facts)
   repeat
      task.wait(transfer)
      local ended = transfer:ended()
      if transfer:hungry() then
         facts.used = "body"
         transfer:give(next_of(plan, facts))
      end
      local chunk = transfer:read()
      if chunk then
         facts.used = "answer"
         plan.consume(chunk)
      end
   until ended and not chunk
end

local function exchange(plan, try)
   local transfer <close>, refused = c.start(plan)
   local facts = {}
   if not transfer then
      return nil, refused
   end
   note_request(plan, try)
   if plan.produce or plan.consume then
      pump(transfer, plan, facts)
   else
      task.wait(transfer)
   end
   local response, err = transfer:result()
   note_end(plan, try, transfer, response, err)
   facts.began = transfer:began()
   return response, err, facts
end

-- ---- another try ----

-- What has not reached the service may always be sent again; what may have, only when doing it
-- twice is the same as doing it once: by its method, or because the caller said so (safe).
local function may_repeat(plan, facts)
   return not facts.used and (plan.replay or not facts.began)
end

-- How long to wait before the next try; nil and why there is none.
local function wait_before(plan, next_try, asked, facts)
   if next_try > plan.tries then
      return nil, ("after %d tries"):format(plan.tries)
   elseif not may_repeat(plan, facts) then
      return nil, facts.used and ("a part of the %s has been used"):format(facts.used)
         or "it may have been done, and to do it twice is not the same"
   elseif asked and asked > plan.max_wait then -- to come back before that would be no use
      return nil, ("it asks for %g s, more than %g"):format(asked, plan.max_wait)
   end
   return asked and asked * (1 + 0.05 * math.random()) or c.backoff(next_try, plan.max_wait)
end

local function may_pass(response, err)
   if response then
      return c.retry_status(response.status)
   end
   return err.code and c.retry_fault(err.code)
end

-- The wait before the next try of what may pass, or nil. One try only is the caller's own policy.
local function decide(plan, try, response, err, facts)
   if plan.tries == 1 or not may_pass(response, err) then
      return nil
   end
   local asked = response and c.retry_after(response.headers)
   local wait, reason = wait_before(plan, try + 1, asked, facts)
   note(wait and "retry" or "give_up", plan, { try = try + 1, tries = plan.tries, wait = wait, reason = reason,
      status = response and response.status, code = err and err.code, message = err and err.message })
   return wait
end

local function try_exchange(plan)
   local try = 1
   while true do
      local response, err, facts = exchange(plan, try)
      local wait = facts and decide(plan, try, response, err, facts)
      if not wait then
         (response or err).tries = try
         return response, err
      end
      task.sleep(wait)
      try = try + 1
   end
end

-- ---- the public functions ----

local function follow(plan)
   local following = plan.redirects > 0
   while true do
      local response, err = try_exchange(plan)
      local location = following and response and redirect.location(response)
      if not location then
         return response, err
      end
      plan, err = redirect.plan(plan, response.status, location)
      if not plan then
         return nil, err
      end
   end
end

--- Sends a request and waits for its answer: response, or nil and an error object.
-- An answer with status 400 or more is an answer.
function http.request(options)
   return follow(blame_caller(make_plan, options))
end

--- Starts one exchange without waiting: a transfer for task.wait, then transfer:result(). One try,
-- no redirects.
function http.start(options)
   local plan = blame_caller(make_plan, options)
   if plan.consume or plan.produce or plan.redirects > 0 then
      error("http.start takes neither a function as 'body' or 'sink' nor 'redirects'", 2)
   end
   note_request(plan, 1)
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
   merged.headers = text.merge_headers(defaults.headers, options.headers)
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
