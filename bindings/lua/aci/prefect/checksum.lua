--- The checksum of a block schema, exactly as Prefect computes it: SHA-256 of the fields as Python's
-- `json.dumps(sort_keys=True)` writes them, without secret_fields and without definitions that nobody
-- refers to or that are block types of their own.

local json   = require "aci.json"
local crypto = require "aci.crypto"

local checksum = {}

--- A copy without any key `secret_fields`, through objects only: arrays stay as they are.
local function without_secrets(value)
   if type(value) ~= "table" or json.is_array(value) then return value end
   local out = {}
   for key, inner in pairs(value) do
      if key ~= "secret_fields" then out[key] = without_secrets(inner) end
   end
   return out
end

--- Collects the names X of all `$ref: "#/definitions/X"` below a value, through the definitions named.
local function referred(value, definitions, names)
   if type(value) ~= "table" then return names end
   for key, inner in pairs(value) do
      local name = key == "$ref" and type(inner) == "string" and inner:match "^#/definitions/(.+)$"
      if name and not names[name] then
         names[name] = true
         referred(definitions[name], definitions, names)
      elseif type(inner) == "table" then
         referred(inner, definitions, names)
      end
   end
   return names
end

local function kept_definitions(fields)
   local definitions, kept = fields.definitions, {}
   for name in pairs(referred(fields, definitions, {})) do
      local definition = definitions[name]
      if definition and definition.block_type_slug == nil then kept[name] = definition end
   end
   return next(kept) and kept or nil
end

local ESCAPES = { ['"'] = '\\"', ["\\"] = "\\\\", ["\b"] = "\\b", ["\f"] = "\\f", ["\n"] = "\\n",
   ["\r"] = "\\r", ["\t"] = "\\t" }

local function escape_point(point)
   if point < 0x20 then return ("\\u%04x"):format(point) end
   if point < 0x80 then return utf8.char(point) end
   if point < 0x10000 then return ("\\u%04x"):format(point) end
   point = point - 0x10000
   return ("\\u%04x\\u%04x"):format(0xd800 + (point >> 10), 0xdc00 + (point & 0x3ff))
end

local function string_text(text)
   local out = {}
   for _, point in utf8.codes(text) do
      local char = utf8.char(point)
      out[#out + 1] = ESCAPES[char] or escape_point(point)
   end
   return '"' .. table.concat(out) .. '"'
end

--- Python's repr: the shortest digits that read back, always with a point or an exponent.
local function float_text(number)
   local text
   for digits = 1, 17 do
      text = ("%." .. digits .. "g"):format(number)
      if tonumber(text) == number then break end
   end
   local exponent = number == 0 and 0 or math.floor(math.log(math.abs(number), 10))
   if text:find "e" and exponent >= -4 and exponent < 16 then text = ("%.0f"):format(number) end
   return text:find "[.e]" and text or text .. ".0"
end

local write

local function object_text(value)
   local keys, out = {}, {}
   for key in pairs(value) do keys[#keys + 1] = key end
   table.sort(keys)
   for i, key in ipairs(keys) do out[i] = string_text(key) .. ": " .. write(value[key]) end
   return "{" .. table.concat(out, ", ") .. "}"
end

local function array_text(value)
   local out = {}
   for i, item in ipairs(value) do out[i] = write(item) end
   return "[" .. table.concat(out, ", ") .. "]"
end

function write(value)
   if value == nil or value == json.null then return "null" end
   if type(value) == "boolean" then return tostring(value) end
   if type(value) == "string" then return string_text(value) end
   if math.type(value) == "integer" then return ("%d"):format(value) end
   if type(value) == "number" then return float_text(value) end
   return json.is_array(value) and array_text(value) or object_text(value)
end

--- Python's `json.dumps(value, sort_keys=True)`.
checksum.python_json = write

--- "sha256:..." of a schema's fields, as sent (what a server gives back of nested schemas differs).
function checksum.of(fields)
   fields = without_secrets(fields)
   if fields.definitions then fields.definitions = kept_definitions(fields) end
   return "sha256:" .. crypto.hex(crypto.sha256("[[" .. write(fields) .. "], {}]"))
end

return checksum
