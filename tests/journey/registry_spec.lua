-- The optional registry: our own image pushed by the set-up, pulled by agent and jobs as the flows' identity.
local az      = require "tests.support.az"
local fs      = require "aci.fs"
local journey = require "tests.support.journey"
local peers   = require "tests.support.peers"
local process = require "aci.process"

local demo = "Key Vault Demo/Manual Deployment"

describe("setup.lua with a registry", function()
   local here
   setup(function() here = journey.new { ACIHOST_REGISTRY = "true" } end)
   teardown(function() here:close() end)

   local function rows(step)
      local found = {}
      for _, row in ipairs(here:json { "status", "--output", "json" }) do
         if row.step == step then found[#found + 1] = row.state .. " " .. row.thing end
      end
      return found
   end

   it("plans it without writing", function()
      local code, out = here:run { "setup", "--plan" }
      assert.equal(3, code)
      assert.matches("create   Microsoft.ContainerRegistry/registries aci%w+", out)
      assert.matches("create   image aci%w+%.azurecr%.io/acihost:%x+", out)
      assert.same({}, here:writes())
   end)

   it("makes the registry, the right to pull, the image, and an agent that runs from it", function()
      here:good { "setup" }
      local found = rows "registry"
      assert.equal(4, #found)
      assert.matches("in place Microsoft.ContainerRegistry/registries aci", found[2])
      assert.matches("in place .*of AcrPull to orionid", found[3])
      assert.matches("in place image aci", found[4])
      local image, command = here:good({ "-e", [[
         local c = require "aci.setup".connect()
         local agent = c.azure:get(c.azure:group_id() .. "/providers/Microsoft.ContainerInstance/containerGroups/"
            .. "prefect-agent").properties.containers[1].properties
         print(agent.image, table.concat(agent.command, " "))]] }):match "^(%S+)\t(.-)\n"
      assert.matches("^aci%w+%.azurecr%.io/acihost:%x+$", image)
      assert.equal("acihost worker.lua -q armaci", command)
   end)

   it("writes nothing the second time", function()
      here:good { "sim", "requests", "--clear" }
      assert.truthy(here:good({ "setup" }):find "nothing to do")
      local writes = {}
      for _, each in ipairs(here:writes()) do writes[#writes + 1] = each.method .. " " .. each.host .. each.path end
      assert.same({}, writes)
   end)

   it("runs the flow in a group that pulled our image", function()
      local out, err = here:good { "run", demo }
      assert.truthy(out:find "Completed", out)
      assert.truthy(err:find "testsecret", err)
      local names = {}
      for _, each in ipairs(here:writes()) do
         local name = each.method == "PUT" and each.status == 201 and each.path:match "containerGroups/([^/]+)$"
         names[#names + 1] = name or nil
      end
      assert.equal(1, #names)
   end)

   it("fails naming the role when the identity has lost it, and works again after a set-up", function()
      assert.equal("1\n", (here:good { "-e", [[
         local c, count = require "aci.setup".connect(), 0
         for _, each in ipairs(c.azure:list(c.azure:group_id()
            .. "/providers/Microsoft.Authorization/roleAssignments")) do
            if each.properties.roleDefinitionId:find "7f951dda" then
               c.azure:delete(each.id)
               count = count + 1
            end
         end
         print(count)]] }))
      local code, out, err = here:run { "run", demo }
      assert.equal(1, code)
      assert.truthy((out .. err):find("InaccessibleImage", 1, true), out .. err)
      assert.truthy((out .. err):find("AcrPull", 1, true), out .. err)
      here:good { "setup" }
      journey.eventually(20, function() return here:run { "run", demo } == 0 end) -- the right counts after a while
   end)

   it("is gone after a teardown", function()
      here:good { "teardown", "--yes", "--purge" }
      for _, row in ipairs(rows "registry") do assert.matches("^absent", row) end
   end)

   it("is left as it is by a set-up that does not ask for it", function()
      here:good({ "setup" }, { ACIHOST_REGISTRY = "false" })
      assert.same({}, here:json({ "-e", [[
         local c = require "aci.setup".connect()
         print(require "aci.json".encode(require "aci.json".array(c.azure:list(c.azure:group_id()
            .. "/providers/Microsoft.ContainerRegistry/registries"))))]] }, { ACIHOST_REGISTRY = "false" }))
   end)
end)

describe("setup.lua with a registry and Prefect 3", function()
   it("has worker and jobs of the pool run from our image", function()
      local here = journey.new { ACIHOST_REGISTRY = "specimages01", ACIHOST_PREFECT = "3" }
      here:good { "setup" }
      assert.truthy(here:good({ "setup" }):find "nothing to do")
      assert.truthy(here:good({ "run", demo }):find "Completed")
      assert.equal("specimages01.azurecr.io\t/usr/bin/acihost execute.lua\tacihost worker.lua --pool armaci\n",
         (here:good { "-e", [[
         local c = require "aci.setup".connect()
         local variables = c.prefect:work_pool(c.config.work_pool).base_job_template.variables.properties
         local agent = c.azure:get(c.azure:group_id() .. "/providers/Microsoft.ContainerInstance/containerGroups/"
            .. c.config.agent).properties.containers[1].properties
         print(variables.image_registry.default.registry_url, variables.entrypoint.default .. " "
            .. variables.command.default, table.concat(agent.command, " "))]] }))
      here:close()
   end)
end)

describe("the registry of the local cloud, to others' programs", function()
   local here, environment
   local host = "specimages02.azurecr.io"

   setup(function()
      here = journey.new { ACIHOST_REGISTRY = "specimages02" }
      here:good { "setup" }
      environment = az.exported(here)
      environment.HOME, environment.PATH = here.home, os.getenv "PATH" -- skopeo remembers blobs there
   end)
   teardown(function() here:close() end)

   local function skopeo(...)
      local ran = assert(process.run { args = { "skopeo", "--insecure-policy", ... }, env = environment })
      assert.equal(0, ran.code, ran.stderr)
      return ran.stdout
   end

   it("is pulled from and pushed to by skopeo, unmodified", function()
      if not peers.path "registry" then return pending "vendor/peers registry installs skopeo" end
      local tag = here:good({ "-e", 'print((require "aci.image.own".fingerprint():sub(1, 16)))' }):gsub("%s", "")
      local login = environment.AZURE_CLIENT_ID .. ":" .. environment.AZURE_CLIENT_SECRET
      skopeo("copy", "--src-creds", login, ("docker://%s/acihost:%s"):format(host, tag),
         "dir:" .. here.home .. "/back")
      assert.matches("application/vnd%.oci%.image%.manifest", fs.read(here.home .. "/back/manifest.json"))
      skopeo("copy", "--dest-creds", login, "dir:" .. here.home .. "/back", ("docker://%s/other/copy:1"):format(host))
      assert.matches('"1"', skopeo("list-tags", "--creds", login, ("docker://%s/other/copy"):format(host)))
      local ran = process.run { env = environment, args = { "skopeo", "--insecure-policy", "list-tags", "--creds",
         environment.AZURE_CLIENT_ID .. ":wrong", ("docker://%s/other/copy"):format(host) }, stderr = "pipe" }
      assert.not_equal(0, ran.code)
   end)

   it("is shown, logged in to, listed, made and deleted by az, unmodified", function()
      local real = az.open(here, "az")
      if not real then return pending "vendor/peers az installs it" end
      real:login(environment.AZURE_CLIENT_ID, environment.AZURE_CLIENT_SECRET, environment.AZURE_TENANT_ID)
      assert.same({ host, "Basic" }, real:json "acr show -n specimages02 --query [loginServer,sku.name]")
      assert.equal("00000000-0000-0000-0000-000000000000",
         real:json("acr login -n specimages02 --expose-token").username)
      assert.equal("acihost", real:json("acr repository list -n specimages02")[1])
      assert.is_false(real:json("acr check-name -n specimages02").nameAvailable)
      assert.equal("Succeeded", real:json("acr create -n azmadethis -g aci-rg --sku Basic").provisioningState)
      assert.is_true(real:json("acr update -n azmadethis --admin-enabled true").adminUserEnabled)
      assert.equal("azmadethis", real:json("acr credential show -n azmadethis").username)
      real:text "acr delete -n azmadethis -y"
      assert.is_true(real:json("acr check-name -n azmadethis").nameAvailable)
   end)
end)
