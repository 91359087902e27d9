--- What `-v`, `-vv` and `-vvv` of the scripts show of requests, on standard error: what is tried again and
-- why, then one line for each exchange, then headers and bodies. What may be shown is for aci.trace.mask.
local http = require "aci.http"
local mask = require "aci.trace.mask"
local term = require "aci.term"

local trace = {}

local level = 0

local function to_stderr(line) io.stderr:write(line) end

local drawn = to_stderr -- by whoever draws on standard error
local write

-- Longer bodies are cut; a script's user wants to see what was meant, not all of a template.
local MOST = 16384

local function say(format, ...)
   write(term.plain(mask.text(format:format(...))) .. "\n")
end

local function seconds(value)
   return ("%.3g s"):format(value)
end

-- -- -v: what is decided -------------------------------------------------------------------------

local function what_happened(fields)
   if fields.status then
      return "answered " .. fields.status
   end
   return fields.message or fields.code or "failed"
end

local decided = {}

function decided.retry(fields)
   say("%s %s: %s; try %d of %d in %s", fields.method, fields.url, what_happened(fields), fields.try,
      fields.tries, seconds(fields.wait))
end

function decided.give_up(fields)
   say("%s %s: %s; not tried again: %s", fields.method, fields.url, what_happened(fields), fields.reason)
end

--- Tells at -v what a client has decided by itself, such as to wait and ask again.
function trace.decision(format, ...)
   if level >= 1 then
      say(format, ...)
   end
end

-- -- -vv: one line for each exchange ---------------------------------------------------------------

local function facts(fields)
   local id = fields.request_id
   return ("%d ms%s"):format(fields.ms, id and ", request id " .. id or "")
end

local exchanges = {}

function exchanges.response(fields)
   say("#%d %s %s %d, %s", fields.number, fields.method, fields.url, fields.status, facts(fields))
end

function exchanges.fault(fields)
   say("#%d %s %s %s: %s, %d ms", fields.number, fields.method, fields.url, fields.code or fields.kind,
      fields.message, fields.ms)
end

-- -- -vvv: headers and bodies ----------------------------------------------------------------------

local function say_parts(number, mark, fields)
   for _, line in ipairs(mask.headers(fields.headers)) do
      say("#%d %s %s", number, mark, line)
   end
   local body = mask.text(mask.body(fields)) -- before it is cut: no half of a secret
   if body ~= "" then
      local cut = #body > MOST and (" ... (%d characters)"):format(#body) or ""
      say("#%d %s %s%s", number, mark, body:sub(1, MOST), cut)
   end
end

local whole = { fault = exchanges.fault }

function whole.request(fields)
   say("#%d > %s %s%s", fields.number, fields.method, fields.url,
      fields.try > 1 and (" (try %d)"):format(fields.try) or "")
   say_parts(fields.number, ">", fields)
end

function whole.response(fields)
   say("#%d < %d %s %s, %s", fields.number, fields.status, fields.method, fields.url, facts(fields))
   say_parts(fields.number, "<", fields)
end

-- --------------------------------------------------------------------------------------------------

local function on_event(event, fields)
   local told = decided[event] or level >= 3 and whole[event] or level == 2 and exchanges[event]
   if told then
      told(fields)
   end
end

local function on_long_wait(event, fields)
   if event == "retry" and fields.wait >= 1 then
      decided.retry(fields)
   end
end

--- Begins to tell, so much as `wanted` says: 0 (nothing) to 3. `to` takes the lines (standard error).
function trace.to(wanted, to)
   level = wanted
   write = to or function(line) drawn(line) end
   http.trace = wanted > 0 and on_event or nil
end

--- Tells only why a second and more is waited for before another try: who sits at a terminal wonders.
function trace.long_waits()
   trace.to(0)
   http.trace = on_long_wait
end

--- What goes to standard error goes through `to` from now on, which has lines of its own there.
function trace.through(to)
   drawn = to
end

--- What must not be shown wherever it comes up, from now on; for what a script knows to be secret.
trace.hide = mask.learn

return trace
