-- aci.template: ARM templates read, checked and evaluated as Azure does it. See meta/template.lua.
local hash = require "aci.template.hash"

local template = {}

-- The evaluator is loaded at its first use: most programs only ask for a name's unique part.
local function part(name)
   return require("aci.template." .. name)
end

function template.read(text, options)
   return part "reader".read(text, not (options and options.strict))
end

local function checked(options, known)
   for name in pairs(options) do
      if not known[name] then
         error(("unknown option '%s'"):format(tostring(name)), 3)
      end
   end
   return options
end

local known_options = {}
for name in ("parameters subscription tenant resource_group management_group deployment reference list "
   .. "secret zones environment now new_guid path any_scope"):gmatch "%S+" do
   known_options[name] = true
end

function template.evaluate(tpl, options)
   local fault, root = part "fault", part "root".new(checked(options or {}, known_options))
   local context = { path = options and options.path or "properties.template", scope_kind = root.kind,
      any_scope = options and options.any_scope }
   return fault.answer(pcall(part "plan".build, tpl, options and options.parameters, root, context))
end

function template.expression(text, options)
   options = options or {}
   local value, root = part "value", part "root".new(checked(options, known_options))
   local given = options.parameters or {}
   local scope = { root = root, place = "output", loops = {}, parameters = function(name)
      return (value.member(given, name))
   end }
   return part "fault".answer(pcall(part "eval".string, text, scope))
end

local function strings(...)
   for i = 1, select("#", ...) do
      if type((select(i, ...))) ~= "string" then
         error(("argument %d must be a string, not %s"):format(i, type((select(i, ...)))), 3)
      end
   end
   return ...
end

function template.unique_string(...)
   return hash.unique_string(strings(...))
end

function template.guid(...)
   return hash.guid(strings(...))
end

function template.hash(tpl)
   local v = hash.murmur(part "value".json(tpl))
   local tens = (v >> 1) // 5 -- v is unsigned
   return (tens > 0 and tostring(tens) or "") .. tostring(v - tens * 10)
end

function template.arguments(values)
   local out = {}
   for name, v in pairs(values) do
      out[name] = { value = v }
   end
   return out
end

function template.error_body(err)
   return { error = { code = err.code, message = err.message, details = err.details,
      additionalInfo = err.info } }
end

return template
