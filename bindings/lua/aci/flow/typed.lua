--- Values as they are typed, NAME=VALUE, against the schema that says what they may be: what is wrong is told
-- before a run is made, not by its container.

local fail       = require "aci.error"
local json       = require "aci.json"
local parameters = require "aci.flow.parameters"

local typed = {}

local EXAMPLES = { array = "'%s=[1,2]'", object = "'%s={\"a\":1}'", integer = "%s=3", number = "%s=0.5",
   boolean = "%s=true", null = "%s=null", string = "%s=text" }

local function problems_of(schema, name, value)
   local one = { definitions = schema.definitions, ["$defs"] = schema["$defs"],
      properties = { [name] = schema.properties[name] } }
   local _, problems = parameters.check(one, { [name] = value })
   return problems
end

--- How the value would be typed, as far as its schema names a type.
local function example(schema, name)
   local property = (schema.properties or {})[name]
   local kind = type(property) == "table" and property.type
   return (EXAMPLES[kind] or "%s=VALUE"):format(name)
end

--- What a typed text means: the JSON value where that is what the schema wants, else the text itself.
-- @param schema object schema; nothing is known of a name that is not in its properties
-- @return the value, and why the schema refuses it
function typed.value(schema, name, text)
   local value, unreadable = json.decode(text)
   if type((schema.properties or {})[name]) ~= "table" then return value == nil and text or value end
   local problems = value ~= nil and problems_of(schema, name, value) or nil
   if problems and #problems == 0 then return value end
   local as_text = problems_of(schema, name, text)
   if #as_text == 0 then return text end
   local why = table.concat(problems or as_text, "; ")
   if problems or not text:find '^%s*[%[{"]' then return nil, problems and why or ("%s: %q"):format(why, text) end
   return nil, ("%s (%q is no JSON: %s)"):format(why, text, unreadable)
end

--- What is given to the option: "NAME=VALUE" in its two parts.
function typed.parts(text, pattern, hint)
   local name, value = text:match("^(" .. pattern .. ")=(.*)$")
   if name then return name, value end
   fail.raise { kind = "usage", code = "arguments", message = ("%q is not NAME=VALUE"):format(text),
      advice = "for example: " .. hint }
end

local function refuse(deployment, message, advice)
   fail.raise { kind = "usage", code = "parameter",
      message = ("the deployment %q %s"):format(deployment.name, message), advice = advice }
end

local function check_name(name, schema, deployment)
   local known = schema.properties
   if type(known) ~= "table" or known[name] ~= nil then return end
   local takes = {}
   for each in pairs(known) do takes[#takes + 1] = each end
   table.sort(takes)
   refuse(deployment, ("has no parameter %q"):format(name),
      #takes == 0 and "it takes none" or "it has " .. table.concat(takes, ", "))
end

--- With the deployment's own values below them; the server looks up those that name a variable of its.
local function check_together(given, schema, deployment)
   local all = {}
   for name, value in pairs(type(deployment.parameters) == "table" and deployment.parameters or {}) do
      if type(value) == "table" and value.__prefect_kind then return end
      all[name] = value
   end
   for name, value in pairs(given) do all[name] = value end
   local _, problems = parameters.check(schema, all)
   if #problems == 0 then return end
   local name = problems[1]:match "^[%w_]+"
   refuse(deployment, "cannot run so: " .. table.concat(problems, "; "),
      name and "for example: -p " .. example(schema, name) or nil)
end

--- The parameters of a run of the deployment; raises for one that it does not have, that its schema refuses, or
-- that is missing.
function typed.parameters(texts, deployment)
   local schema, given = deployment.parameter_openapi_schema, {}
   if type(schema) ~= "table" or schema == json.null then schema = {} end
   for _, text in ipairs(texts or {}) do
      local name, plain = typed.parts(text, "[%w_]+", "-p limit=3 -p name=orion")
      check_name(name, schema, deployment)
      local value, why = typed.value(schema, name, plain)
      if why then refuse(deployment, "cannot run so: " .. why, "for example: -p " .. example(schema, name)) end
      given[name] = value
   end
   check_together(given, schema, deployment)
   return given
end

local function refuse_variable(pool, message, advice)
   fail.raise { kind = "usage", code = "job_variable",
      message = ("the work pool %q %s"):format(pool.name, message), advice = advice }
end

local function check_variable(pool, schema, name)
   if schema.properties[name] then return end
   local all = {}
   for each in pairs(schema.properties) do all[#all + 1] = each end
   local meant = require "aci.nearest"(name, all)
   refuse_variable(pool, ("has no variable %q"):format(name), meant and ("did you mean %s?"):format(meant))
end

--- The job variables of a run, "cpu=2" and "env.NAME=text", as the variables of the pool's template take them.
function typed.job_variables(texts, pool)
   local schema, map = pool.base_job_template.variables or {}, {}
   schema.properties = schema.properties or {}
   for _, text in ipairs(texts) do
      local path, plain = typed.parts(text, "[^=]+", "-j cpu=2 -j env.STAGE=test")
      local name, member = path:match "^([^.]*)%.?(.*)$"
      check_variable(pool, schema, name)
      local value, why
      if member == "" then
         value, why = typed.value(schema, name, plain)
      else
         value = type(map[name]) == "table" and map[name] or {}
         value[member], why = plain, problems_of(schema, name, value)[1]
      end
      if why then
         refuse_variable(pool, "does not take that: " .. why, "for example: -j " .. example(schema, name))
      end
      map[name] = value
   end
   return map
end

return typed
