--- Who listens to events as they come (the web sockets of sim/prefect/sockets.lua), and what an event filter
-- wants.
local clock = require "aci.clock"
local json  = require "aci.json"

local feed = { listeners = {} }

local function plain(value)
   if value == json.null then return nil end
   return value
end

local function one_of(list, text)
   for _, each in ipairs(list) do
      if each == text then return true end
   end
   return false
end

local function starts(list, text)
   for _, each in ipairs(list) do
      if text:sub(1, #each) == each then return true end
   end
   return false
end

local function by_name(body, filter)
   local name, prefix = plain(filter.name), plain(filter.prefix)
   if name and not one_of(name, body.event) then return false end
   if prefix and not starts(prefix, body.event) then return false end
   return not (plain(filter.exclude_name) and one_of(filter.exclude_name, body.event))
end

local function by_time(body, filter)
   local at, since, till = clock.parse_iso(body.occurred), plain(filter.since), plain(filter["until"])
   return not (since and at < clock.parse_iso(since)) and not (till and at > clock.parse_iso(till))
end

local function resource(of, filter)
   local id, prefix = of["prefect.resource.id"] or "", plain(filter.id_prefix)
   if plain(filter.id) and not one_of(filter.id, id) then return false end
   return not (prefix and not starts(prefix, id))
end

local function by_related(body, filter)
   for _, each in ipairs(body.related) do
      if resource(each, filter) then return true end
   end
   return plain(filter.id) == nil and plain(filter.id_prefix) == nil
end

local function by_id(body, filter)
   local list = plain(filter.id)
   return not list or #list == 0 or one_of(list, body.id)
end

local TESTS = { event = by_name, occurred = by_time, related = by_related, id = by_id,
   resource = function(body, filter) return resource(body.resource, filter) end }

--- Whether an event is one that a filter wants: by its name, time, resource, related resources or id.
function feed.matches(body, filter)
   for name, test in pairs(TESTS) do
      local wanted = plain(filter[name])
      if wanted and not test(body, wanted) then return false end
   end
   return true
end

--- Has `listener(event)` called for what a filter wants. @return a function that ends it
function feed.listen(filter, listener)
   local key = {}
   feed.listeners[key] = { filter = filter, call = listener }
   return function() feed.listeners[key] = nil end
end

--- Tells an event to who wants it.
function feed.tell(body)
   for _, each in pairs(feed.listeners) do
      if feed.matches(body, each.filter) then each.call(body) end
   end
end

return feed
