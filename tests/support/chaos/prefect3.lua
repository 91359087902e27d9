--- The field on Prefect 3: deployments of a work pool that is like the one that setup.lua made.
local three = { worker = { "--pool", "chaos", "--stream" } }

--- Makes the pool and the deployments; gives them by name.
function three.deploy(field, commands)
   local api = field.api
   local like = assert(api:work_pool "armaci", "setup.lua made no work pool")
   api:put_work_pool { name = "chaos", type = like.type, base_job_template = like.base_job_template }
   local function deploy(name, entry, variables)
      local job = { image = "debian:bookworm", entrypoint = "/bin/sh", command = table.concat(commands.work, " ") }
      for key, value in pairs(variables or {}) do job[key] = value end
      return api:put_deployment { flow = "Chaos", name = name, version = "1", path = field.home .. "/code",
         entrypoint = "flow.lua:" .. entry, work_pool_name = "chaos", job_variables = job }
   end
   return { work = deploy("Work", "work"), again = deploy("Again", "again"),
      hung = deploy("Hung", "work", { command = table.concat(commands.hung, " ") }),
      noimage = deploy("No image", "work", { image = "nowhere.azurecr.io/nothing:1" }) }
end

return three
