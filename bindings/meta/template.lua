---@meta aci.template
--- ARM templates: read, checked and evaluated as Azure Resource Manager does it, with its own words in
--- every error. The local cloud's deployment engine and the client's plan both stand on it.
---
---     local tpl = assert(template.read(text))
---     local plan = assert(template.evaluate(tpl, {
---        subscription = id, resource_group = { name = "aci-rg", location = "northeurope" },
---        parameters = template.arguments { keyvaultname = "kv1" },
---        reference = function(id, version, full) return properties_of(id) end,
---     }))
---     for i, resource in ipairs(plan.resources) do   -- each after those it depends on
---        if resource.condition then put(assert(plan:resource(i))) end
---     end
---     local outputs = assert(plan:outputs())
---
--- Values are those of aci.json (json.null, marked arrays). Tables from `template.read` remember the
--- order of their members and the line and column of each value, which some functions and the
--- service's messages show: so read a request's body with it, not with json.decode, and hand on the
--- tables themselves. Evaluation never changes what it is given.
local template = {}

--- The value of a JSON text, usually a template, a parameter file or a whole request body. Comments,
--- raw line breaks in strings and names without quotes are let through, as the service lets them
--- (az sends them); `strict` refuses them.
---@param text string
---@param options? { strict?: boolean }
---@return any value
---@return aci.Error? err kind "invalid", code "InvalidRequestContent", with `line` and `column`
function template.read(text, options) end

---@class aci.template.Options
---@field parameters? table as in a request: name -> { value = } or { reference = }
---@field subscription? string|table its id, or { subscriptionId =, id =, tenantId =, displayName = }
---@field tenant? string|table its id, or { tenantId =, id =, displayName =, countryCode = }
---@field resource_group? string|table its name, or { name =, location =, id =, tags =, properties = }
---@field management_group? table { name =, id =, type =, properties = }
---@field deployment? table what deployment() gives: { name =, properties = { ... }, location? = }
---@field reference? fun(id: string, version: string, full: boolean): table?, aci.Error? the
---  state of a resource: its `properties`, or with `full` its whole body. It may wait (task.wait).
---@field list? fun(id: string, name: string, version: string, body: any): table?, aci.Error?
---  the answer of listKeys and the like
---@field secret? fun(reference: table, name: string): string?, aci.Error? a parameter that is given
---  as { reference = { keyVault = { id = }, secretName =, secretVersion? = } }
---@field zones? fun(namespace: string, type: string, location: string): string[] for pickZones()
---@field environment? table what environment() gives; default: the public cloud's
---@field now? fun(): number seconds since 1970 for utcNow()
---@field new_guid? fun(): string for newGuid()
---@field path? string where the template stands in the request; default "properties.template"
---@field any_scope? boolean accept a template whose $schema is for another kind of scope

---@class aci.template.Resource
---@field id string the full id, in the template's letter case
---@field type string "Microsoft.KeyVault/vaults/secrets": a nested child has its parents' too
---@field name string "kv/secret"
---@field apiVersion string
---@field location? string
---@field condition boolean false: to be skipped; it stands in no `depends`
---@field depends string[] ids of resources of this plan that must be there before
---@field body table what to PUT: location, tags, sku, identity, properties and so on. While
---  `unknown` is true, expressions that need the deployment are still strings "[reference(...)]".
---@field unknown boolean true: ask plan:resource(i) for the body when the dependencies are there
---@field existing? boolean languageVersion 2.0: read only, nothing is PUT
---@field inner? boolean a nested deployment with inner scope: its template is untouched
---@field symbol? string languageVersion 2.0: the symbolic name
---@field copy? string the loop it comes from, and `index` in it (from 0)
---@field index? integer

---@class aci.template.Plan
---@field resources aci.template.Resource[] in an order that respects the dependencies
---@field parameters table<string, { type: string, value: any }> for the deployment's answer: types
---  as the service prints them, secure values left out
---@field warnings string[] children that do not depend on their parent
local Plan = {}

--- Resource i with everything in its body evaluated: `reference` and `list` are called now. Call it
--- when the resources in `depends` exist. The entry itself is completed and returned; a second call
--- gives the same.
---@param i integer
---@return aci.template.Resource?
---@return aci.Error? err of kind "invalid", or what a callback gave, with its code
function Plan:resource(i) end

--- The outputs, when all resources exist: name -> { type = "String", value = }; secure ones without
--- a value.
---@return table<string, { type: string, value: any }>?
---@return aci.Error? err code "DeploymentOutputEvaluationFailed", one entry in `details` per output
function Plan:outputs() end

--- Check and evaluate a template up to the point where only a deployment can go on: parameters,
--- variables, names, conditions, copies, dependencies, and every body as far as it is known.
---
--- A nested deployment (Microsoft.Resources/deployments) is a resource like others. With inner scope
--- its body holds the template as written and the evaluated parameters; with outer scope the template
--- is evaluated here. Either way evaluate body.properties.template again as a deployment of its own.
---@param tpl table from template.read
---@param options? aci.template.Options
---@return aci.template.Plan?
---@return aci.Error? err kind "invalid", status 400, code "InvalidTemplate" or
---  "InvalidRequestContent", message as the service writes it, `info` = its additionalInfo
function template.evaluate(tpl, options) end

--- The value of one template string: "[concat('a', parameters('p'))]". `parameters` are plain values
--- here; there are no variables.
---@param text string
---@param options? aci.template.Options
---@return any value
---@return aci.Error? err
function template.expression(text, options) end

--- What uniqueString() gives for these strings: 13 letters and digits.
---@param ... string
---@return string
function template.unique_string(...) end

--- What guid() gives for these strings.
---@param ... string
---@return string
function template.guid(...) end

--- A number in text that is the same for the same template: a deployment's templateHash (ours; the
--- service computes its own differently).
---@param tpl table
---@return string
function template.hash(tpl) end

--- { name = value } as the request's { name = { value = value } }.
---@param values table<string, any>
---@return table<string, { value: any }>
function template.arguments(values) end

--- The body of the service's answer to this error: { error = { code, message, details, additionalInfo } }.
---@param err aci.Error
---@return table
function template.error_body(err) end

return template
