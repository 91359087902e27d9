local clock   = require "aci.clock"
local crypto  = require "aci.crypto"
local json    = require "aci.json"
local support = require "tests.support.cloud"
local roles   = require "sim.roles"
local task    = require "aci.task"

local OFFICER = "b86a8fe4-44ce-4948-aee5-eccb2c155cd7"
local V = "7.4"

describe("Key Vault of the local cloud", function()
   local cloud, vault, owner, officer

   local function make_vault(name, properties)
      properties.tenantId, properties.sku = cloud.owner.tenant, { family = "A", name = "standard" }
      local status, body = cloud:arm("PUT", "/resourceGroups/rg/providers/Microsoft.KeyVault/vaults/" .. name,
         "2022-07-01", { location = "northeurope", properties = properties })
      assert(status == 200, json.encode(body))
      return body
   end

   local function open(factor)
      cloud = support.inside { factor = factor }
      cloud:prepare("rg", "Microsoft.KeyVault")
      vault = make_vault("vault-one", { enableRbacAuthorization = true })
      local client = cloud:client("officer", OFFICER, vault.id)
      owner = cloud:token "https://vault.azure.net"
      officer = { token = cloud:token("https://vault.azure.net", client.id, client.secret), id = client.id,
         oid = client.principal.id }
   end

   setup(function() open(0) end)
   teardown(function() cloud:close() end)

   --- A call to the vault: path with or without a query, api-version added.
   local function call(method, path, body, options)
      options = options or {}
      local version = options.version == nil and V or options.version
      local url = path
      if version then
         url = url .. (path:find("?", 1, true) and "&" or "?") .. "api-version=" .. version
      end
      local token = options.token == nil and officer.token or options.token
      return cloud:request { method = method, url = "https://" .. (options.vault or "vault-one")
         .. ".vault.azure.net" .. url, json = body, token = token or nil, headers = options.headers }
   end

   local function refused(status, body)
      local err = body and body.error or {}
      return { status, err.code, err.innererror and err.innererror.code }
   end

   local function set(name, value, more)
      local body = { value = value }
      for key, each in pairs(more or {}) do
         body[key] = each
      end
      local status, answer = call("PUT", "/secrets/" .. name, body)
      assert.equal(200, status, json.encode(answer))
      return answer
   end

   it("challenges who has no token, before it looks at anything else", function()
      local status, body, headers = call("PUT", "/secrets/bad_name", nil, { token = false, version = false })
      assert.same({ 401, "Unauthorized" }, refused(status, body))
      assert.equal("AKV10000: Request is missing a Bearer or PoP token.", body.error.message)
      assert.equal(('Bearer authorization="https://login.microsoftonline.com/%s", '
         .. 'resource="https://vault.azure.net"'):format(cloud.owner.tenant), headers["www-authenticate"])
   end)

   it("takes only tokens that are exactly for it", function()
      local arm = cloud:token "https://management.azure.com"
      local status, body = call("GET", "/secrets", nil, { token = arm })
      assert.same({ 401, "Unauthorized" }, refused(status, body))
      assert.matches("^AKV10022: Invalid audience%. Expected https://vault%.azure%.net or %S+ found: "
         .. "https://management%.azure%.com%.", (body.error.message:gsub(",", "")))
      local slash = require("sim.tokens").issue(cloud.state, { aud = "https://vault.azure.net/",
         oid = officer.oid, appid = officer.id })
      status, body = call("GET", "/secrets", nil, { token = slash })
      assert.same({ 401, "Unauthorized" }, refused(status, body))
      assert.matches("AKV10022", body.error.message)
      local old = require("sim.tokens").issue(cloud.state, { aud = "https://vault.azure.net",
         oid = officer.oid, appid = officer.id }, -10)
      assert.equal(401, (call("GET", "/secrets", nil, { token = old })))
      assert.equal(401, (call("GET", "/secrets", nil, { token = officer.token .. "x" })))
   end)

   it("names caller, action and resource to who lacks the role", function()
      local status, body = call("GET", "/secrets/some-name", nil, { token = owner })
      assert.same({ 403, "Forbidden", "ForbiddenByRbac" }, refused(status, body))
      local claims = require("sim.tokens").read(cloud.state, owner)
      local id = vault.id:gsub("/resourceGroups/", "/resourcegroups/")
         :gsub("Microsoft.KeyVault", "microsoft.keyvault")
      assert.equal(table.concat({
         "Caller is not authorized to perform action on resource.",
         "If role assignments, deny assignments or role definitions were changed recently, please observe "
            .. "propagation time.",
         ("Caller: appid=%s;oid=%s;iss=https://sts.windows.net/%s/"):format(claims.appid, claims.oid,
            cloud.owner.tenant),
         "Action: 'Microsoft.KeyVault/vaults/secrets/getSecret/action'",
         "Resource: '" .. id .. "/secrets/some-name'", "Assignment: (not found)", "DenyAssignmentId: null",
         "DecisionReason: 'DeniedWithNoValidRBAC' ", "Vault: vault-one;location=northeurope", "" }, "\r\n"),
         body.error.message)
   end)

   it("asks for each call the action of that call", function()
      local reader = cloud:client("reader", roles.SECRETS_USER, vault.id)
      local token = cloud:token("https://vault.azure.net", reader.id, reader.secret)
      set("rights", "v")
      local wanted = {
         ["GET /secrets/rights"] = 200, ["GET /secrets"] = 200, ["GET /secrets/rights/versions"] = 200,
         ["PUT /secrets/rights"] = "setSecret/action", ["PATCH /secrets/rights"] = "update/action",
         ["DELETE /secrets/rights"] = "delete", ["POST /deletedsecrets/rights/recover"] = "recover/action",
         ["DELETE /deletedsecrets/rights"] = "purge/action",
      }
      for call_of, answer in pairs(wanted) do
         local method, path = call_of:match "^(%u+) (.*)$"
         local status, body = call(method, path, { value = "x" }, { token = token })
         if answer == 200 then
            assert.equal(200, status, call_of)
         else
            assert.same({ 403, "Forbidden", "ForbiddenByRbac" }, refused(status, body), call_of)
            assert.truthy(body.error.message:find("vaults/secrets/" .. answer .. "'", 1, true), call_of)
         end
      end
   end)

   it("goes by access policies where it does not use roles", function()
      local old = make_vault("vault-old", { accessPolicies = { { objectId = officer.oid,
         tenantId = cloud.owner.tenant, permissions = { secrets = { "Get", "List" } } } } })
      local status, body = call("PUT", "/secrets/x", { value = "v" }, { vault = "vault-old" })
      assert.same({ 403, "Forbidden", "AccessDenied" }, refused(status, body))
      assert.matches("does not have secrets set permission on key vault 'vault%-old;location=northeurope'",
         body.error.message)
      assert.equal(200, (call("GET", "/secrets", nil, { vault = "vault-old" })))
      cloud:arm("PUT", old.id:match "(/resourceGroups.*)$" .. "/accessPolicies/add", "2022-07-01", {
         properties = { accessPolicies = { { objectId = officer.oid, tenantId = cloud.owner.tenant,
            permissions = { secrets = { "all" } } } } } })
      assert.equal(200, (call("PUT", "/secrets/x", { value = "v" }, { vault = "vault-old" })))
   end)

   it("keeps versions and gives the newest", function()
      local first = set("versioned", "one", { contentType = "text/plain", tags = { env = "dev" } })
      local second = set("versioned", "two")
      assert.matches("^https://vault%-one%.vault%.azure%.net/secrets/versioned/%x+$", first.id)
      assert.equal(32, #first.id:match "[^/]+$")
      assert.not_equal(first.id, second.id)
      assert.same({ "one", "text/plain", "dev" }, { first.value, first.contentType, first.tags.env })
      assert.same({ true, 90, "Recoverable+Purgeable" }, { first.attributes.enabled,
         first.attributes.recoverableDays, first.attributes.recoveryLevel })
      assert.is_nil(second.contentType)
      assert.is_nil(second.tags)
      for _, path in ipairs { "/secrets/versioned", "/secrets/versioned/", "/secrets/VERSIONED" } do
         assert.equal("two", select(2, call("GET", path)).value, path)
      end
      local _, old = call("GET", "/secrets/versioned/" .. first.id:match "[^/]+$")
      assert.equal("one", old.value)
      local _, versions = call("GET", "/secrets/versioned/versions")
      assert.same({ second.id, first.id }, { versions.value[1].id, versions.value[2].id })
      assert.is_nil(versions.value[1].value)
   end)

   it("sends the headers of the service and echoes the caller's id", function()
      set("headers", "v")
      local _, _, headers = call("GET", "/secrets/headers", nil, { headers = {
         ["x-ms-client-request-id"] = "mine" } })
      assert.same({ "no-cache", "-1", "northeurope", "mine", "application/json; charset=utf-8" },
         { headers["cache-control"], headers.expires, headers["x-ms-keyvault-region"],
            headers["x-ms-client-request-id"], headers["content-type"] })
   end)

   it("knows no difference of letters in names but keeps the first spelling", function()
      set("Spelled", "one")
      assert.matches("/secrets/Spelled/", set("SPELLED", "two").id)
      assert.equal("two", select(2, call("GET", "/secrets/spelled")).value)
   end)

   it("refuses names, versions and parameters that are none", function()
      local status, body = call("GET", "/secrets/bad_name")
      assert.same({ 400, "BadParameter" }, refused(status, body))
      assert.equal("The request URI contains an invalid name: bad_name", body.error.message)
      assert.same({ 400, "BadParameter" }, refused(call("PUT", "/secrets/" .. ("x"):rep(128), { value = "v" })))
      set(("x"):rep(127), "v")
      set("-dash-", "v")
      for _, version in ipairs { "6.9", "7.7", "2024-01-01" } do
         assert.same({ 400, "BadParameter" }, refused(call("GET", "/secrets", nil, { version = version })))
      end
      assert.same({ 400, "BadParameter" }, refused(call("GET", "/secrets", nil, { version = false })))
      for _, version in ipairs { "7.0", "7.6", "2025-07-01", "2026-04-01" } do
         assert.equal(200, (call("GET", "/secrets", nil, { version = version })))
      end
      assert.same({ 405, "MethodNotAllowed" }, refused(call("PUT", "/secrets/", { value = "v" })))
   end)

   it("refuses values and attributes that are none, and takes the empty value", function()
      assert.equal("", set("empty", "").value)
      assert.equal("", select(2, call("GET", "/secrets/empty")).value)
      set("large", ("x"):rep(25600))
      local many = {}
      for i = 1, 16 do many["t" .. i] = "v" end
      for _, body in ipairs { {}, { value = 1 }, { value = ("x"):rep(25601) }, { value = "v", tags = many },
         { value = "v", tags = { a = ("x"):rep(513) } }, { value = "v", contentType = ("x"):rep(256) },
         { value = "v", attributes = { nbf = 20, exp = 10 } }, { value = "v", attributes = { exp = "soon" } },
         { value = "v", attributes = { enabled = "yes" } } } do
         assert.same({ 400, "BadParameter" }, refused(call("PUT", "/secrets/refused", body)), json.encode(body)
            :sub(1, 80))
      end
      assert.equal(404, (call("GET", "/secrets/refused")))
      local status = cloud:request { method = "PUT", token = officer.token, body = "{",
         url = "https://vault-one.vault.azure.net/secrets/refused?api-version=7.4" }
      assert.equal(400, status)
   end)

   it("keeps bytes that are not text of one language", function()
      local value = "\u{e9}\u{65e5}\u{1F600} \"quoted\" \\ \r\n\t"
      set("bytes", value)
      assert.equal(value, select(2, call("GET", "/secrets/bytes")).value)
   end)

   it("tells what it does not know", function()
      local status, body = call("GET", "/secrets/unknown/")
      assert.same({ 404, "SecretNotFound" }, refused(status, body))
      assert.matches("^A secret with %(name/id%) unknown was not found in this key vault%.", body.error.message)
      set("known", "v")
      local version = ("0"):rep(32)
      status, body = call("GET", "/secrets/known/" .. version)
      assert.same({ 404, "SecretNotFound" }, refused(status, body))
      assert.truthy(body.error.message:find("(name/id) known/" .. version, 1, true))
      local _, none = call("GET", "/secrets/unknown/versions")
      assert.same({ 0, json.null }, { #none.value, none.nextLink })
      assert.equal(404, (call("GET", "/secrets", nil, { vault = "no-such-vault" })))
   end)

   it("changes what is known of a version without a new one", function()
      local made = set("changed", "v", { tags = { a = "1" } })
      local status, body = call("PATCH", "/secrets/changed/", { attributes = { enabled = false, exp = 2000000000 },
         contentType = "text/x" })
      assert.equal(200, status)
      assert.is_nil(body.value)
      assert.same({ made.id, false, 2000000000, "text/x", "1" }, { body.id, body.attributes.enabled,
         body.attributes.exp, body.contentType, body.tags.a })
      local disabled, err = call("GET", "/secrets/changed")
      assert.same({ 403, "Forbidden", "SecretDisabled" }, refused(disabled, err))
      assert.equal("Operation get is not allowed on a disabled secret.", err.error.message)
      call("PATCH", "/secrets/changed", { attributes = { enabled = true } })
      assert.equal("v", select(2, call("GET", "/secrets/changed")).value)
      assert.equal(404, (call("PATCH", "/secrets/changed/" .. ("0"):rep(32), {})))
   end)

   it("gives what has expired all the same", function()
      set("expired", "v", { attributes = { nbf = 1000, exp = 2000 } })
      assert.equal(2000, select(2, call("GET", "/secrets/expired")).attributes.exp)
   end)

   it("deletes softly: a name is kept until it is recovered or purged", function()
      local made = set("soft", "v")
      local status, gone = call("DELETE", "/secrets/soft")
      assert.equal(200, status)
      assert.is_nil(gone.value)
      assert.same({ "https://vault-one.vault.azure.net/deletedsecrets/soft", made.id, 90 * 86400 },
         { gone.recoveryId, gone.id, gone.scheduledPurgeDate - gone.deletedDate })
      assert.equal(404, (call("GET", "/secrets/soft")))
      assert.equal(404, (call("DELETE", "/secrets/soft")))
      assert.same({ 409, "Conflict", "ObjectIsDeletedButRecoverable" }, refused(call("PUT", "/secrets/soft", {
         value = "new" })))
      assert.equal(200, (call("GET", "/deletedsecrets/soft")))
      local _, listed = call("GET", "/deletedsecrets")
      assert.equal("https://vault-one.vault.azure.net/secrets/soft", listed.value[1].id)
      local _, back = call("POST", "/deletedsecrets/soft/recover")
      assert.equal(made.id, back.id)
      assert.is_nil(back.value)
      assert.equal("v", select(2, call("GET", "/secrets/soft")).value)
      call("DELETE", "/secrets/soft")
      assert.equal(204, (call("DELETE", "/deletedsecrets/soft")))
      local missing, err = call("GET", "/deletedsecrets/soft")
      assert.same({ 404, "SecretNotFound" }, refused(missing, err))
      assert.equal("Deleted Secret not found: soft", err.error.message)
      assert.not_equal(made.id, set("soft", "again").id)
      assert.equal(1, #select(2, call("GET", "/secrets/soft/versions")).value)
   end)

   it("deletes, recovers and purges with a delay", function()
      local kept = { cloud, vault, owner, officer }
      open(0.02)
      set("slow", "v")
      call("DELETE", "/secrets/slow")
      local deleting, recovering = { 409, "Conflict", "ObjectIsBeingDeleted" }, { 409, "Conflict",
         "ObjectIsBeingRecovered" }
      assert.equal(404, (call("GET", "/deletedsecrets/slow")))
      assert.same(deleting, refused(call("DELETE", "/deletedsecrets/slow")))
      assert.same(deleting, refused(call("PUT", "/secrets/slow", { value = "x" })))
      task.sleep(0.25)
      assert.equal(200, (call("GET", "/deletedsecrets/slow")))
      assert.equal(200, (call("POST", "/deletedsecrets/slow/recover")))
      assert.equal(404, (call("GET", "/secrets/slow")))
      assert.same(recovering, refused(call("PUT", "/secrets/slow", { value = "x" })))
      task.sleep(0.25)
      assert.equal("v", select(2, call("GET", "/secrets/slow")).value)
      call("DELETE", "/secrets/slow")
      task.sleep(0.25)
      assert.equal(204, (call("DELETE", "/deletedsecrets/slow")))
      assert.same(deleting, refused(call("PUT", "/secrets/slow", { value = "x" })))
      task.sleep(0.25)
      set("slow", "new")
      cloud:close()
      cloud, vault, owner, officer = table.unpack(kept)
   end)

   it("purges nothing that is protected, and says so in the recovery level", function()
      local safe = make_vault("vault-safe", { enableRbacAuthorization = true, enablePurgeProtection = true,
         softDeleteRetentionInDays = 7 })
      roles.assign(cloud.state, { name = crypto.uuid4(), scope = safe.id, principal = officer.oid,
         principal_type = "ServicePrincipal", role = OFFICER, effective = 0 })
      local _, made = call("PUT", "/secrets/x", { value = "v" }, { vault = "vault-safe" })
      assert.same({ "CustomizedRecoverable", 7 }, { made.attributes.recoveryLevel,
         made.attributes.recoverableDays })
      call("DELETE", "/secrets/x", nil, { vault = "vault-safe" })
      assert.equal(403, (call("DELETE", "/deletedsecrets/x", nil, { vault = "vault-safe" })))
      assert.equal(200, (call("GET", "/deletedsecrets/x", nil, { vault = "vault-safe" })))
   end)

   it("shares its secrets with the management plane", function()
      local path = vault.id:match "(/resourceGroups.*)$" .. "/secrets/from-arm"
      assert.equal(201, (cloud:arm("PUT", path, "2022-07-01", { properties = { value = "arm-value" } })))
      assert.equal("arm-value", select(2, call("GET", "/secrets/from-arm")).value)
      set("by-data", "v", { contentType = "text/plain" })
      local _, shown = cloud:arm("GET", vault.id:match "(/resourceGroups.*)$" .. "/secrets/by-data", "2022-07-01")
      assert.same({ "text/plain", "https://vault-one.vault.azure.net/secrets/by-data", nil },
         { shown.properties.contentType, shown.properties.secretUri, shown.properties.value })
      local newer = set("from-arm", "newer")
      _, shown = cloud:arm("GET", path, "2022-07-01")
      assert.equal(newer.id, shown.properties.secretUriWithVersion)
      call("DELETE", "/secrets/from-arm")
      assert.equal(404, (cloud:arm("GET", path, "2022-07-01")))
      assert.same({ 409, "Conflict" }, refused(cloud:arm("PUT", path, "2022-07-01", {
         properties = { value = "again" } })))
      call("POST", "/deletedsecrets/from-arm/recover")
      assert.equal(200, (cloud:arm("GET", path, "2022-07-01")))
   end)

   describe("lists", function()
      local names = {}

      setup(function()
         make_vault("vault-list", { enableRbacAuthorization = true })
         roles.assign(cloud.state, { name = crypto.uuid4(), scope = vault.id:gsub("vault%-one$", "vault-list"),
            principal = officer.oid, principal_type = "ServicePrincipal", role = OFFICER, effective = 0 })
         for i = 1, 27 do
            names[i] = ("secret-%02d"):format(i)
            call("PUT", "/secrets/" .. names[i], { value = "v" }, { vault = "vault-list" })
         end
      end)

      local function all(path)
         local found, pages, link = {}, 0, "https://vault-list.vault.azure.net" .. path
         while link and link ~= json.null do
            local status, body = cloud:request { url = link, token = officer.token }
            assert.equal(200, status, json.encode(body))
            for _, item in ipairs(body.value) do
               assert.is_nil(item.value)
               found[#found + 1] = item.id:match "[^/]+$"
            end
            pages, link = pages + 1, body.nextLink
         end
         return found, pages
      end

      it("go through pages of at most 25, with the port in the link", function()
         local found, pages = all "/secrets?api-version=7.4"
         assert.same(names, found)
         assert.equal(2, pages)
         found, pages = all "/secrets?api-version=7.4&maxresults=10"
         assert.same(names, found)
         assert.equal(3, pages)
         local _, first = call("GET", "/secrets?maxresults=1", nil, { vault = "vault-list" })
         assert.matches("^https://vault%-list%.vault%.azure%.net:443/secrets%?api%-version=7%.4&%$skiptoken="
            .. "[%w_-]+&maxresults=1$", first.nextLink)
         assert.matches("/secrets/secret%-01$", first.value[1].id)
      end)

      it("may have pages with nothing on them", function()
         cloud.state:setting("keyvault.empty-pages", "1")
         local _, first = call("GET", "/secrets", nil, { vault = "vault-list" })
         assert.equal(0, #first.value)
         assert.same(names, (all "/secrets?api-version=7.4"))
         cloud.state:setting("keyvault.empty-pages", "0")
      end)

      it("refuse sizes and tokens that are none", function()
         for _, query in ipairs { "maxresults=26", "maxresults=0", "maxresults=-1", "maxresults=x",
            "%24skiptoken=bogus" } do
            assert.same({ 400, "BadParameter" }, refused(call("GET", "/secrets?" .. query, nil, {
               vault = "vault-list" })), query)
         end
      end)
   end)

   it("refuses what comes from a network that is shut out", function()
      make_vault("vault-shut", { enableRbacAuthorization = true, networkAcls = { defaultAction = "Deny",
         bypass = "AzureServices" } })
      assert.same({ 403, "Forbidden", "ForbiddenByFirewall" }, refused(call("GET", "/secrets", nil, {
         vault = "vault-shut" })))
   end)

   it("has times of whole seconds", function()
      local made = set("times", "v")
      assert.equal("integer", math.type(made.attributes.created))
      assert.is_true(math.abs(made.attributes.created - clock.now()) < 5)
   end)
end)
