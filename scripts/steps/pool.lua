-- Prefect 3: the work pool that the deployments are scheduled in, and the credentials that its worker makes
-- container groups with. The job template is templates/pool.json; here it is bound to this set-up. Prefect 2
-- has the queue and the infrastructure block in their place (steps/queue.lua, steps/blocks.lua).
local files = require "steps.files"
local fs = require "aci.fs"
local images = require "steps.images"
local json = require "aci.json"
local prefect = require "aci.prefect"
local step = require "aci.step"
local credentials = require "steps.credentials"

local file = files "templates/pool.json"

--- What the variables of the template are, where neither the deployment nor the run says otherwise.
local function defaults(c, block)
   local group, config = c.azure:group_id() .. "/providers/", c.config
   local command = images.job_command(c)
   return {
      aci_credentials = prefect.reference(block.id),
      subscription_id = config.subscription,
      resource_group_name = config.group,
      identities = { ("%sMicrosoft.ManagedIdentity/userAssignedIdentities/%s"):format(group, config.identity) },
      subnet_ids = { ("%sMicrosoft.Network/virtualNetworks/%s/subnets/%s"):format(group, config.vnet,
         config.subnet) },
      image = images.job(c),
      env = json.object(images.job_environment(c)),
      entrypoint = images.job_entrypoint(c),
      command = command and table.concat(command, " ") or nil,
      image_registry = images.job_registry(c),
      cpu = config.job_cpu, memory = config.job_memory,
   }
end

--- The tags of the settings for the runs' groups too; "[" would begin an expression of the template.
local function tags(c)
   local all = {}
   for name, value in pairs(c.config.tags) do all[name] = value:gsub("^%[", "[[") end
   return next(all) and all or nil
end

local function template(c, block)
   local text = assert(json.decode(assert(fs.read(file)), { comments = true }))
   local properties = text.variables.properties
   for name, value in pairs(defaults(c, block)) do properties[name].default = value end
   text.job_configuration.arm_template.resources[1].tags = tags(c)
   return text
end

return step {
   name = "pool",
   needs = { "principal" },
   want = function(c)
      if c.prefect:major() < 3 then return {} end
      return {
         credentials(c),
         function(_, block)
            return { kind = "pool", id = c.config.work_pool, name = c.config.work_pool,
               type = "azure-container-instance", template = template(c, block) }
         end,
      }
   end,
}
