-- The shape of a template before anything is evaluated: which members there may be, which must be.
local fault = require "aci.template.fault"
local functions = require "aci.template.functions"
local tree = require "aci.template.tree"
local value = require "aci.template.value"

local model = {}

local function set(words)
   local out = {}
   for word in words:gmatch "%S+" do
      out[word:lower()] = true
   end
   return out
end

local allowed = {}
allowed.Template = set("$schema contentVersion languageVersion apiProfile definitions parameters variables "
   .. "functions resources outputs metadata imports extensions asserts")
allowed.TemplateParameter = set("type defaultValue allowedValues minValue maxValue minLength maxLength "
   .. "metadata nullable $ref properties items prefixItems additionalProperties discriminator")
allowed.TemplateResource = set("type apiVersion name location tags sku kind plan identity zones managedBy "
   .. "managedByExtended extendedLocation scope condition copy dependsOn properties resources comments "
   .. "metadata subscriptionId resourceGroup existing import extension @options asserts placement")
allowed.TemplateOutputParameter = set("type value copy condition metadata $ref nullable minValue maxValue "
   .. "minLength maxLength allowedValues items prefixItems properties additionalProperties discriminator")
allowed.TemplateCopy = set "name count mode batchSize input"
allowed.TemplateFunction = set "namespace members"
allowed.TemplateFunctionMember = set "parameters output metadata"

-- What needs languageVersion 2.0 in each kind of object.
local modern = {
   Template = set "definitions imports extensions asserts",
   TemplateParameter = set "nullable $ref properties items prefixItems additionalProperties discriminator",
   TemplateResource = set "existing import extension @options asserts",
   TemplateOutputParameter = set("$ref nullable items prefixItems properties additionalProperties "
      .. "discriminator"),
}

-- What JSON each member must be; "?" lets an expression stand for it. null counts as left out.
local shapes = {
   Template = { ["$schema"] = "String", contentversion = "String", languageversion = "String",
      apiprofile = "String", definitions = "Object", parameters = "Object", variables = "Object",
      functions = "Array", outputs = "Object" },
   TemplateParameter = { type = "String", ["$ref"] = "String", allowedvalues = "Array", minvalue = "Integer",
      maxvalue = "Integer", minlength = "Integer", maxlength = "Integer", nullable = "Boolean" },
   TemplateResource = { type = "String", name = "String", apiversion = "String", dependson = "Array",
      copy = "Object", scope = "String", subscriptionid = "String", resourcegroup = "String",
      existing = "Boolean", location = "String", properties = "Object?" },
   TemplateOutputParameter = { type = "String", ["$ref"] = "String", copy = "Object", nullable = "Boolean" },
   TemplateCopy = { name = "String", mode = "String", batchsize = "Integer" },
   TemplateFunction = { namespace = "String", members = "Object" },
   TemplateFunctionMember = { parameters = "Array", output = "Object" },
}

local function unreadable(sentence, path, place)
   local line, column = 0, 0
   if place then
      line, column = place >> 32, place & 0xffffffff
   end
   fault.final("InvalidRequestContent", ("The request content was invalid and could not be deserialized: "
      .. "'%s Path '%s', line %d, position %d.'."):format(sentence, path, line, column))
end

local function check_shape(object, name, shape, path)
   local v = object[name]
   local wanted, or_text = shape:match "^(%a+)(%??)$"
   local actual = value.type(v)
   if actual ~= wanted and v ~= value.null and not (or_text == "?" and actual == "String") then
      unreadable(("Error converting value of type '%s' to type '%s'."):format(actual, wanted), path .. "."
         .. name,
         value.place(object, name))
   end
end

