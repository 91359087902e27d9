--- The official Python SDKs against the local cloud, pointed at it by `sim env` alone: their requests are
-- those they would send to Azure, and what they make of the answers is theirs.
local azure   = require "aci.azure"
local config_ = require "aci.config"
local crypto  = require "aci.crypto"
local fs      = require "aci.fs"
local graph   = require "aci.graph"
local journey = require "tests.support.journey"
local json    = require "aci.json"
local peers   = require "tests.support.peers"
local process = require "aci.process"
local secret  = require "aci.secret"
local task    = require "aci.task"

local OFFICER = "b86a8fe4-44ce-4948-aee5-eccb2c155cd7"
local CONTRIBUTOR = "ba92f5b4-2d11-453d-a403-e96b0029c9fe"

describe("the Python SDKs", function()
   local place, seen

   --- A vault, an account and the roles on them.
   local function furnish(config)
      local az = azure.connect(config)
      az:register "Microsoft.KeyVault"
      az:register "Microsoft.Storage"
      az:put_group()
      local account = az:resource("Microsoft.Storage/storageAccounts", config.storage_account, {
         location = config.location, kind = "StorageV2", sku = { name = "Standard_LRS" }, properties = {} })
      az:put(account.id, account.version, account.body)
      local vault = az:resource("Microsoft.KeyVault/vaults", config.vault, { location = config.location,
         properties = { tenantId = config.tenant, sku = { family = "A", name = "standard" },
            enableRbacAuthorization = true } })
      az:put(vault.id, vault.version, vault.body)
      return az, account, vault
   end

   local function assign(az, scope, role, principal)
      local id = ("%s/providers/Microsoft.Authorization/roleAssignments/%s"):format(scope, crypto.uuid4())
      az:put(id, "2022-04-01", { properties = { principalId = principal, principalType = "ServicePrincipal",
         roleDefinitionId = ("/subscriptions/%s/providers/Microsoft.Authorization/roleDefinitions/%s"):format(
            az.config.subscription, role) } })
   end

   --- The environment that `sim env --secret` prints.
   local function exported()
      local environment = {}
      for name, value in (place:good { "sim", "env", "--secret" }):gmatch "export ([%w_]+)='([^'\n]*)'" do
         environment[name] = value
      end
      return environment
   end

   local function run_python(path, environment, config, key)
      local ran = assert(process.run { timeout = 300, env = environment, args = { path .. "/bin/python",
         "tests/journey/python_sdk.py", config.vault, config.storage_account } })
      assert(ran.code == 0, ran.stderr)
      assert(not (ran.stdout .. ran.stderr):find(key, 1, true), "the key was printed")
      return assert(json.decode(ran.stdout))
   end

   setup(function()
      local path = peers.path "p2"
      if not path then return end
      place = journey.new()
      local environment = peers.environment(place.home .. "/prefect", exported())
      local config = config_.load({ home = place.environment.ACIHOST_HOME }, { environment = {}, file = false })
      local az, account, vault = furnish(config)
      local directory = graph.connect(config)
      local owner = directory:service_principal(environment.AZURE_CLIENT_ID)
      assign(az, vault.id, OFFICER, owner.id)
      assign(az, account.id, CONTRIBUTOR, owner.id)
      local stranger = directory:create_application { displayName = "stranger" }
      directory:create_service_principal(stranger.appId)
      environment.SPEC_STRANGER_ID = stranger.appId
      environment.SPEC_STRANGER_SECRET = secret.reveal(directory:add_password(stranger.id).secret)
      local key = secret.reveal(az:storage_key(account))
      environment.SPEC_ACCOUNT_KEY = key
      task.sleep(1)
      seen = run_python(path, environment, config, key)
   end)
   teardown(function()
      if place then place:close() end
   end)

   local function check(name, part, body)
      it(name, function()
         if not seen then pending "vendor/peers p2 installs the SDKs" return end
         assert.is_nil(seen[part].failed)
         body(seen[part])
      end)
   end

   check("set and get secrets with DefaultAzureCredential", "secrets", function(s)
      assert.same({ "s3cret", "s3cret \u{e9}\u{65e5}\n", "s3cret" }, { s.made, s.latest, s.old })
      assert.same({ { env = "dev" }, true, true, 90, "Recoverable+Purgeable" }, { s.tags, s.version_differs,
         s.recent, s.days, s.recovery })
      assert.same({ "ResourceNotFoundError", 404, "SecretNotFound" }, s.absent)
      assert.same({ "HttpResponseError", 400, "BadParameter" }, s.bad_name)
   end)

   check("go through the pages of secrets and versions", "pages", function(s)
      assert.same({ 28, 28, 2 }, { #s.names, s.small, s.versions })
      assert.same({ "db-password", "list-00", "list-26" }, { s.names[1], s.names[2], s.names[28] })
   end)

   check("disable, delete, recover and purge secrets", "life", function(s)
      assert.same({ "HttpResponseError", 403, "Forbidden" }, s.disabled)
      assert.same({ "life", 90, "v", { "life" } }, { s.deleted, s.purge_in_days, s.back, s.listed })
      assert.same({ "ResourceNotFoundError", 404, "SecretNotFound" }, s.gone)
      assert.same({ "ResourceExistsError", 409, "Conflict" }, s.taken)
      assert.same({ "ResourceNotFoundError", 404, "SecretNotFound" }, s.purged)
   end)

   check("set secrets at once from one task each", "asynchronous", function(s)
      assert.same({ "0", "1", "2", "3", "4", "5", "6", "7" }, s.values)
   end)

   for _, part in ipairs { "by_key", "by_token" } do
      check("keep blobs, " .. part:gsub("_", " "), part, function(s)
         assert.same({ "ResourceExistsError", 409, "ContainerAlreadyExists" }, s.again)
         assert.same({ true, true, false, true, true, "" }, { s.exists, s.there, s.absent, s.same, s.part,
            s.empty })
         assert.same({ "text/x", { a0 = "1", a_b = "2" }, true }, { s.type, s.metadata, s.md5 })
         assert.same({ "ResourceExistsError", 409, "BlobAlreadyExists" }, s.overwrite)
         assert.same({ "dir/\u{e9} \u{65e5}+%.bin", "empty" }, s.names)
         assert.same({ { "dir/", "empty" }, 2, { { a0 = "1", a_b = "2" } }, { (part:gsub("by_", "") .. "-box") } },
            { s.walked, s.paged, s.listed, s.found })
         assert.same({ "now", { "ResourceNotFoundError", 404, "BlobNotFound" }, { k = "v" }, false },
            { s.overwritten, s.deleted, s.set, s.after })
      end)
   end

   check("carry 66 MiB in blocks and back in parts, four at a time", "large", function(s)
      assert.same({ true, 17, 0, 66 * 1024 * 1024 }, { s.same, s.blocks, s.uncommitted, s.size })
   end)

   check("join blocks", "blocks", function(s)
      assert.equal("twoone", s.joined)
      assert.same({ "HttpResponseError", 400 }, { s.unknown[1], s.unknown[2] })
      assert.matches("INVALID_BLOCK_LIST", s.unknown[3])
   end)

   check("read with a SAS and write nothing with it", "sas", function(s)
      assert.equal("shared", s.read)
      assert.same({ "HttpResponseError", 403, "AuthorizationPermissionMismatch" }, s.write)
   end)

   check("are told what was signed when the key is wrong", "wrong_key", function(s)
      assert.same({ status = 403, code = "AuthenticationFailed", detail = true }, s)
   end)

   check("may do nothing without a role of the data", "no_role", function(s)
      local mismatch = { "HttpResponseError", 403, "AuthorizationPermissionMismatch" }
      assert.same(mismatch, s.blob)
      assert.same(mismatch, s.list)
      assert.same({ "HttpResponseError", 403, "Forbidden" }, s.secret)
   end)

   check("carry a folder as Prefect 2 does", "folder", function(s)
      assert.same({ true, true, false }, { s.same, s.exists, s.isfile })
      assert.same({ "flows/demo/empty.txt", "flows/demo/flow.py", "flows/demo/sub" }, s.ls)
   end)

   check("reach no host but those of the cloud", "secrets", function()
      local text = fs.read(place.environment.ACIHOST_HOME .. "/cloud.log")
      assert.is_string(text)
      assert.is_nil(text:match "the proxy refused [^\n]*")
   end)
end)
