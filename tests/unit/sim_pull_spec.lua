-- Container groups of the local cloud that pull from its registry: with which credential, and that what runs is
-- what the image holds.
local support = require "tests.support.cloud"
local crypto  = require "aci.crypto"
local fs      = require "aci.fs"
local image   = require "aci.image"
local json    = require "aci.json"
local secret  = require "aci.secret"
local task    = require "aci.task"

local PULL = "7f951dda-4ed3-4680-a7ca-43fe172d538d"
local REGISTRY = "/resourceGroups/g1/providers/Microsoft.ContainerRegistry/registries/pullimages"
local IDENTITY = "/resourceGroups/g1/providers/Microsoft.ManagedIdentity/userAssignedIdentities/puller"
local GROUPS = "/resourceGroups/g1/providers/Microsoft.ContainerInstance/containerGroups/"
local HOST = "pullimages.azurecr.io"
local NAME = HOST .. "/team/hello:1"

local made = image.build { architecture = "amd64", entries = {
   { name = "bin/hello", mode = 493,
      data = '#!/bin/sh\necho "$(cat "${0%/bin/hello}/etc/word")" "$WHO $MORE"\nexit 7\n' },
   { name = "etc/word", data = "from the image" } }, settings = { Entrypoint = { "/bin/hello" },
   Env = { "WHO=image", "MORE=image", "PATH=/bin" } } }

