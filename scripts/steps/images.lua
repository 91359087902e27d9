-- Which images the agent and the jobs run. On Azure they are Prefect's public ones, of the server's major
-- version, with some packages added at the start; on the local cloud (sim/runners.lua) these names mean our
-- own worker and flow engine. `agent_image` and `job_image` in config.lua name others.
local images = {}

local public = {
   [2] = "docker.io/prefecthq/prefect:2.20.25-python3.11",
   [3] = "docker.io/prefecthq/prefect:3.8.8-python3.11",
}

-- With newer ones Prefect 2.20.25 starts, but its tasks crash; prefect-azure 0.4.13 does not import.
local packages = {
   [2] = "prefect-azure==0.3.11 adlfs==2026.8.0 anyio==4.9.0 azure-mgmt-resource==24.0.0 "
      .. "azure-identity azure-keyvault-secrets",
   [3] = "prefect-azure==0.4.13 azure-mgmt-resource==24.0.0 azure-storage-blob==12.31.1 "
      .. "azure-identity azure-keyvault-secrets",
}

local function major(c)
   return c.prefect:major() < 3 and 2 or 3
end

--- The image of the agent's container group.
function images.agent(c) return c.config.agent_image or public[major(c)] end

--- The packages that the agent's image adds at its start.
function images.agent_packages(c) return c.config.agent_image and "" or packages[major(c)] end

--- The image of the container groups that run flows.
function images.job(c) return c.config.job_image or public[major(c)] end

--- What the public image needs in its environment.
function images.job_environment(c)
   if c.config.job_image then return {} end
   return { EXTRA_PIP_PACKAGES = packages[major(c)] }
end

--- A group's command replaces the image's entry point: for the public image the same words again, the
-- first of them the work pool's entrypoint and the others the beginning of its command.
function images.job_entrypoint(c) return not c.config.job_image and "/usr/bin/tini" or nil end

function images.job_command(c)
   return not c.config.job_image and "-g -- /opt/prefect/entrypoint.sh prefect flow-run execute" or nil
end

--- The language of the flows that an image runs: `flow_language` in config.lua, else Lua on the local
-- cloud and Python on Azure.
function images.language(config)
   return config.flow_language or (config.cloud == "local" and "lua" or "python")
end

return images
