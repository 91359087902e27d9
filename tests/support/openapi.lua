--- Holds answers to an OpenAPI document: the schema of the answer's path, method and status. Knows the words
-- that Prefect's documents use; an unknown word that constrains is an error, not a pass.
local json  = require "aci.json"
local clock = require "aci.clock"

local openapi = {}

local Document = {}
Document.__index = Document

local function literal(text)
   return (text:gsub("%W", "%%%0"))
end

-- "/flows/{id}" as a Lua pattern; a parameter is one segment.
local function pattern_of(path)
   local parts, at = { "^" }, 1
   for from, to in path:gmatch "(){[^}]+}()" do
      parts[#parts + 1] = literal(path:sub(at, from - 1)) .. "[^/]+"
      at = to
   end
   parts[#parts + 1] = literal(path:sub(at)) .. "$"
   return table.concat(parts)
end

--- Reads a document. @param base what stands before the paths of the answers and not before its own
function openapi.open(document)
   local self = setmetatable({ document = document, paths = {} }, Document)
   for path, item in pairs(document.paths) do
      self.paths[#self.paths + 1] = { path = path, pattern = pattern_of(path), item = item,
         rank = select(2, path:gsub("{", "")) }
   end
   table.sort(self.paths, function(a, b)
      if a.rank ~= b.rank then return a.rank < b.rank end
      return a.path < b.path
   end)
   return self
end

--- What the document says of a path: its own form of it and the path's item.
function Document:find(path, method)
   for _, each in ipairs(self.paths) do
      if path:find(each.pattern) and each.item[method:lower()] then return each.path, each.item end
   end
end

--- The schema of an answer; nil where the document has none. Also the document's form of the path. (For 422
-- each route names the web framework's own shape, which the server never sends: it has handlers of its own.)
function Document:schema(method, path, status)
   if status == 422 then return nil end
   local form, item = self:find(path, method)
   if not form then return nil end
   local answer = item[method:lower()].responses[tostring(status)]
   local content = answer and answer.content and answer.content["application/json"]
   return content and content.schema, form
end

local UUID = "^%x%x%x%x%x%x%x%x%-%x%x%x%x%-%x%x%x%x%-%x%x%x%x%-%x%x%x%x%x%x%x%x%x%x%x%x$"

local FORMATS = {
   uuid = function(v) return v:find(UUID) ~= nil end,
   ["date-time"] = function(v) return clock.parse_iso(v) ~= nil end,
}

local TYPES = {
   string = function(v) return type(v) == "string" end,
   integer = function(v) return math.type(v) == "integer" end,
   number = function(v) return type(v) == "number" end,
   boolean = function(v) return type(v) == "boolean" end,
   null = function(v) return v == json.null end,
   array = function(v) return type(v) == "table" and v ~= json.null and json.is_array(v) end,
   object = function(v) return type(v) == "table" and v ~= json.null and not json.is_array(v) end,
}

-- Words that say nothing of a value.
local SILENT = { title = true, description = true, default = true, examples = true, example = true,
   deprecated = true, definitions = true, readOnly = true }

local words = {}

local function say(faults, where, message)
   faults[#faults + 1] = where .. ": " .. message
end

function words.type(_, wanted, value, where, faults)
   if not TYPES[wanted](value) then say(faults, where, "is no " .. wanted .. ": " .. json.encode(value)) end
end

words["$ref"] = function(doc, ref, value, where, faults)
   local name = assert(ref:match "^#/components/schemas/(.+)$", ref)
   doc:check(doc.document.components.schemas[name], value, where, faults)
end

function words.allOf(doc, list, value, where, faults)
   for _, schema in ipairs(list) do doc:check(schema, value, where, faults) end
end

function words.anyOf(doc, list, value, where, faults)
   for _, schema in ipairs(list) do
      local inner = {}
      doc:check(schema, value, where, inner)
      if #inner == 0 then return end
   end
   say(faults, where, "meets none of anyOf: " .. json.encode(value))
end

function words.enum(_, list, value, where, faults)
   for _, each in ipairs(list) do
      if each == value then return end
   end
   say(faults, where, "is not one of the listed values: " .. json.encode(value))
end

function words.format(_, format, value, where, faults)
   local test = FORMATS[format]
   if test and type(value) == "string" and not test(value) then
      say(faults, where, "is no " .. format .. ": " .. value)
   end
end

function words.required(_, names, value, where, faults)
   if not TYPES.object(value) then return end
   for _, name in ipairs(names) do
      if value[name] == nil then say(faults, where, "has no " .. name) end
   end
end

-- A model of the server writes an optional field that is not set as null; the document does not say so.
function words.properties(doc, properties, value, where, faults, schema)
   if not TYPES.object(value) then return end
   local required = {}
   for _, name in ipairs(schema.required or {}) do required[name] = true end
   for name, inner in pairs(properties) do
      local given = value[name]
      if given ~= nil and (given ~= json.null or required[name]) then
         doc:check(inner, given, where .. "." .. name, faults)
      end
   end
end

-- The server's models show no other fields than the documented ones.
function words.additionalProperties(doc, inner, value, where, faults, schema)
   if not TYPES.object(value) or inner == true then return end
   for name, given in pairs(value) do
      if not (schema.properties and schema.properties[name]) then
         if inner == false then
            say(faults, where, "has the unknown field " .. name)
         elseif given ~= json.null then
            doc:check(inner, given, where .. "." .. name, faults)
         end
      end
   end
end

function words.items(doc, inner, value, where, faults)
   if not TYPES.array(value) then return end
   for index, each in ipairs(value) do doc:check(inner, each, ("%s[%d]"):format(where, index), faults) end
end

function words.const(_, wanted, value, where, faults)
   if value ~= wanted then say(faults, where, "is not " .. json.encode(wanted)) end
end

-- A class of characters, or a choice of texts: other expressions the documents have not.
function words.pattern(_, expression, value, where, faults)
   if type(value) ~= "string" then return end
   local class = expression:match "^%^(%[[^%]]+%])%+%$$"
   assert(class or expression:find "^[%w/_|+-]+$", "tests/support/openapi.lua cannot match " .. expression)
   local fits = class and value:find("^" .. class:gsub("%%", "%%%%") .. "+$")
      or not class and ("|" .. expression .. "|"):find("|" .. value .. "|", 1, true)
   if not fits then say(faults, where, "does not match " .. expression:sub(1, 40) .. ": " .. value) end
end

local function bound(kind, test)
   words[kind] = function(_, limit, value, where, faults)
      local measure = type(value) == "string" and utf8.len(value) or type(value) == "table" and #value or value
      if type(measure) == "number" and not test(measure, limit) then
         say(faults, where, ("breaks %s %s"):format(kind, tostring(limit)))
      end
   end
end
bound("minimum", function(v, limit) return v >= limit end)
bound("maximum", function(v, limit) return v <= limit end)
bound("exclusiveMinimum", function(v, limit) return v > limit end)
bound("minLength", function(v, limit) return v >= limit end)
bound("maxLength", function(v, limit) return v <= limit end)
bound("minItems", function(v, limit) return v >= limit end)
bound("maxItems", function(v, limit) return v <= limit end)

function words.uniqueItems() end

--- Adds what is wrong with a value to `faults`.
function Document:check(schema, value, where, faults)
   for word, argument in pairs(schema) do
      if words[word] then
         words[word](self, argument, value, where, faults, schema)
      elseif not SILENT[word] then
         error("tests/support/openapi.lua does not know the word " .. word)
      end
   end
   -- closed: a model (it has properties and says nothing of others) shows no field of its own invention
   if schema.properties and schema.additionalProperties == nil then
      words.additionalProperties(self, false, value, where, faults, schema)
   end
   return faults
end

--- What is wrong with an answer's body, as texts; nil where the document has no schema for it.
function Document:faults(method, path, status, body)
   local schema, form = self:schema(method, path, status)
   if not schema then return nil, form end
   return self:check(schema, body, "body", {}), form
end

return openapi
