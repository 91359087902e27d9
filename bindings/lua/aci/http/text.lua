--- Maps as text, headers whatever their case, URLs fit for a log.
local c = require "aci._http"
local secret = require "aci.secret"

local text = {}

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

local function as_list(key, value)
   if type(value) ~= "table" then
      return { value }
   elseif #value == 0 and next(value) ~= nil then
      error(("'%s' must be a value or a list of values, got a map"):format(key), 0)
   end
   return value
end

-- Sorted, so that the same map is the same text each time. "$" stays: OData's names have it.
function text.encode_map(map)
   local joined, between = "", ""
   local function add(key, value)
      joined = joined .. between .. c.escape(key, "$") .. "=" .. c.escape(as_text(key, value))
      between = "&"
   end
   for _, key in ipairs(sorted_keys(map)) do
      for _, each in ipairs(as_list(key, map[key])) do
         add(key, each)
      end
   end
   return joined
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

--- The headers of both, the second's winning.
function text.merge_headers(first, second)
   local headers = {}
   for name, value in pairs(first or {}) do
      set_header(headers, name, value)
   end
   for name, value in pairs(second or {}) do
      set_header(headers, name, value)
   end
   return headers
end

--- Adds the header where it is missing; `name` in lower case.
function text.default_header(headers, name, value)
   for old in pairs(headers) do
      if old:lower() == name then
         return
      end
   end
   headers[name] = value
end

-- "s", "c" and "h" are signature, certificate and hash of the polling addresses that ARM signs.
local hidden = {}
for name in ("sig signature code token access_token client_secret password key sas s c h"):gmatch "%S+" do
   hidden[name] = true
end

--- The URL with the values of secret query parameters masked: fit for a log.
function text.mask(url)
   if secret.is(url) then
      return (secret.reveal(url):gsub("%?.*$", "?<secret>"))
   end
   return (url:gsub("([?&])([^=&]+)=([^&#]*)", function(lead, name)
      if hidden[c.unescape(name):lower()] then
         return lead .. name .. "=<secret>"
      end
   end))
end

return text
