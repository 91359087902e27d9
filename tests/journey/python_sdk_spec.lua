--- The official Python SDKs against the local cloud, pointed at it by `sim env` alone: their requests are
-- those they would send to Azure, and what they make of the answers is theirs.
local fs      = require "aci.fs"
local furnish = require "tests.support.furnish"
local peers   = require "tests.support.peers"
local sdk     = require "tests.support.sdk"
local task    = require "aci.task"

describe("the Python SDKs", function()
   local check, place = sdk("p2", function(path, place, run)
      local made = furnish(place)
      local environment = peers.environment(place.home .. "/prefect", made.environment)
      task.sleep(1)
      local seen, said = run { timeout = 300, env = environment, args = { path .. "/bin/python",
         "tests/journey/python_sdk.py", made.config.vault, made.config.storage_account } }
      assert(not said:find(environment.SPEC_ACCOUNT_KEY, 1, true), "the key was printed")
      return seen
   end)

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

   check("keep blobs at once from one task each", "asynchronous_blobs", function(s)
      for _, seen_by in ipairs(s) do
         assert.same({ names = { "n/0", "n/1", "n/2", "n/3" }, same = true, left = { "n/1", "n/2", "n/3" },
            again = { "ResourceExistsError", 409, "BlobAlreadyExists" }, metadata = { i = "3" } }, seen_by)
      end
      assert.equal(2, #s)
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
      local text = fs.read(place().environment.ACIHOST_HOME .. "/cloud.log")
      assert.is_string(text)
      assert.is_nil(text:match "the proxy refused [^\n]*")
   end)
end)
