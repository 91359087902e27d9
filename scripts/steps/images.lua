-- Which images the agent and the jobs run. On Azure they are Prefect's public ones with two packages
-- added at the start; on the local cloud (sim/runners.lua) these names mean our own worker and flow engine.
local images = {}

local public = "docker.io/prefecthq/prefect:2.20.25-python3.11"

-- With newer ones Prefect 2.20.25 starts, but its tasks crash.
local packages = "prefect-azure==0.3.11 adlfs==2026.8.0 anyio==4.9.0 azure-mgmt-resource==24.0.0 "
   .. "azure-identity azure-keyvault-secrets"

--- The image of the agent's container group.
function images.agent(config) return config.agent_image or public end

--- The packages that the agent's image adds at its start.
function images.agent_packages(config) return config.agent_image and "" or packages end

--- The image of the container groups that run flows.
function images.job(config) return config.job_image or public end

--- What the public image needs in its environment.
function images.job_environment(config)
   if config.job_image then return {} end
   return { EXTRA_PIP_PACKAGES = packages }
end

--- The language of the flows that an image runs: `flow_language` in config.lua, else Lua on the local
-- cloud and Python on Azure.
function images.language(config)
   return config.flow_language or (config.cloud == "local" and "lua" or "python")
end

return images
