-- Which images the agent and the jobs run. On Azure they are Prefect's public ones, of the server's major
-- version, with some packages added at the start; on the local cloud (sim/runners.lua) these names mean our
-- own worker and flow engine. `agent_image` and `job_image` in config.lua name others.
local json = require "aci.json"
local own = require "aci.image.own"

local images = {}

local public = {
   [2] = "docker.io/prefecthq/prefect:2.20.25-python3.11",
   [3] = "docker.io/prefecthq/prefect:3.8.8-python3.11",
}

-- With newer ones Prefect 2.20.25 starts, but its tasks crash; prefect-azure 0.4.13 does not import.
local packages = {
   [2] = "prefect-azure==0.3.11 adlfs==2026.8.0 anyio==4.9.0 azure-mgmt-resource==24.0.0 "
      .. "azure-mgmt-containerinstance==10.1.0 azure-storage-blob==12.31.1 azure-identity==1.27.0 "
      .. "azure-keyvault-secrets==4.12.0",
   [3] = "prefect-azure==0.4.13 azure-mgmt-resource==24.0.0 azure-mgmt-containerinstance==10.1.0 "
      .. "azure-storage-blob==12.31.1 azure-identity==1.27.0 azure-keyvault-secrets==4.12.0",
}

local function major(c)
   return c.prefect:major() < 3 and 2 or 3
end

--- The language of the flows that an image runs: `flow_language` in config.lua, else Lua on the local
-- cloud and where our own image is used, and Python on Azure.
function images.language(config)
   return config.flow_language or ((config.cloud == "local" or config.registry) and "lua" or "python")
end

--- Our own image, where config.lua asks for a registry (steps/registry.lua): `{server, repository, tag, name,
-- identity}`; else nil.
function images.own(c)
   if not c.config.registry then return nil end
   if not c.own_image then
      local server = ("%s.%s"):format(c.config.registry:lower(), c.config.registry_suffix)
      local tag = own.fingerprint():sub(1, 16)
      c.own_image = { server = server, repository = "acihost", tag = tag, name = server .. "/acihost:" .. tag,
         identity = ("%s/providers/Microsoft.ManagedIdentity/userAssignedIdentities/%s"):format(c.azure:group_id(),
            c.config.identity) }
   end
   return c.own_image
end

-- Our own image where nothing else is named, or nil.
local function agent_own(c) return not c.config.agent_image and images.own(c) or nil end

local function job_own(c)
   return not c.config.job_image and images.language(c.config) == "lua" and images.own(c) or nil
end

-- Is it Prefect's public image that the jobs run?
local function job_public(c) return not (c.config.job_image or job_own(c)) end

--- The image of the agent's container group.
function images.agent(c)
   local ours = agent_own(c)
   return c.config.agent_image or ours and ours.name or public[major(c)]
end

--- The packages that the agent's image adds at its start.
function images.agent_packages(c)
   return (c.config.agent_image or agent_own(c)) and "" or packages[major(c)]
end

--- The command of the agent; empty where it is Prefect's own.
function images.agent_command(c)
   if not agent_own(c) then return json.array {} end
   if major(c) >= 3 then return { "acihost", "worker.lua", "--pool", c.config.work_pool } end
   return { "acihost", "worker.lua", "-q", c.config.queue }
end

--- The image of the container groups that run flows.
function images.job(c)
   local ours = job_own(c)
   return c.config.job_image or ours and ours.name or public[major(c)]
end

--- How the jobs' groups sign in to its registry: as their identity; nil where it is public.
function images.job_registry(c)
   local ours = job_own(c)
   return ours and { registry_url = ours.server, identity = ours.identity } or nil
end

--- What the public image needs in its environment.
function images.job_environment(c)
   return job_public(c) and { EXTRA_PIP_PACKAGES = packages[major(c)] } or {}
end

-- What a run of each major version is started by.
local engines = { [2] = { "python", "-m", "prefect.engine" }, [3] = { "prefect", "flow-run", "execute" } }

--- A group's command replaces the image's entry point. So the words of the public image's own are given again:
-- the first of them as entrypoint, the others (this list) before those that start the run. nil: as Prefect has it.
function images.job_command(c)
   if job_own(c) then return { "execute.lua" } end
   if not job_public(c) then return nil end
   local words = { "-g", "--", "/opt/prefect/entrypoint.sh" }
   return table.move(engines[major(c)], 1, 3, #words + 1, words)
end

function images.job_entrypoint(c)
   if job_own(c) then return "/usr/bin/acihost" end
   return job_public(c) and "/usr/bin/tini" or nil
end

return images
