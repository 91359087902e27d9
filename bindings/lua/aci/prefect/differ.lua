--- What differs between stored values and authored ones. Only authored keys count, at the top level;
-- below it a value is compared whole.

local json   = require "aci.json"
local secret = require "aci.secret"
local ref    = require "aci.prefect.ref"

local differ = {}

local function plain(value)
   if value == json.null then return nil end
   return value
end

local same

local function same_table(a, b)
   for key, value in pairs(a) do
      if not same(value, b[key]) then return false end
   end
   for key, value in pairs(b) do
      if a[key] == nil and plain(value) ~= nil then return false end
   end
   return true
end

local function same_secret(a, b)
   if type(a) == "string" then a = secret.formal(a) end
   if type(b) == "string" then b = secret.formal(b) end
   return secret.is(a) and secret.is(b) and secret.equal(a, b)
end

--- Equal by value: 1 is 1.0, null is absent, a secret equals the same text.
function same(a, b)
   a, b = plain(a), plain(b)
   if a == nil or b == nil then return a == b end
   if secret.is(a) or secret.is(b) then return same_secret(a, b) end
   if ref.is(a) or ref.is(b) then return ref.is(a) and ref.is(b) and tostring(a) == tostring(b) end
   if type(a) == "table" and type(b) == "table" then return same_table(a, b) end
   return a == b
end

differ.same = same

--- The changes from `have` to `want`, sorted by path; a secret stays one.
function differ.changes(have, want)
   local changes = {}
   for path, value in pairs(want) do
      if not same(have[path], value) then
         changes[#changes + 1] = { path = path, old = plain(have[path]), new = plain(value) }
      end
   end
   table.sort(changes, function(a, b) return a.path < b.path end)
   return changes
end

return differ
