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
local function blame_caller(f, argument)
   local ok, result = pcall(f, argument)
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

-- What holds where the options say nothing else; bindings/http_plan.c has the time limits.
local Plan = { method = "GET", headers = {}, redirects = 0, tries = 4, max_wait = 60, replay = true, secret_url = false,
   in_pieces = false }
Plan.__index = Plan

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
      plan.body_pieces, plan.produce, plan.in_pieces = true, options.body, true
   else
      plan.body, plan.shown.body = options.body, options.body
   end
end

local function set_query(plan, query)
   local before = (plan.secret_url and secret.reveal(plan.url) or plan.url):gsub("#.*$", "")
   plan.url = before .. (before:find("?", 1, true) and "&" or "?") .. text.encode_map(query)
   plan.url = plan.secret_url and secret.new(plan.url) or plan.url
   plan.secret_url = secret.is(plan.url)
end

local function set_sink(plan, sink)
   if type(sink) == "function" then
      plan.stream, plan.consume, plan.in_pieces = true, sink, true
   elseif sink then
      plan.sink_file = sink.file
   end
end

local function set_policy(plan, retry)
   if retry == false then
      plan.tries = 1
   elseif retry then
      plan.tries, plan.max_wait = retry.tries or plan.tries, retry.max_wait or plan.max_wait
      if retry.safe ~= nil then
         plan.replay = retry.safe
      end
   end
end

-- Only what is neither read from nor written to a file has an end that can be foreseen.
local function set_timeout(plan, options)
   if options.sink or plan.body_file or plan.produce then
      plan.timeout = options.timeout or 0
   end
end

local function complete_plan(plan, options)
   plan.headers = text.merge_headers(options.headers)
   if options.query and next(options.query) then
      set_query(plan, options.query)
   end
   set_body(plan, options)
   set_sink(plan, options.sink)
   set_policy(plan, options.retry)
   set_timeout(plan, options)
end

local function make_plan(options)
   local plan = setmetatable({}, Plan)
   local more = c.take(options, plan)
   if not plan.url then
      error("option 'url' is missing", 0)
   elseif type(plan.url) ~= "string" then
      plan.secret_url = true
   end
   if options.method then
      plan.replay = c.retry_method(options.method)
   end
   if more then
      complete_plan(plan, options)
   end
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

local function note_end(plan, try, seconds, response, err)
   if not http.trace then
      return
   end
   local ms = math.floor(seconds * 1000 + 0.5)
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

-- The same for a body of known length, of which `given` bytes went before; piece and how many have gone then.
-- Before its last byte goes, the function must say that it was the last.
local function next_of(plan, given)
   local piece = next_piece(plan.produce)
   if piece and plan.body_length then
      given = given + #piece
      if given >= plan.body_length and (given > plan.body_length or next_piece(plan.produce)) then
         error("the body's function gave more than 'body_length' bytes", 0)
      end
   end
   return piece, given
end

-- The caller's functions run here, in the waiting task; libcurl waits meanwhile when much is unread, or
-- nothing is left to send. What of them was called already cannot be done again: "body", "answer" or nil.
local function pump(transfer, plan)
   local given = 0
   local used, piece
   repeat
      task.wait(transfer)
      local ended = transfer:ended()
      if transfer:hungry() then
         used = "body"
         piece, given = next_of(plan, given)
         transfer:give(piece)
      end
      local chunk = transfer:read()
      if chunk then
         used = "answer"
         plan.consume(chunk)
      end
   until ended and not chunk
   return used
end

-- As c.exchange, for a plan with functions of the caller; and what of them was used.
local function exchange_pieces(plan)
   local transfer <close>, refused = c.start(plan)
   if not transfer then
      return nil, refused
   end
   local used = pump(transfer, plan)
   local response, err = transfer:result()
   return response, err, transfer:began(), transfer:seconds(), used
end

-- response or nil, the error, whether the request may have arrived (nil: there was none), what of the caller's
-- functions was used
local function exchange(plan, try)
   note_request(plan, try)
   local run = plan.in_pieces and exchange_pieces or c.exchange
   local response, err, began, seconds, used = run(plan)
   note_end(plan, try, seconds or 0, response, err)
   return response, err, began, used
end

-- ---- another try ----

-- How long to wait before the next try; nil and why there is none. What has not reached the service may always be
-- sent again; what may have, only when doing it twice is the same as doing it once: by its method, or because the
-- caller said so (safe).
local function wait_before(plan, next_try, asked, began, used)
   if next_try > plan.tries then
      return nil, ("after %d tries"):format(plan.tries)
   elseif used then
      return nil, ("a part of the %s has been used"):format(used)
   elseif began and not plan.replay then
      return nil, "it may have been done, and to do it twice is not the same"
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

-- The wait before the next try of a failure that may pass, or nil. One try only is the caller's own policy.
local function decide(plan, try, response, err, began, used)
   if plan.tries == 1 or not may_pass(response, err) then
      return nil
   end
   local asked = response and c.retry_after(response.headers)
   local wait, reason = wait_before(plan, try + 1, asked, began, used)
   note(wait and "retry" or "give_up", plan, { try = try + 1, tries = plan.tries, wait = wait, reason = reason,
      status = response and response.status, code = err and err.code, message = err and err.message })
   return wait
end

local function try_exchange(plan)
   local try = 1
   while true do
      local response, err, began, used = exchange(plan, try)
      local failed = began ~= nil and (err or response.status >= 400)
      local wait = failed and decide(plan, try, response, err, began, used)
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
   if plan.in_pieces or plan.redirects > 0 then
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
