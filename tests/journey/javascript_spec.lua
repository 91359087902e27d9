--- The official SDKs for JavaScript against the local cloud, pointed at it by `sim env` alone.
local furnish = require "tests.support.furnish"
local json    = require "aci.json"
local peers   = require "tests.support.peers"
local sdk     = require "tests.support.sdk"

describe("the JavaScript SDKs", function()
   local check = sdk("js", function(path, place, run)
      place:good { "sim", "start", "--clock", "0.001" }
      local made = furnish(place, "Microsoft.ContainerInstance")
      local environment = peers.environment(place.home, made.environment)
      environment.NODE_PATH = path .. "/node_modules"
      local seen, said = run { timeout = 120, env = environment, args = { path .. "/bin/node",
         "tests/journey/javascript_sdk.js", made.config.vault, made.config.storage_account, made.config.group } }
      assert(not said:find(made.environment.SPEC_ACCOUNT_KEY, 1, true), "the key was printed")
      return seen
   end)

   check("log in with a secret, and are told of a wrong one", "login", function(s)
      assert.same({ true, { "AuthenticationRequiredError", true } }, { s.lasting, s.refusal })
   end)

   check("set, get, list, delete and recover secrets", "secrets", function(s)
      assert.same({ { "s3cret", "dev", "text/plain" }, true, "s3cret \u{e9}\u{65e5}\n", "s3cret" },
         { s.made, s.differs, s.latest, s.old })
      assert.same({ 28, 2 }, { s.listed, s.versions })
      assert.same({ { 404, "SecretNotFound" }, { 403, "Forbidden" }, { 404, "SecretNotFound" }, { 409, "Conflict" } },
         { s.absent, s.disabled, s.deleted, s.taken })
      assert.equal("s3cret \u{e9}\u{65e5}\n", s.recovered)
   end)

   for _, part in ipairs { "by_key", "by_token" } do
      check("keep blobs " .. part:gsub("_", " "), part, function(s)
         local name = part == "by_key" and "js-key" or "js-token"
         assert.same({ { 409, "ContainerAlreadyExists" }, { true, true, false } }, { s.again, s.exists })
         assert.same({ true, "ciho", "text/x", { k = "v" } }, { s.same, s.part, s.type, s.metadata })
         assert.same({ 3 * 300 * 1024, 0, false }, { s.large, s.empty, s.deleted })
         assert.same({ { "dir/\u{e9} \u{65e5}+%.bin", "empty", "large" }, 3, { "dir/", "empty", "large" } },
            { s.names, s.pages, s.folders })
         assert.same({ { 409, "BlobAlreadyExists" }, { 404, "BlobNotFound" }, { name } },
            { s.new, s.absent, s.found })
      end)
   end

   check("read by a SAS of their own making", "sas", function(s)
      assert.same({ 3 * 300 * 1024, { 403, "AuthorizationPermissionMismatch" } }, { s.read, s.write })
   end)

   check("run a container group to its end and read its log", "containers", function(s)
      assert.same({ { "Succeeded", json.null }, 7, "one\nseen hidden\n", { "js-job" } },
         { s.made, s.exit, s.log, s.listed })
      assert.same({ { 400, "InvalidContainerGroupName" }, { 404, "ResourceGroupNotFound" },
         { 404, "ResourceNotFound" } }, { s.bad, s.nowhere, s.gone })
   end)
end)