describe("an image of a registry", function()
   local cloud, sub

   local function push()
      local entra = cloud:token "https://containerregistry.azure.net"
      local function post(path, text)
         return select(2, cloud:request { method = "POST", url = "https://" .. HOST .. path, body = text,
            headers = { ["content-type"] = "application/x-www-form-urlencoded" } })
      end
      local refresh = post("/oauth2/exchange", ("grant_type=access_token&service=%s&access_token=%s"):format(HOST,
         entra))
      local token = post("/oauth2/token", ("grant_type=refresh_token&service=%s&refresh_token=%s&scope=%s"):format(HOST,
         refresh.refresh_token, "repository:team/hello:pull,push")).access_token
      local function send(method, url, body, kind)
         return cloud:request { method = method, url = url, token = token, body = body,
            headers = { ["content-type"] = kind } }
      end
      for _, blob in ipairs(made.blobs) do
         local _, _, opened = send("POST", "https://" .. HOST .. "/v2/team/hello/blobs/uploads/", "")
         assert.equal(201, (send("PUT", opened.location .. "&digest=" .. blob.digest, blob.data)))
      end
      assert.equal(201, (send("PUT", "https://" .. HOST .. "/v2/team/hello/manifests/1", made.manifest,
         made.media_type)))
   end

   local function assign(principal)
      local name = crypto.uuid4()
      local path = REGISTRY .. "/providers/Microsoft.Authorization/roleAssignments/" .. name
      assert.equal(201, (cloud:arm("PUT", path, "2022-04-01", { properties = { principalId = principal,
         principalType = "ServicePrincipal",
         roleDefinitionId = "/providers/Microsoft.Authorization/roleDefinitions/" .. PULL } })))
      return path
   end

   local function body_of(credentials, command, name)
      local id = "/subscriptions/" .. sub .. IDENTITY
      return { location = "northeurope", identity = { type = "UserAssigned",
         userAssignedIdentities = { [id] = json.object {} } }, properties = { osType = "Linux",
            restartPolicy = "Never", imageRegistryCredentials = credentials, containers = { { name = "main",
               properties = { image = name or NAME, command = command,
                  environmentVariables = { { name = "MORE", value = "group" } },
                  resources = { requests = { cpu = 1, memoryInGB = 1 } } } } } } }
   end

   local function by_identity()
      return { { server = HOST, identity = "/subscriptions/" .. sub .. IDENTITY } }
   end

   local function put(name, ...)
      return cloud:arm("PUT", GROUPS .. name, "2023-05-01", body_of(...))
   end

   local function refused(name, ...)
      local status, body = put(name, ...)
      return { status, body.error and body.error.code }
   end

   local function until_view(name, fits)
      local view
      for _ = 1, 100 do
         cloud.cloud:run_due()
         local _, body = cloud:arm("GET", GROUPS .. name, "2023-05-01")
         view = body.properties.containers[1].properties.instanceView
         if view and fits(view.currentState or {}, view) then return view, body end
         task.sleep(0.05)
      end
      error(json.encode(view or "no view"))
   end

   local function ended(state) return state.state == "Terminated" end

   local role, principal

   setup(function()
      cloud = support.inside { factor = 0.001 }
      sub = cloud.owner.subscription
      cloud:prepare("g1", "Microsoft.ContainerInstance", "Microsoft.ContainerRegistry", "Microsoft.ManagedIdentity")
      task.sleep(0.1)
      cloud:arm("PUT", REGISTRY, "2023-07-01", { location = "northeurope", sku = { name = "Basic" } })
      local _, identity = cloud:arm("PUT", IDENTITY, "2023-01-31", { location = "northeurope" })
      principal = identity.properties.principalId
      push()
   end)
   teardown(function() cloud:close() end)

   it("is not given to a group that brings no credential, or one without the role", function()
      local no = { 400, "InaccessibleImage" }
      assert.same(no, refused("none"))
      assert.same(no, refused("norole", by_identity()))
      assert.equal(404, (cloud:arm("GET", GROUPS .. "norole", "2023-05-01")))
      role = assign(principal)
      task.sleep(0.1)
      assert.same(no, refused("elsewhere", by_identity(), nil, "others.azurecr.io/team/hello:1"))
      assert.same(no, refused("notag", by_identity(), nil, HOST .. "/team/hello:2"))
      assert.same(no, refused("otherserver", { { server = "x.azurecr.io", identity = by_identity()[1].identity } }))
      assert.same(no, refused("user", { { server = HOST, username = "pullimages", password = "no" } }))
   end)

   it("is what runs: its program, its files, its environment under the group's", function()
      assert.equal(201, (put("one", by_identity())))
      local view = until_view("one", ended)
      assert.equal(7, view.currentState.exitCode)
      assert.equal(("pulling image \"%s/team/hello@%s\""):format(HOST, made.digest), view.events[1].message)
      task.sleep(0.4)
      local _, logs = cloud:arm("GET", GROUPS .. "one/containers/main/logs", "2023-05-01")
      assert.equal("from the image image group\n", logs.content)
   end)

   it("is run with the group's command in place of its own", function()
      assert.equal(201, (put("two", by_identity(), { "hello" })))
      assert.equal(7, until_view("two", ended).currentState.exitCode)
      assert.equal(201, (put("three", by_identity(), { "nowhere" })))
      assert.equal(127, until_view("three", ended).currentState.exitCode)
   end)

   it("is given to a user with a password", function()
      local client = cloud:client("puller", PULL, "/subscriptions/" .. sub .. REGISTRY)
      assert.equal(201, (put("user", { { server = HOST, username = client.id,
         password = secret.is(client.secret) and secret.reveal(client.secret) or client.secret } })))
      assert.equal(7, until_view("user", ended).currentState.exitCode)
      local _, body = cloud:arm("GET", GROUPS .. "user", "2023-05-01")
      assert.is_nil(json.encode(body):find("password", 1, true))
   end)

   it("is refused once the role is gone", function()
      assert.equal(200, (cloud:arm("DELETE", role, "2022-04-01")))
      assert.same({ 400, "InaccessibleImage" }, refused("late", by_identity()))
      assign(principal)
      task.sleep(0.1)
   end)

   it("is not run when its bytes are others than its digest says", function()
      fs.remove_tree(cloud.cloud.groups_root .. "/images")
      local row = cloud.state.db:row("SELECT file FROM acr_blobs WHERE digest = ?", made.blobs[2].digest)
      local path = require("sim.acrdata").path(cloud.cloud, row.file)
      local bytes = fs.read(path)
      assert(fs.write(path, bytes:sub(1, -2) .. string.char(bytes:byte(-1) ~ 1)))
      assert.equal(201, (put("broken", by_identity())))
      local view, body = until_view("broken", function(state) return state.state == "Waiting" end)
      assert.matches("is not what its digest says", view.events[2].message)
      assert.same({ "Failed", "BackOff", "Pending", "Pending" }, { view.events[2].name, view.events[3].name,
         body.properties.provisioningState, body.properties.instanceView.state })
      assert.equal(200, (cloud:arm("DELETE", GROUPS .. "broken", "2023-05-01")))
   end)
end)
