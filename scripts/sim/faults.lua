--- Faults planted in the local cloud, to see what a client does about them.
--
--    { match = "PUT .*vaults", status = 429, times = 3, retry_after = 2 }
--
-- `match` is a Lua pattern on "METHOD https://host/path?query" (or on "METHOD /path" alone), case does not
-- matter. Others: code, message, headers, delay (seconds before going on), drop (the connection is closed
-- unanswered), after (the request is carried out and only then the fault strikes: the answer is lost),
-- skip (let so many pass), chance (strikes one request in so many: 0.05 is every twentieth), play (what befalls
-- the container group that the request makes: sim/groupplays.lua).
local task   = require "aci.task"
local nearest = require "aci.nearest"
local refuse = require "sim.refuse"

local faults = {}

local methods = {}
methods.__index = methods

local KINDS = { match = "string", status = "number", times = "number", skip = "number", chance = "number",
   delay = "number", retry_after = "number", code = "string", message = "string", play = "string",
   headers = "table", drop = "boolean", after = "boolean" }

local NAMES = {}
for name in pairs(KINDS) do NAMES[#NAMES + 1] = name end
table.sort(NAMES)

--- What is wrong with a rule that somebody typed, or nil: a misspelt member would plant a fault that does nothing.
function faults.wrong(rule)
   for name, value in pairs(rule) do
      local kind, near = KINDS[name], nearest(tostring(name), NAMES)
      if not kind then
         return ("A fault has no %s%s; it has %s."):format(name, near and (" (did you mean %s?)"):format(near) or "",
            table.concat(NAMES, ", "))
      elseif type(value) ~= kind then
         return ("The %s of a fault is a %s."):format(name, kind == "table" and "JSON object" or kind)
      end
   end
   if not rule.match then return "A fault has a match." end
   if not (rule.status or rule.drop or rule.delay or rule.play) then
      return "A fault does something: it has a status, drop, delay or play."
   end
end

function faults.new()
   return setmetatable({ rules = {} }, methods)
end

--- Plants a fault; it goes away after `times` strikes (default 1).
function methods:plant(rule)
   assert(type(rule.match) == "string", "a fault has a match")
   rule.times, rule.skip = rule.times or 1, rule.skip or 0
   self.rules[#self.rules + 1] = rule
   return rule
end

--- Takes all faults away.
function methods:clear()
   self.rules = {}
end

--- In small letters, but for the classes: %S is not %s.
local function lowered(pattern)
   return (pattern:gsub("%%?.", function(each) return #each == 1 and each:lower() or nil end))
end

local function hits(rule, req)
   local path = ("%s %s"):format(req.method, req.target):lower()
   local whole = ("%s https://%s%s"):format(req.method, req.host, req.target):lower()
   local pattern = lowered(rule.match)
   return path:find(pattern) or whole:find(pattern)
end

local function take(self, req)
   for index, rule in ipairs(self.rules) do
      if hits(rule, req) and (not rule.chance or math.random() < rule.chance) then
         if rule.skip > 0 then
            rule.skip = rule.skip - 1
         else
            rule.times = rule.times - 1
            if rule.times <= 0 then
               table.remove(self.rules, index)
            end
            return rule
         end
      end
   end
end

local TEXTS = {
   [429] = { "TooManyRequests", "Too many requests. Please try again later." },
   [500] = { "InternalServerError", "The server encountered an internal error. Please retry the request." },
   [503] = { "ServiceUnavailable", "The service is temporarily unavailable." },
}

-- Raises the refusal of a fault.
function faults.raise(rule, req)
   if rule.drop then
      req.dropped = true
      refuse.with { status = 499, code = "Dropped",
         message = "The connection was closed by a planted fault." }
   end
   if not rule.status then
      return
   end
   local text = TEXTS[rule.status] or { "PlantedFault", "A planted fault." }
   local headers = {}
   for name, value in pairs(rule.headers or {}) do
      headers[name] = value
   end
   headers["Retry-After"] = rule.retry_after and tostring(rule.retry_after) or nil
   refuse.with { status = rule.status, code = rule.code or text[1], message = rule.message or text[2],
      headers = headers }
end

--- Lets a planted fault strike a request, where one matches.
function methods:strike(req)
   local rule = #self.rules > 0 and not req.inside and take(self, req)
   if not rule then
      return
   end
   if rule.delay then
      task.sleep(rule.delay)
   end
   if rule.play then
      req.play = rule.play
   elseif rule.after then
      req.fault = rule
   else
      faults.raise(rule, req)
   end
end

return faults