local function check_members(object, kind, path, context)
   if not value.is_object(object) then
      unreadable(("Error converting value of type '%s' to type '%s'."):format(value.type(object), kind), path)
   end
   for _, name in ipairs(value.names(object)) do
      local lower = name:lower()
      local newer = not context.modern and modern[kind] and modern[kind][lower]
      if not allowed[kind][lower] or newer then
         unreadable(("Could not find member '%s' on object of type '%s'."):format(name, kind), path .. "."
            .. name,
            value.name_place(object, name))
      elseif shapes[kind][lower] then
         check_shape(object, name, shapes[kind][lower], path)
      end
   end
end

local function require_member(object, name, path)
   local found = value.member(object, name)
   if found == nil or found == value.null then
      unreadable(("Required property '%s' not found in JSON."):format(name), path, value.place(object))
   end
   return found
end

local usual = {}
for kind, words in pairs {
   Template = "languageVersion apiProfile parameters variables functions resources outputs definitions",
   TemplateParameter = "type defaultValue allowedValues minValue maxValue minLength maxLength nullable",
   TemplateOutputParameter = "type value copy condition nullable",
   TemplateResource = "type apiVersion name location dependsOn condition copy scope properties resources "
      .. "subscriptionId resourceGroup existing",
   TemplateCopy = "name count mode batchSize input",
} do
   usual[kind] = {}
   for word in words:gmatch "%S+" do
      usual[kind][word:lower()] = word
   end
end

-- The engine binds names in any letter case; the rest of this code reads the usual spelling. A copy,
-- which remembers places and order as the original does: what we are given stays as it is.
local function in_usual_case(object, kind)
   local out = {}
   for name, v in pairs(object) do
      if v ~= value.null or name:lower() == "defaultvalue" or name:lower() == "value" then
         out[usual[kind][name:lower()] or name] = v
      end
   end
   value.layouts[out] = value.layouts[object]
   return out
end

local supported = set "2014-04-01-preview 2015-01-01 2018-05-01 2019-04-01 2019-08-01"
local kinds = {
   deploymenttemplate = "group", subscriptiondeploymenttemplate = "subscription",
   managementgroupdeploymenttemplate = "management group", tenantdeploymenttemplate = "tenant",
}

local schema_url = "^https?://schema%.management%.azure%.com/schemas/([%w-]+)/(%a+)%.json#?$"

local function check_schema(schema, context)
   local version, kind = schema:lower():match(schema_url)
   if not version or not supported[version] or not kinds[kind] then
      fault.invalid(("Template schema '%s' is not supported. Supported versions are "
         .. "'2014-04-01-preview,2015-01-01,2018-05-01,2019-04-01,2019-08-01'.%s"):format(schema,
         fault.see "arm-template"))
   elseif kinds[kind] ~= context.scope_kind and not context.any_scope then
      fault.invalid(("The template schema '%s' is not valid for a deployment at %s scope.%s"):format(schema,
         context.scope_kind, fault.see "arm-template"))
   end
end

local function check_limit(what, object, limit)
   local count = object and #value.names(object) or 0
   if count > limit then
      fault.invalid(("The number of template %s limit exceeded. Limit: '%d' and actual: "
         .. "'%d'.%s"):format(what, limit,
         count, fault.see "arm-template"))
   end
end

-- Every member of an object of declarations checked, in a copy.
local function declarations(object, kind, path, context)
   local out = {}
   for name, declared in value.members(object or {}) do
      check_members(declared, kind, path .. "." .. name, context)
      out[name] = in_usual_case(declared, kind)
      if not declared["$ref"] then
         require_member(declared, "type", path .. "." .. name)
      end
   end
   value.layouts[out] = object and value.layouts[object]
   return out
end

local function check_parts(template, context)
   local base = context.path
   template.parameters = declarations(template.parameters, "TemplateParameter", base .. ".parameters",
      context)
   template.outputs = declarations(template.outputs, "TemplateOutputParameter", base .. ".outputs", context)
   check_limit("parameters", template.parameters, 256)
   check_limit("variables", template.variables, 256)
   check_limit("output parameters", template.outputs, 64)
end

