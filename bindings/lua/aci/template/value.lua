-- The values that expressions work on: strings, integers, floats, booleans, json.null, arrays (as
-- aci.json marks them), objects (tables), secrets. Members keep the order they were written in.
local json = require "aci.json"
local secret = require "aci.secret"

local value = {}

value.null = json.null
value.array = json.array

-- layouts[container] = { self = place, at = { [key] = place }, named = { [name] = place },
-- names = { keys in order } }, places being line << 32 | column;
-- filled by the reader for what it reads and by value.put for what functions make.
local layouts = setmetatable({}, { __mode = "k" })
value.layouts = layouts

--- The service's name for a value's type.
function value.type(v)
   if v == json.null or v == nil then
      return "Null"
   end
   local t = type(v)
   if t == "table" then
      return json.is_array(v) and "Array" or "Object"
   elseif t == "number" then
      return math.type(v) == "integer" and "Integer" or "Float"
   elseif t == "string" or t == "boolean" then
      return t == "string" and "String" or "Boolean"
   end
   return secret.is(v) and "SecureString" or t
end

function value.is_array(v)
   return type(v) == "table" and json.is_array(v)
end

function value.is_object(v)
   return type(v) == "table" and v ~= json.null and not json.is_array(v)
end

--- Set a member, remembering when it came.
function value.put(object, name, v)
   local layout = layouts[object]
   if not layout then
      layout = { at = {}, names = {} }
      layouts[object] = layout
   end
   if object[name] == nil then
      layout.names[#layout.names + 1] = name
   end
   object[name] = v
   return object
end

--- An object of name, value, name, value ...
function value.object(...)
   local object = {}
   for i = 1, select("#", ...), 2 do
      value.put(object, (select(i, ...)), (select(i + 1, ...)))
   end
   return object
end

local function rest_of(object, seen)
   local rest = {}
   for name in pairs(object) do
      if not seen[name] then
         rest[#rest + 1] = name
      end
   end
   table.sort(rest)
   return rest
end

--- The member names of an object: as they were written, else sorted.
function value.names(object)
   local names, seen = {}, {}
   local layout = layouts[object]
   for _, name in ipairs(layout and layout.names or {}) do
      if object[name] ~= nil then
         names[#names + 1] = name
         seen[name] = true
      end
   end
   local rest = rest_of(object, seen)
   return table.move(rest, 1, #rest, #names + 1, names)
end

--- Walk an object's members in order: for name, v in value.members(object).
function value.members(object)
   local names, i = value.names(object), 0
   return function()
      i = i + 1
      return names[i], object[names[i]]
   end
end

--- The member of that name in any letter case, and the name it is stored under.
function value.member(object, name)
   if object[name] ~= nil then
      return object[name], name
   end
   local lower = name:lower()
   for key, v in pairs(object) do
      if type(key) == "string" and #key == #lower and key:lower() == lower then
         return v, key
      end
   end
   return nil
end

--- Where a member (or, without a key, the container itself) stood in the text it was read from.
function value.place(container, key)
   local layout = layouts[container]
   if not layout then
      return nil
   end
   if key == nil then
      return layout.self
   end
   return layout.at and layout.at[key]
end

--- Where a member's name ended, its colon included: the service complains of names there.
function value.name_place(object, name)
   local layout = layouts[object]
   return layout and layout.named and layout.named[name]
end

local same

local function same_arrays(a, b)
   if #a ~= #b then
      return false
   end
   for i = 1, #a do
      if not same(a[i], b[i]) then
         return false
      end
   end
   return true
end

local function same_objects(a, b)
   for name, v in pairs(a) do
      if b[name] == nil or not same(v, b[name]) then
         return false
      end
   end
   for name in pairs(b) do
      if a[name] == nil then
         return false
      end
   end
   return true
end

local texts = { String = true, SecureString = true }

function same(a, b)
   local kind, other = value.type(a), value.type(b)
   if texts[kind] and texts[other] then
      return secret.equal(a, b)
   elseif kind ~= other then
      return false
   elseif kind == "Array" then
      return same_arrays(a, b)
   elseif kind == "Object" then
      return same_objects(a, b)
   end
   return a == b
end

--- Deep equality; strings by letter case, values of different types never equal.
value.same = same

--- A float as .NET's JSON writes it: shortest that reads back, always with a point or exponent.
function value.float(v)
   for digits = 15, 17 do
      local text = ("%." .. digits .. "g"):format(v)
      if tonumber(text) == v then
         return text:find("[.en]") and text or text .. ".0"
      end
   end
end

--- How concat, join and format print a plain value; nil for arrays and objects.
function value.text(v)
   local kind = value.type(v)
   if kind == "String" then
      return v
   elseif kind == "Integer" then
      return tostring(v)
   elseif kind == "Float" then
      return (value.float(v):gsub("%.0$", ""))
   elseif kind == "Boolean" then
      return v and "True" or "False"
   elseif kind == "Null" then
      return ""
   end
   return nil
end

local escapes = {
   ["\\"] = "\\\\", ["\n"] = "\\n", ["\r"] = "\\r", ["\t"] = "\\t", ["\b"] = "\\b", ["\f"] = "\\f",
}

local function quoted(text, quote)
   local body = text:gsub("[%c\\" .. quote .. "]", function(c)
      if c == quote then
         return "\\" .. c
      end
      return escapes[c] or (c:byte() < 32 and ("\\u%04x"):format(c:byte())) or c
   end)
   return quote .. body .. quote
end

local function write(v, quote, out)
   local kind = value.type(v)
   if kind == "Array" then
      out[#out + 1] = "["
      for i = 1, #v do
         out[#out + 1] = i > 1 and "," or ""
         write(v[i], quote, out)
      end
      out[#out + 1] = "]"
   elseif kind == "Object" then
      local before = "{"
      for name, member in value.members(v) do
         out[#out + 1] = before .. quoted(name, quote) .. ":"
         write(member, quote, out)
         before = ","
      end
      out[#out + 1] = before == "{" and "{}" or "}"
   elseif kind == "String" then
      out[#out + 1] = quoted(v, quote)
   elseif kind == "SecureString" then
      out[#out + 1] = quoted(tostring(v), quote)
   elseif kind == "Float" then
      out[#out + 1] = value.float(v)
   else
      out[#out + 1] = kind == "Null" and "null" or tostring(v)
   end
end

--- Compact JSON with members in their order; `quote` is '"' (string) or "'" (format).
function value.json(v, quote)
   local out = {}
   write(v, quote or '"', out)
   return table.concat(out)
end

return value
