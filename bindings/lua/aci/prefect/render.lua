--- Fills in the placeholders of job templates and pull steps as Prefect's Python does: `{{ name }}` from
-- given values, `{{ prefect.blocks.TYPE.NAME.path }}` and `{"$ref": {"block_document_id"}}` from blocks,
-- `{{ prefect.variables.NAME }}` from variables, `{{ $NAME }}` from the environment. A text that is one
-- placeholder alone takes its value as it is, with its type; a secret in a text makes the text a secret.

local fail   = require "aci.error"
local json   = require "aci.json"
local secret = require "aci.secret"

local render = {}

local PLACEHOLDER = "()({{%s*([%w_%.%-%[%]%$]+)%s*}})()"
local ABSENT = {}

local function refuse(format, ...)
   fail.raise { kind = "failed", code = "template", message = format:format(...) }
end

local function is_reserved(name)
   return name:find "^prefect%.blocks%." or name:find "^prefect%.variables%." or name:sub(1, 1) == "$"
end

--- "a.b[0]" in tables: its value, nil where there is none. A number is a list's index from 0.
local function at(value, path)
   for key in path:gsub("%[", "."):gsub("%]", ""):gmatch "[^.]+" do
      if type(value) ~= "table" then return nil end
      local index = math.tointeger(tonumber(key))
      local found = value[key]
      if found == nil and index and json.is_array(value) then found = value[index + 1] end
      value = found
   end
   return value
end

local PLAIN = { [true] = "True", [false] = "False" }

--- The shortest digits that mean the same number; an exponent only where Python has one.
local function float(value)
   local text
   for digits = 15, 17 do
      text = ("%%.%dg"):format(digits):format(value)
      if tonumber(text) == value then break end
   end
   if text:find "e" and math.abs(value) < 1e16 and math.abs(value) >= 1e-4 then return ("%.1f"):format(value) end
   return text:find "[.en]" and text or text .. ".0"
end

--- A plain value as Python writes it in a text; nil for one that is no plain value.
function render.text(value)
   if secret.is(value) then return value end
   if value == json.null then return "None" end
   if type(value) == "table" then return nil end
   return PLAIN[value] or math.type(value) == "float" and float(value) or tostring(value)
end

local function inline(value, name)
   return render.text(value) or refuse("{{ %s }} is no plain value and cannot stand within a text", name)
end

--- @param find function(name) -> a value, ABSENT, or nil where the placeholder is to stay
local function fill_text(text, find)
   local parts, from = {}, 1
   for first, whole, name, after in text:gmatch(PLACEHOLDER) do
      local value = find(name)
      if value ~= nil and #whole == #text then return value end
      if value ~= nil then
         parts[#parts + 1] = text:sub(from, first - 1)
         if value ~= ABSENT then parts[#parts + 1] = inline(value, name) end
         from = after
      end
   end
   if from == 1 then return text end
   parts[#parts + 1] = text:sub(from)
   local out = parts[1]
   for i = 2, #parts do out = out .. parts[i] end
   return out
end

local walk

local function walk_list(list, find, replace)
   local out = json.array {}
   for _, item in ipairs(list) do
      local value = walk(item, find, replace)
      if value ~= ABSENT then out[#out + 1] = value end
   end
   return out
end

--- A copy with every text filled in. @param replace function(table) -> what stands in its place, or nil
function walk(value, find, replace)
   if type(value) == "string" then return fill_text(value, find) end
   if type(value) ~= "table" or value == json.null then return value end
   if replace then
      local other = replace(value)
      if other ~= nil then return other end
   end
   if json.is_array(value) then return walk_list(value, find, replace) end
   local out = json.object {}
   for key, item in pairs(value) do
      local filled = walk(item, find, replace)
      if filled ~= ABSENT then out[key] = filled end
   end
   return out
end

local function fill_values(value, values, options)
   return walk(value, function(name)
      -- unlike a value that is not given, a variable that is not set leaves an empty text
      if name:sub(1, 1) == "$" then return os.getenv(name:match "^%$+(.*)$") or not options.keep and "" or nil end
      if is_reserved(name) then return nil end
      local found = at(values, name)
      if found ~= nil then return found end
      if options.unknown then options.unknown(name) end
      if options.keep then return nil end
      return ABSENT
   end)
end

local function data_of(document, what)
   if not document then
      refuse("the block %s does not exist (any more); a deployment or the work pool names it", what)
   end
   return document.data
end

local function only_value(data)
   return data.value ~= nil and next(data, next(data)) == nil
end

--- "TYPE.NAME" or "TYPE.NAME.path": a block of one value is that value.
local function from_block(api, name)
   local slug, block, path = name:match "^([^.]+)%.([^.]+)%.?(.*)$"
   if not slug then refuse("{{ prefect.blocks.%s }} should name a block's type and its name", name) end
   local data = data_of(api:block(slug, block, { secrets = true }), slug .. "/" .. block)
   local value = data
   if only_value(data) and not path:find "^value%f[%.%[\0]" then value = data.value end
   if path ~= "" then value = at(value, path) end
   if value == nil then refuse("the block %s/%s has no %s", slug, block, path) end
   return value
end

local function once(f)
   local known = {}
   return function(key)
      if known[key] == nil then known[key] = f(key) end
      return known[key]
   end
end

local function fill_blocks(value, api)
   local by_name = once(function(name) return from_block(api, name) end)
   local by_id = once(function(id) return data_of(api:block_by_id(id, { secrets = true }), id) end)
   return walk(value, function(name)
      local block = name:match "^prefect%.blocks%.(.+)$"
      return block and by_name(block)
   end, function(object)
      local ref = object["$ref"]
      local id = type(ref) == "table" and ref.block_document_id
      return id and by_id(id) or nil
   end)
end

local function fill_variables(value, api)
   local by_name = once(function(name)
      local found = api:variable(name)
      if found == nil then refuse("there is no Prefect variable %s, and the job asks for it", name) end
      return found
   end)
   return walk(value, function(name)
      local variable = name:match "^prefect%.variables%.(.+)$"
      return variable and by_name(variable)
   end)
end

--- The value with everything filled in; the given one is not changed.
-- @param values what `{{ name }}` means ("a.b[0]" reaches into tables)
-- @param options `keep` (unknown names stay as they are; else a member that is one is left out), `unknown`
--   (function(name), called for each unknown one: it may raise)
function render.resolve(api, value, values, options)
   local out = fill_values(value, values or {}, options or {})
   if out == ABSENT then return nil end
   return fill_variables(fill_blocks(out, api), api)
end

return render
