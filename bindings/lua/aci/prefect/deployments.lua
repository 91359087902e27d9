--- Flows and deployments.

local json   = require "aci.json"
local fail   = require "aci.error"
local ref    = require "aci.prefect.ref"
local escape = require("aci.http").escape

local deployments = {}

-- 2.20 answers with the old name of job_variables, and with null for an absent list of pull steps.
local function modern(deployment)
   if deployment and deployment.job_variables == nil then
      deployment.job_variables, deployment.infra_overrides = deployment.infra_overrides, nil
   end
   return deployment
end

--- A flow by name; nil where there is none.
function deployments:flow(name)
   return (self:request("GET", "/flows/name/" .. escape(name), { missing = true }))
end

function deployments:flow_by_id(id)
   return (self:request("GET", "/flows/" .. id, { missing = true }))
end

--- The flow of that name, made where it is missing.
function deployments:put_flow(name)
   return self:flow(name) or (self:request("POST", "/flows/", { json = { name = name } }))
end

--- Deletes a flow with its deployments and runs.
function deployments:delete_flow(name)
   local flow = self:flow(name)
   if not flow then return false end
   self:request("DELETE", "/flows/" .. flow.id, { missing = true })
   return true
end

--- "Key Vault Demo/Manual Deployment" as two names; neither holds a slash.
local function split(flow, name)
   if type(flow) == "string" and type(name) == "string" then return flow, name end
   local first, second
   if type(flow) == "string" and name == nil then first, second = flow:match "^([^/]+)/([^/]+)$" end
   if not first then
      local given = type(flow) == "string" and ("%q"):format(flow) or tostring(flow)
      fail.raise { kind = "usage", code = "deployment",
         message = ("%s is not FLOW/DEPLOYMENT, for example \"Simple Demo/Simple Deployment\""):format(given) }
   end
   return first, second
end

--- A deployment by name, `api:deployment("Simple Demo/Simple Deployment")` or both names apart; nil where
-- there is none.
function deployments:deployment(flow, name)
   flow, name = split(flow, name)
   local path = ("/deployments/name/%s/%s"):format(escape(flow), escape(name))
   return modern(self:request("GET", path, { missing = true }))
end

function deployments:deployment_by_id(id)
   return modern(self:request("GET", "/deployments/" .. id, { missing = true }))
end

--- All deployments, or those that a filter of the API lets through.
function deployments:deployments(filter)
   local all = self:pages("/deployments/filter", filter)
   for _, deployment in ipairs(all) do modern(deployment) end
   return all
end

function deployments:delete_deployment(flow, name)
   local deployment = self:deployment(flow, name)
   if not deployment then return false end
   self:request("DELETE", "/deployments/" .. deployment.id, { missing = true })
   return true
end

--- A block's id; the reference itself while the block is missing, so that a plan shows it.
local function document_id(self, value)
   if not ref.is(value) then return value end
   local document = self:block(value.slug, value.name)
   return document and document.id or value
end

local function must_exist(value)
   if ref.is(value) then
      fail.raise { kind = "not_found", code = "block",
         message = ("block %s does not exist yet"):format(value) }
   end
end

--- The authored fields as the API names them, blocks by id.
function deployments:deployment_fields(want)
   local fields = {}
   for key, value in pairs(want) do fields[key] = value end
   fields.flow, fields.name, fields.storage, fields.infrastructure = nil, nil, nil, nil
   if want.storage then fields.storage_document_id = document_id(self, want.storage) end
   if want.infrastructure then fields.infrastructure_document_id = document_id(self, want.infrastructure) end
   return fields
end

--- The server answers 500 to a deployment of such a name, and no URL could hold it.
local function check_name(what, name)
   if type(name) == "string" and name ~= "" and not name:find "[/%%&<>]" then return end
   fail.raise { kind = "usage", code = "name",
      message = ("%q cannot be the name of a %s"):format(tostring(name), what),
      advice = "names hold no / % & < >" }
end

--- Creates or replaces a deployment, and its flow where that is missing.
function deployments:write_deployment(want)
   check_name("flow", want.flow)
   check_name("deployment", want.name)
   local body = self:deployment_fields(want)
   must_exist(body.storage_document_id)
   must_exist(body.infrastructure_document_id)
   body.flow_id, body.name = self:put_flow(want.flow).id, want.name
   for _, key in ipairs { "parameters", "job_variables" } do body[key] = json.object(body[key] or {}) end
   body.tags = json.array(body.tags or {})
   return modern((self:request("POST", "/deployments/", { json = body })))
end

return deployments
