-- Which image the agent and the jobs run, how it is started, and how it is signed in to.
package.path = "scripts/?.lua;" .. package.path

local fs = require "aci.fs"
local images = require "steps.images"

local function settings(major, config)
   config.queue, config.work_pool, config.identity = "armaci", "pool", "orionid"
   config.registry_suffix = "azurecr.io"
   return { config = config, prefect = { major = function() return major end },
      azure = { group_id = function() return "/subscriptions/s/resourceGroups/g" end } }
end

local function job(c)
   return { images.job(c), images.job_entrypoint(c), table.concat(images.job_command(c) or {}, " "),
      images.job_environment(c).EXTRA_PIP_PACKAGES ~= nil }
end

local function agent(c)
   return { images.agent(c), table.concat(images.agent_command(c), " "), images.agent_packages(c) ~= "" }
end

describe("the images of a set-up", function()
   local start = "-g -- /opt/prefect/entrypoint.sh "

   it("are Prefect's public ones, with tini and the entrypoint script in the command and packages added", function()
      local public = "docker.io/prefecthq/prefect:2.20.25-python3.11"
      local c = settings(2, { cloud = "azure", registry = false })
      assert.same({ public, "/usr/bin/tini", start .. "python -m prefect.engine", true }, job(c))
      assert.same({ public, "", true }, agent(c))
      assert.is_nil(images.job_registry(c))
      c = settings(3, { cloud = "azure", registry = false })
      assert.same({ "docker.io/prefecthq/prefect:3.8.8-python3.11", "/usr/bin/tini",
         start .. "prefect flow-run execute", true }, job(c))
      assert.equal("python", images.language(c.config))
   end)

   it("add packages in the versions that the witnesses run flows with", function()
      local pinned = fs.read "vendor/peers"
      for major, name in pairs { [2] = "p2", [3] = "p3" } do
         local list = pinned:match("\n" .. name .. "=(%b())")
         local packages = images.agent_packages(settings(major, { cloud = "azure", registry = false }))
         for package in packages:gmatch "%S+" do
            assert.matches("==", package)
            assert.truthy(list:find(package, 1, true), package)
         end
      end
   end)

   it("are our own from the registry where config.lua asks for one, for agent and Lua jobs", function()
      local c = settings(2, { cloud = "azure", registry = "OurImages" })
      local name = images.own(c).name
      assert.matches("^ourimages%.azurecr%.io/acihost:%x+$", name)
      assert.equal("lua", images.language(c.config))
      assert.same({ name, "/usr/bin/acihost", "execute.lua", false }, job(c))
      assert.same({ name, "acihost worker.lua -q armaci", false }, agent(c))
      assert.same({ registry_url = "ourimages.azurecr.io", identity = "/subscriptions/s/resourceGroups/g/providers/"
         .. "Microsoft.ManagedIdentity/userAssignedIdentities/orionid" }, images.job_registry(c))
      assert.equal("acihost worker.lua --pool pool",
         agent(settings(3, { cloud = "azure", registry = "OurImages" }))[2])
   end)

   it("leave jobs in Python on the public image, and what config.lua names as it is", function()
      local c = settings(2, { cloud = "azure", registry = "ourimages", flow_language = "python" })
      assert.equal("/usr/bin/tini", images.job_entrypoint(c))
      assert.is_nil(images.job_registry(c))
      assert.equal(images.own(c).name, images.agent(c))
      c = settings(2, { cloud = "azure", registry = "ourimages", job_image = "me/it:1", agent_image = "me/agent:1" })
      assert.same({ "me/it:1", nil, "", false }, job(c))
      assert.same({ "me/agent:1", "", false }, agent(c))
   end)
end)
