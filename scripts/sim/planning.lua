--- The plan of a deployment: its template evaluated with what the caller may read.
local crypto       = require "aci.crypto"
local secret       = require "aci.secret"
local template     = require "aci.template"
local access       = require "sim.access"
local refuse       = require "sim.refuse"
local vaultsecrets = require "sim.vaultsecrets"

local planning = {}

local function target_of(id, version)
   return id .. "?api-version=" .. version
end

-- What the template asks of what exists, as the caller.
local function reader_of(cloud, caller)
   return function(id, version, full)
      local status, body = cloud:call(caller, { method = "GET", target = target_of(id, version) })
      if status ~= 200 then
         return nil, body and body.error or { code = "ResourceNotFound", message = id .. " was not found." }
      end
      return full and body or body.properties or {}
   end
end

local function lister_of(cloud, caller)
   return function(id, name, version, body)
      local status, answer = cloud:call(caller, { method = "POST", target = target_of(id .. "/" .. name,
         version),
         json = body })
      if status ~= 200 then
         return nil, answer and answer.error
      end
      return answer
   end
end

local NO_SECRET = "The specified KeyVault secret reference could not be resolved: '%s'."

-- A parameter given as a reference to a secret of a vault.
local function secret_of(cloud, caller)
   return function(reference)
      local id = type(reference.keyVault) == "table" and reference.keyVault.id or ""
      local row = cloud.state:resource(id)
      if not row or not access.allowed(cloud.state, caller, "Microsoft.KeyVault/vaults/deploy/action", id)
         or row.body.properties.enabledForTemplateDeployment ~= true then
         return nil, { code = "KeyVaultParameterReferenceAuthorizationFailed",
            message = ("The user, group or "
            .. "application '%s' does not have secrets get permission on key vault '%s', or the vault "
            .. "is not enabled "
            .. "for template deployment."):format(caller.appid, id) }
      end
      local found = vaultsecrets.get(cloud.state, row.name, tostring(reference.secretName),
         reference.secretVersion)
      if not found then
         return nil, { code = "KeyVaultParameterReferenceNotFound",
            message = NO_SECRET:format(reference.secretName) }
      end
      return secret.reveal(found.value)
   end
end

local function group_of(cloud, id)
   local row = cloud.state:resource(id:match "^(.*)/providers/Microsoft%.Resources/deployments/")
   return row.body
end

-- newGuid must give the same values when the plan is made again.
local function guids_of(correlation)
   local count = 0
   return function()
      count = count + 1
      return crypto.uuid5(correlation, tostring(count))
   end
end

--- Evaluates a request's template. `fields`: id (of the deployment), name, properties (of the request),
-- caller, correlation, started.
-- @return plan, or a refusal
function planning.plan(cloud, fields)
   local properties, state = fields.properties, cloud.state
   local plan, err = template.evaluate(properties.template, {
      parameters = type(properties.parameters) == "table" and properties.parameters or {},
      subscription = state:setting "subscription", tenant = state:setting "tenant",
      resource_group = group_of(cloud, fields.id), reference = reader_of(cloud, fields.caller),
      list = lister_of(cloud, fields.caller), secret = secret_of(cloud, fields.caller),
      now = function() return math.floor(fields.started) end, new_guid = guids_of(fields.correlation),
      deployment = { name = fields.name, properties = { template = properties.template,
         mode = properties.mode,
         provisioningState = "Accepted" } },
   })
   if not plan then
      local body = template.error_body(err).error
      refuse.with { status = err.status or 400, code = body.code, message = body.message,
         details = body.details,
         additional = body.additionalInfo }
   end
   return plan
end

return planning
