--- The field on Prefect 2: deployments of a work queue, their infrastructure in the block that setup.lua made.
local prefect = require "aci.prefect"

local two = { worker = { "-q", "chaos", "--stream" } }

local JOB = "azure-container-instance-job"

--- Makes the deployments; gives them by name.
function two.deploy(field, commands)
   field.api:put_block { slug = JOB, name = "aci", data = { image = "debian:bookworm", entrypoint = "/bin/sh",
      command = commands.work } }
   local function deploy(name, entry, variables)
      return field.api:put_deployment { flow = "Chaos", name = name, version = "1", path = field.home .. "/code",
         entrypoint = "flow.lua:" .. entry, work_queue_name = "chaos", job_variables = variables,
         infrastructure = prefect.ref(JOB, "aci") }
   end
   return { work = deploy("Work", "work"), again = deploy("Again", "again"),
      hung = deploy("Hung", "work", { command = commands.hung }),
      noimage = deploy("No image", "work", { image = "nowhere.azurecr.io/nothing:1" }) }
end

return two
