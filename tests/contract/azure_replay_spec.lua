--- Key Vault's data plane and the identity endpoint of a container group, asked request by request what was
-- recorded of Azure (tests/vectors/keyvault.json): status, headers and body of each answer must be as there.
local crypto  = require "aci.crypto"
local fs      = require "aci.fs"
local http    = require "aci.http"
local json    = require "aci.json"
local cloud   = require "tests.support.cloud"
local sides   = require "tests.support.sides"
local task    = require "aci.task"

local OFFICER = "b86a8fe4-44ce-4948-aee5-eccb2c155cd7"
local VAULT, NAME = "replay-vault.vault.azure.net", "replay-vault"
local recorded = assert(json.decode(assert(fs.read "tests/vectors/keyvault.json")))

local TIMES = { created = true, updated = true, deletedDate = true, scheduledPurgeDate = true,
   expires_on = true, not_before = true }

--- A body without what changes from run to run. @param words texts that stand for others: { [text] = "<name>" }
local function settled(value, words, key)
   if TIMES[key] and tonumber(value) then return "<time>" end
   if key == "expires_in" and tonumber(value) then return "<seconds>" end
   if type(value) == "string" then
      for text, name in pairs(words) do value = value:gsub((text:gsub("%W", "%%%0")), name) end
      if #value == 25600 and not value:find "[^x]" then return "<25600 bytes>" end
      value = value:gsub("(/secrets/[%w-]+/)" .. ("%x"):rep(32) .. "$", "%1<version>")
      value = value:gsub("^(https://[^?]+)%?(.+)$", function(address, query)
         local parts = {}
         for part in query:gsub("skiptoken=[^&]+", "skiptoken=<token>"):gmatch "[^&]+" do parts[#parts + 1] = part end
         table.sort(parts)
         return address .. "?" .. table.concat(parts, "&")
      end)
      return value
   end
   if type(value) ~= "table" then return value end
   local out = json.is_array(value) and json.array {} or json.object {}
   for name, each in pairs(value) do out[name] = settled(each, words, name) end
   return out
end

--- Messages that were not recorded are not compared.
local function leave_unrecorded(got, wanted)
   for key, value in pairs(type(wanted) == "table" and wanted or {}) do
      if type(got) == "table" then
         if value == json.null and (key == "message" or key == "error_description") then
            got[key] = type(got[key]) == "string" and json.null or got[key]
         else
            leave_unrecorded(got[key], value)
         end
      end
   end
   return got
end

local function text_of(status, headers, wanted, body)
   local parts = { tostring(status) }
   local names = {}
   for name in pairs(wanted or {}) do names[#names + 1] = name end
   table.sort(names)
   for _, name in ipairs(names) do parts[#parts + 1] = name .. ": " .. tostring(headers[name]) end
   if body ~= nil and body ~= "" then parts[#parts + 1] = json.encode(body) end
   return table.concat(parts, "; ")
end

local function shown(status, body)
   local err = type(body) == "table" and body.error
   local code = type(err) == "table" and (err.innererror and err.innererror.code or err.code) or err
   return status .. (type(code) == "string" and " " .. code or "")
end

describe("Key Vault's answers", function()
   local ledger = sides.open("Key Vault (recorded exchanges)", "recorded")
   local run, tokens, words

   setup(function()
      run = cloud.inside { factor = 0 }
      run:prepare("rg", "Microsoft.KeyVault")
      local status, vault = run:arm("PUT", "/resourceGroups/rg/providers/Microsoft.KeyVault/vaults/" .. NAME,
         "2022-07-01", { location = "northeurope", properties = { tenantId = run.owner.tenant,
            sku = { family = "A", name = "standard" }, enableRbacAuthorization = true } })
      assert(status == 200)
      local resource = "https://vault.azure.net"
      local officer, stranger = run:client("officer", OFFICER, vault.id), run:client "stranger"
      tokens = { right = run:token(resource, officer.id, officer.secret), garbage = "garbage",
         stranger = run:token(resource, stranger.id, stranger.secret),
         management = run:token("https://management.azure.com", officer.id, officer.secret),
         slash = require("sim.tokens").issue(run.state, { aud = resource .. "/", oid = officer.principal.id,
            appid = officer.id }) }
      words = { [VAULT] = "<vault>", [run.owner.tenant] = "<tenant>",
         [run.owner.subscription] = "<subscription>", [stranger.id] = "<app>",
         [stranger.principal.id] = "<oid>" }

   end)
   teardown(function() run:close() end)

   local kept = {}

   local function ask(request)
      local path = request.path:gsub("{(%w+)}", kept)
      local url = path:find "^https://" and path:gsub(":443", "") or "https://" .. VAULT .. path
      if request.version then
         url = url .. (url:find("?", 1, true) and "&" or "?") .. "api-version=" .. request.version
      end
      local body = request.json
      if request.value_bytes then body = { value = ("x"):rep(request.value_bytes) } end
      return run:request { method = request.method, url = url, json = body, body = request.text,
         token = tokens[request.token] }
   end

   local function keep(name, body)
      kept[name] = name == "next" and body.nextLink or body.id:match "[^/]+$"
   end

   local function in_words(text)
      return (settled(text, words):gsub(NAME:gsub("%W", "%%%0"), "<name>"))
   end

   for _, each in ipairs(recorded.keyvault) do
      it(each.spec, function()
         local status, body, headers = ask(each.request)
         if each.keep and status == 200 then keep(each.keep, body) end
         local answer = each.answer
         local got = leave_unrecorded(settled(body, words), answer.body)
         local given = {}
         for name in pairs(answer.headers or {}) do given[name] = headers[name] and in_words(headers[name]) end
         local here = in_words(text_of(status, given, answer.headers, got))
         local there = text_of(answer.status, answer.headers, answer.headers, settled(answer.body, {}))
         ledger:note("here", each.spec, shown(status, body), here)
         ledger:note("there", each.spec, shown(answer.status, answer.body), there)
         assert.equal(there, here)
      end)
   end
end)

describe("the identity endpoint's answers", function()
   local ledger = sides.open("Managed identity (recorded exchanges)", "recorded")
   local run, listener, serving, url, words
   local GROUP = "/subscriptions/%s/resourceGroups/rg/providers/Microsoft.ContainerInstance/containerGroups/g"

   -- The endpoint asks the cloud over TLS; here the cloud is in this process.
   local function endpoint_of(inside)
      local real = package.loaded["aci.http"]
      package.loaded["sim.metadata_endpoint"] = nil
      package.loaded["aci.http"] = { request = function(options)
         local reply = inside.cloud.router:handle { method = options.method, host = "metadata.acihost.local",
            target = options.url:match "^https://[^/]+(.*)$", headers = options.headers, body = "" }
         local body = type(reply.body) == "table" and json.encode(reply.body) or reply.body
         return { status = reply.status, body = body }
      end }
      local endpoint = require "sim.metadata_endpoint"
      package.loaded["aci.http"] = real
      return endpoint
   end

   setup(function()
      run = cloud.inside { factor = 0 }
      run:prepare("rg", "Microsoft.ManagedIdentity")
      local status, identity = run:arm("PUT",
         "/resourceGroups/rg/providers/Microsoft.ManagedIdentity/userAssignedIdentities/ident", "2023-01-31",
         { location = "northeurope" })
      assert(status == 201)
      local id, folder = GROUP:format(run.owner.subscription), "group-folder"
      local made = identity.properties
      run.state:put_resource { id = id, type = "Microsoft.ContainerInstance/containerGroups", body = {
         identity = { type = "UserAssigned", userAssignedIdentities = { [identity.id] = {
            clientId = made.clientId, principalId = made.principalId } } } } }
      local key = crypto.hex(crypto.random(16))
      run.state.db:run("INSERT INTO container_groups (folder, id, key) VALUES (?, ?, ?)", folder, id,
         require("sim.state").key(id))
      run.state:put_secret(id, "metadata-key", key)
      local endpoint = endpoint_of(run)
      listener, url = endpoint.listen()
      serving = task.spawn(endpoint.run, { group = folder, key = key, https_port = 0, ca_file = "none" }, listener)
      words = { client = made.clientId, object = made.principalId, id = identity.id }
   end)
   teardown(function()
      listener:close()
      serving:cancel()
      run:close()
   end)

   local function settled_token(body)
      if type(body) == "table" and body.access_token then body.access_token = "<token>" end
      return settled(body, { [words.client] = "<client>" })
   end

   for _, each in ipairs(recorded.identity) do
      it(each.spec, function()
         local request, answer = each.request, each.answer
         local response = assert(http.request { url = url .. request.path .. "?" .. request.query:gsub("{(%w+)}",
            words), headers = request.headers, retry = false, timeout = 10 })
         local body = assert(json.decode(response.body))
         local got = leave_unrecorded(settled_token(body), answer.body)
         local here, there = text_of(response.status, {}, nil, got), text_of(answer.status, {}, nil, answer.body)
         ledger:note("here", each.spec, shown(response.status, body), here)
         ledger:note("there", each.spec, shown(answer.status, answer.body), there)
         assert.equal(there, here)
      end)
   end
end)