local forbidden = { variables = true, reference = true, references = true }

local function check_function_body(member, place, context)
   local wrong = {}
   local function look(v)
      if type(v) == "string" and tree.is_expression(v) then
         tree.each_call(tree.parse(v), function(call)
            local bad = call.space and not context.modern or forbidden[call.name:lower()]
               or tree.is_runtime(call.name)
            if bad then
               wrong[#wrong + 1] = call.space and call.space .. "." .. call.name or call.name
            end
         end)
      elseif type(v) == "table" and v ~= value.null then
         for _, inner in pairs(v) do
            look(inner)
         end
      end
   end
   look(member.output.value)
   if #wrong > 0 then
      fault.invalid(("The template function '%s' %s is not valid. These function calls are not supported in "
         .. "a function "
         .. "definition: '%s'.%s"):format(member.name, fault.at(place), table.concat(wrong, ", "),
         fault.see "arm-template/#functions"), place)
   end
end

local function read_function(space, name, member, path, context)
   check_members(member, "TemplateFunctionMember", path, context)
   require_member(member, "output", path)
   for i, parameter in ipairs(member.parameters or {}) do
      if not value.is_object(parameter) or type(parameter.name) ~= "string"
         or type(parameter.type) ~= "string" then
         unreadable("Required properties 'name' and 'type' not found in JSON.",
            ("%s.parameters[%d]"):format(path, i - 1))
      end
   end
   local found = {
      name = name, parameters = member.parameters or {}, output = member.output.value,
   }
   check_function_body({ name = name, output = member.output }, value.place(member), context)
   functions.validate_json(found.output, "function")
   return (space .. "." .. name):lower(), found
end

--- The user functions of a template by lower-case "namespace.name", checked.
function model.functions(template, context)
   local found = {}
   for i, space in ipairs(template.functions or {}) do
      local path = ("%s.functions[%d]"):format(context.path, i - 1)
      check_members(space, "TemplateFunction", path, context)
      for name, member in value.members(space.members or {}) do
         local key, entry = read_function(require_member(space, "namespace", path), name, member, path,
            context)
         entry.functions = context.modern and found or nil
         found[key] = entry
      end
   end
   return found
end

--- Check one resource object; `context` as for model.template. Returns it in the usual spelling.
function model.resource(resource, path, context)
   check_members(resource, "TemplateResource", path, context)
   resource = in_usual_case(resource, "TemplateResource")
   require_member(resource, "type", path)
   if not context.profile then
      require_member(resource, "apiVersion", path)
   end
   if resource.copy ~= nil then
      check_members(resource.copy, "TemplateCopy", path .. ".copy", context)
      resource.copy = in_usual_case(resource.copy, "TemplateCopy")
   end
   return resource
end

--- Check the template itself. context: path (of the template in the request), scope_kind, any_scope
--- (skip the check of the schema's kind); gets modern (languageVersion 2.0) and profile. Returns the
--- template in the usual spelling.
function model.template(template, context)
   if not value.is_object(template) then
      unreadable("Error converting value to type 'Template'.", context.path)
   end
   local given = template
   template = in_usual_case(template, "Template")
   context.modern = tostring(template.languageVersion or ""):find "^2" ~= nil
   context.profile = template.apiProfile
   check_members(given, "Template", context.path, context)
   check_schema(require_member(template, "$schema", context.path), context)
   require_member(template, "contentVersion", context.path)
   local resources = require_member(template, "resources", context.path)
   if type(resources) ~= "table" then
      unreadable("Error converting value to type 'TemplateResource[]'.", context.path .. ".resources")
   elseif value.is_object(resources) and next(resources) ~= nil and not context.modern then
      unreadable("Cannot deserialize the current JSON object into type 'TemplateResource[]' because the "
         .. "type requires a JSON array.", context.path .. ".resources", value.place(resources))
   end
   check_parts(template, context)
   return template
end

return model
