--- What of an authored value is not so yet. Only what was authored is compared: services add members of
-- their own, write ids and words in other letter case, and leave out what they cannot tell.
local json = require "aci.json"
local secret = require "aci.secret"
local unknown = require "aci.step.unknown"

local compare = {}

local function plain(value)
   if value == json.null then return nil end
   return value
end

-- Members whose values are words that Azure gives back in its own letter case. Everything else is exact.
local words = {}
for name in ([[kind tier family type osType restartPolicy protocol serviceName principalType sku.name
   publicIPAllocationMethod publicIPAddressVersion minimumTlsVersion]]):gmatch "%S+" do
   words[name:lower()] = true
end

local guid = "^%x%x%x%x%x%x%x%x%-%x%x%x%x%-%x%x%x%x%-%x%x%x%x%-%x%x%x%x%x%x%x%x%x%x%x%x$"

local function is_word(path)
   local low = path:lower()
   return words[low:match "[^.]+$" or ""] or words[low:match "[^.]+%.[^.]+$" or ""]
end

local function is_id(text) return text:find "^/subscriptions/" or text:find "^/providers/" or text:find(guid) end

-- Ids, locations and such words come back in the service's own letter case, locations without blanks.
local function same_text(a, b, path)
   local low, other = a:lower(), b:lower()
   if path:lower():find "%f[%w]location$" then return low:gsub("%s", "") == other:gsub("%s", "") end
   return (is_word(path) or is_id(low)) and low == other
end

local function same_leaf(want, have, path)
   if secret.is(want) then return type(have) == "string" and secret.equal(want, have) end
   if want == have then return true end
   return type(want) == "string" and type(have) == "string" and same_text(want, have, path) or false
end

local function is_empty(value)
   return type(value) == "table" and next(value) == nil
end

-- Members of objects are found without regard to letter case: identity ids are keys.
local function member(have, key)
   local found = have[key]
   if found ~= nil or type(key) ~= "string" then return found end
   for name, value in next, have do
      if type(name) == "string" and name:lower() == key:lower() then return value end
   end
end

local walk

local function walk_table(want, have, path, changes)
   local keys = {}
   for key in next, want do keys[#keys + 1] = key end
   table.sort(keys, function(a, b) return tostring(a) < tostring(b) end)
   for _, key in ipairs(keys) do
      local place = type(key) == "number" and ("%s[%d]"):format(path, key)
         or (path == "" and key or path .. "." .. key)
      walk(want[key], member(have, key), place, changes)
   end
   if #want > 0 and #have > #want then
      changes[#changes + 1] = { path = path, old = #have .. " elements", new = #want .. " elements" }
   end
end

function walk(want, have, path, changes)
   want, have = plain(want), plain(have)
   if rawequal(want, unknown.value) then
      changes[#changes + 1] = { path = path, old = have, new = want }
   elseif type(want) == "table" and not secret.is(want) and type(have) == "table" then
      walk_table(want, have, path, changes)
   elseif not same_leaf(want, have, path) and not (is_empty(want) and have == nil) then
      changes[#changes + 1] = { path = path, old = have, new = want }
   end
end

--- The changes that make `have` hold what `want` says: an array of `{path, old, new}`.
-- `skip`: set of paths that cannot be read back.
function compare.changes(want, have, skip)
   local found, kept = {}, {}
   walk(want, have, "", found)
   for _, change in ipairs(found) do
      if not (skip and skip[change.path]) then kept[#kept + 1] = change end
   end
   return kept
end

return compare
