local azure = require "aci.azure"
local error_ = require "aci.error"
local fake_http = require "tests.support.fake_http"
local ids = require "aci.azure.ids"
local json = require "aci.json"
local secret = require "aci.secret"
local failure = require "tests.support.failure"

local SUB = "0b1f6471-1bf0-4dda-aec3-cb9272f09590"
local H = "https://management.azure.com"
local S = "/subscriptions/" .. SUB
local RG = S .. "/resourceGroups/aci-rg"

local function connect(script, fields)
   local http = fake_http.new(script)
   local credential = fake_http.credential "arm-token"
   return azure.connect(fake_http.config(http, fields), credential), http, credential
end

local function refused(code, message, target)
   return { error = { code = code, message = message or code,
      details = target and { { code = code, target = target, message = message or code } } or nil } }
end

describe("aci.azure.ids", function()
   it("joins names and types, children and extensions", function()
      assert.equal(RG .. "/providers/Microsoft.Network/virtualNetworks/v/subnets/s",
         ids.join(RG, "Microsoft.Network/virtualNetworks/subnets", "v/s"))
      assert.has_error(function() ids.join(RG, "Microsoft.Network/virtualNetworks/subnets", "v") end)
      assert.has_error(function() ids.join(RG, "Microsoft.Network/virtualNetworks", "v/s") end)
      assert.has_error(function() ids.join(RG, "nonsense", "v") end)
   end)

   it("takes ids apart and compares them without case", function()
      local id = RG .. "/providers/Microsoft.Network/virtualNetworks/v/subnets/s"
      local parsed = ids.parse(id)
      assert.same({ SUB, "aci-rg", "Microsoft.Network", "Microsoft.Network/virtualNetworks/subnets", "s" },
         { parsed.subscription, parsed.group, parsed.namespace, parsed.type, parsed.name })
      assert.is_true(ids.same(id, id:upper() .. "/"))
      assert.is_false(ids.same(id, id .. "2"))
      assert.equal("rg", ids.parse("/subscriptions/x/resourcegroups/rg").group)
   end)

   it("knows the api-version of types, lists, actions, groups and extensions", function()
      assert.equal("2023-11-01",
         ids.version(RG .. "/providers/Microsoft.Network/virtualNetworks/v/subnets/s"))
      assert.equal("2022-09-01", ids.version(RG .. "/providers/Microsoft.Storage/storageAccounts/a/listKeys"))
      assert.equal("2022-09-01", ids.version(RG))
      assert.equal("2022-12-01", ids.version "/subscriptions")
      assert.equal("2022-04-01", ids.version(RG
         .. "/providers/Microsoft.KeyVault/vaults/v/providers/Microsoft.Authorization/roleAssignments/x"))
      assert.has_error(function() ids.version(RG .. "/providers/Microsoft.Unheard/of/x") end)
   end)
end)

describe("aci.azure", function()
   it("sends token, fresh request ids and the api-version", function()
      local az, http, credential = connect {
         { "GET " .. H .. RG .. "?api-version=2022-09-01", 200, { name = "aci-rg" } },
         { "GET " .. H .. RG .. "?api-version=2021-04-01", 200, { name = "aci-rg" } },
      }
      assert.equal("aci-rg", az:group().name)
      az:get("resourceGroups/aci-rg", "2021-04-01")
      assert.equal("Bearer arm-token", http:got(1).headers.authorization)
      assert.is_true(secret.is(http:got(1).raw.headers.authorization))
      assert.not_equal(http:got(1).headers["x-ms-client-request-id"],
         http:got(2).headers["x-ms-client-request-id"])
      assert.equal(H .. "/.default", credential.asked[1])
   end)

   it("gives nil for what is absent, but raises for a wrong request", function()
      local az = connect {
         { "GET " .. H .. RG, 404, refused "ResourceGroupNotFound" },
         { "GET " .. H .. RG, 404, "" },
         { "GET " .. H .. RG, 404, refused("SubscriptionNotFound", "The subscription could not be found.") },
         { "GET " .. H .. RG, 403, refused("AuthorizationFailed", "The client does not have authorization") },
      }
      assert.is_nil(az:group())
      assert.is_nil(az:group())
      local err = failure(az.group, az)
      assert.equal("SubscriptionNotFound", err.code)
      assert.matches("check subscription", err.advice)
      assert.equal("permission", failure(az.group, az).kind)
   end)

   it("escapes what may not stand in an address", function()
      local az = connect { { "GET " .. H .. S .. "/resourceGroups/a%20b%C3%BC(1)", 200, {} } }
      az:group "a bü(1)"
   end)

   it("lists through all pages, empty ones too, following links as they are", function()
      local first = H .. S .. "/resourcegroups?api-version=2022-09-01&%24filter=tagName%20eq%20%27a%27"
      first = first:gsub("%%24filter", "$filter")
      local second = H .. S .. "/resourcegroups?api-version=2022-09-01&$skiptoken=a%2Bb&x=A,b"
      local third = H:upper():gsub("HTTPS", "https") .. ":443" .. S .. "/resourcegroups?$skiptoken=2"
      local az, http = connect {
         { "GET " .. first, 200, { value = { { name = "a" } }, nextLink = second } },
         { "GET " .. second, 200, { value = json.array {}, nextLink = third } },
         { "GET " .. third, 200, { value = { { name = "b" } }, nextLink = json.null } },
      }
      local found = az:list("resourcegroups", nil, { ["$filter"] = "tagName eq 'a'" })
      assert.same({ "a", "b" }, { found[1].name, found[2].name })
      http:finished()
   end)

   it("refuses a next page on another host, and one that comes again", function()
      local url = H .. S .. "/resourcegroups?api-version=2022-09-01"
      local az, http = connect { { "GET " .. url, 200, { nextLink = "https://evil.test/x" } } }
      assert.equal("ForeignLink", failure(az.groups, az).code)
      http:finished()
      local loop = url .. "&$skiptoken=1"
      az = connect {
         { "GET " .. url, 200, { nextLink = loop } },
         { "GET " .. loop, 200, { nextLink = loop } },
      }
      assert.equal("PagingLoop", failure(az.groups, az).code)
   end)

   it("says when an answer is not JSON", function()
      local az = connect { { "GET " .. H .. RG, 200, "<html>" } }
      assert.equal("NotJSON", failure(az.group, az).code)
   end)

   it("raises the transport's error as it is", function()
      local az = connect { { "GET " .. H .. RG, fail = { kind = "network", message = "refused" } } }
      assert.equal("network", failure(az.group, az).kind)
   end)

   it("registers a missing provider once and asks again with a new request id", function()
      local id = RG .. "/providers/Microsoft.ContainerInstance/containerGroups/g"
      local ns = H .. S .. "/providers/Microsoft.ContainerInstance"
      local missing = refused("MissingSubscriptionRegistration", "not registered to use namespace "
         .. "'Microsoft.ContainerInstance'.", "Microsoft.ContainerInstance")
      local az, http = connect {
         { "PUT " .. H .. id, 409, missing },
         { "GET " .. ns, 200, { registrationState = "NotRegistered" } },
         { "POST " .. ns .. "/register", 200, { registrationState = "Registering" } },
         { "GET " .. ns, 200, { registrationState = "Registering" } },
         { "GET " .. ns, 200, { registrationState = "Registered" } },
         { "PUT " .. H .. id, 201, { name = "g" } },
      }
      assert.equal("g", az:put(id, nil, { location = "x" }).name)
      assert.not_equal(http:got(1).headers["x-ms-client-request-id"],
         http:got(6).headers["x-ms-client-request-id"])
      assert.same({ location = "x" }, http:got(6).json)
      http:finished()
   end)

   it("registers as many providers as a template needs, none twice", function()
      local id = RG .. "/providers/Microsoft.Resources/deployments/d"
      local function missing(ns)
         return { "PUT " .. H .. id, 409, refused("MissingSubscriptionRegistration",
            "The subscription is not registered to use namespace '" .. ns .. "'.") }
      end
      local function registration(ns)
         return { "GET " .. H .. S .. "/providers/" .. ns, 200, { registrationState = "Registered" } }
      end
      local az, http = connect { missing "Microsoft.Network", registration "Microsoft.Network",
         missing "Microsoft.KeyVault", registration "Microsoft.KeyVault", missing "Microsoft.KeyVault" }
      assert.equal("MissingSubscriptionRegistration", failure(az.put, az, id, nil, {}).code)
      http:finished()
   end)

   it("raises other conflicts", function()
      local id = RG .. "/providers/Microsoft.Storage/storageAccounts/a"
      local az = connect { { "PUT " .. H .. id, 409, refused("StorageAccountAlreadyTaken",
         "The storage account named a is already taken.") } }
      local err = failure(az.put, az, id, nil, {})
      assert.equal("conflict", err.kind)
      assert.matches("storage_account", err.advice)
      assert.equal(6, error_.exit_code(err))
   end)

   it("declares resources without asking", function()
      local az, http = connect {}
      local vnet = az:resource("Microsoft.Network/virtualNetworks", "orinet", { location = "x" })
      assert.equal(RG .. "/providers/Microsoft.Network/virtualNetworks/orinet", vnet.id)
      assert.equal("2023-11-01", vnet.version)
      assert.equal("arm", vnet.kind)
      local grant = az:resource("Microsoft.Authorization/roleAssignments", "g", {}, { scope = vnet.id })
      assert.equal(vnet.id .. "/providers/Microsoft.Authorization/roleAssignments/g", grant.id)
      assert.equal(0, #http.requests)
   end)

   it("makes, reads and deletes groups", function()
      local az, http = connect {
         { "PUT " .. H .. RG, 201, { name = "aci-rg", properties = { provisioningState = "Succeeded" } } },
         { "DELETE " .. H .. RG, 202, "", { location = H .. S .. "/operationresults/x?api-version=1" } },
         { "GET " .. H .. S .. "/operationresults/x?api-version=1", 202, "",
            { location = H .. S .. "/operationresults/x?api-version=1" } },
         { "GET " .. H .. S .. "/operationresults/x?api-version=1", 200, "" },
      }
      az:put_group(nil, nil, { owner = "me" })
      assert.same({ location = "northeurope", tags = { owner = "me" } }, http:got(1).json)
      assert.is_true(az:delete_group())
      http:finished()
   end)

   it("gives an account's first key as a secret, and advice where keys are refused", function()
      local id = RG .. "/providers/Microsoft.Storage/storageAccounts/a"
      local az, http = connect { { "POST " .. H .. id .. "/listKeys", 200, { keys = { { keyName = "key1",
         value = "S0VZ" } } } } }
      local key = az:storage_key "a"
      assert.is_true(secret.is(key))
      assert.equal("S0VZ", secret.reveal(key))
      assert.is_true(http:got(1).secret_body)
      assert.is_true(http:got(1).retry.safe)
      local err = failure(az.storage_key, az,
         { id = id, name = "a", properties = { allowSharedKeyAccess = false } })
      assert.equal("KeyBasedAuthenticationNotPermitted", err.code)
      assert.matches("allowSharedKeyAccess = true", err.advice)
      assert.equal(5, error_.exit_code(err))
   end)

   it("asks whether names are free, and for deleted vaults", function()
      local deleted = "/providers/Microsoft.KeyVault/locations/northeurope/deletedVaults/kv"
      local az = connect {
         { "POST " .. H .. S .. "/providers/Microsoft.Storage/checkNameAvailability", 200,
            { nameAvailable = false, reason = "AlreadyExists", message = "taken" } },
         { "GET " .. H .. S .. deleted, 404,
            refused "DeletedVaultNotFound" },
         { "POST " .. H .. S .. deleted .. "/purge", 202, "",
            { location = H .. "/op?api-version=1" } },
         { "GET " .. H .. "/op?api-version=1", 200, { status = "Succeeded" } },
      }
      local free, why = az:name_available("Microsoft.Storage/storageAccounts", "a")
      assert.same({ false, "taken" }, { free, why })
      assert.is_nil(az:deleted_vault "kv")
      assert.equal("Succeeded", az:purge_vault("kv").status)
   end)
end)

describe("aci.azure deployments", function()
   local D = RG .. "/providers/Microsoft.Resources/deployments/d"
   local OPERATIONS = H .. RG .. "/deployments/d/operations"
   local STATUS = H .. D .. "/operationStatuses/1?api-version=2021-04-01"
   local TEMPLATE = '{ // a comment\n  "resources": []\n} // the end'

   local function op(id, state, message, kind)
      return { properties = { provisioningState = state, statusMessage = message, statusCode = "OK",
         targetResource = { id = id, resourceName = id,
            resourceType = kind or "Microsoft.Network/virtualNetworks" } } }
   end

   it("sends the template as it was written, secure parameters as a secret", function()
      local az, http = connect { { "POST " .. H .. D .. "/validate", 200, { properties = {} } } }
      az:validate(nil, "d", TEMPLATE, { key = secret.new 'a"b', n = 3,
         kv = { reference = { secretName = "s" } } })
      local body = http:got(1).body
      assert.is_true(secret.is(http:got(1).raw.body))
      assert.is_truthy(body:find(TEMPLATE .. "\n", 1, true))
      local decoded = assert(json.decode(body, { comments = true }))
      assert.same({ key = { value = 'a"b' }, n = { value = 3 }, kv = { reference = { secretName = "s" } } },
         decoded.properties.parameters)
      assert.equal("Incremental", decoded.properties.mode)
      assert.equal("application/json", http:got(1).headers["content-type"])
   end)

   it("sends no parameters as an object, and tables as JSON", function()
      local az, http = connect { { "POST " .. H .. D .. "/validate", 200, {} } }
      az:validate(nil, "d", { resources = json.array {} })
      assert.is_truthy(http:got(1).body:find('"parameters":{}', 1, true))
      assert.is_truthy(http:got(1).body:find('"resources":[]', 1, true))
   end)

   it("tells each resource whose state changed, and gives the deployment", function()
      local told = {}
      local az, http = connect {
         { "PUT " .. H .. D, 201, { properties = { provisioningState = "Accepted" } },
            { ["azure-asyncoperation"] = STATUS } },
         { "GET " .. STATUS, 200, { status = "Running" } },
         { "GET " .. OPERATIONS, 200, { value = { op("a", "Running") } } },
         { "GET " .. STATUS, 200, { status = "Succeeded" } },
         { "GET " .. OPERATIONS, 200, { value = { op("a", "Succeeded"), op("b", "Running"),
            { properties = { provisioningOperation = "EvaluateDeploymentOutput" } } } } },
         { "GET " .. H .. D, 200, { properties = { provisioningState = "Succeeded",
            outputs = { ip = { type = "String", value = "10.0.0.4" } } } } },
         { "GET " .. OPERATIONS, 200, { value = { op("a", "Succeeded"), op("b", "Succeeded") } } },
      }
      local made = az:deploy(nil, "d", TEMPLATE, {
         progress = function(r) told[#told + 1] = r.id .. r.state end })
      assert.same({ "aRunning", "aSucceeded", "bRunning", "bSucceeded" }, told)
      assert.same({ ip = "10.0.0.4" }, az:outputs(made))
      http:finished()
   end)

   it("waits for one of an earlier run, says so once, and not for ever", function()
      local function state(text) return { "GET " .. H .. D, 200, { properties = { provisioningState = text } } } end
      local az = connect { state "Running", state "Running", state "Succeeded", state "Failed", state "Running" }
      local notes = {}
      local function note(word, text) notes[#notes + 1] = word .. " " .. text end
      assert.is_true(az:wait_for_deployment(nil, "d", note))
      assert.same({ "waiting for the deployment d of an earlier run (Running)" }, notes)
      assert.is_false(az:wait_for_deployment(nil, "d", note))
      local err = failure(az.wait_for_deployment, az, nil, "d", note, -1)
      assert.same({ "timeout", "DeploymentActive" }, { err.kind, err.code })
   end)

   it("finds the cause in the operations, nested ones too, when the deployment does not tell", function()
      local outer = { code = "DeploymentFailed", message = "At least one operation failed." }
      local az, http = connect {
         { "PUT " .. H .. D, 201, { properties = { provisioningState = "Accepted" } },
            { ["azure-asyncoperation"] = STATUS } },
         { "GET " .. STATUS, 200, { status = "Failed", error = outer } },
         { "GET " .. OPERATIONS, 200, { value = { op("ok", "Succeeded"),
            op("inner", "Failed", nil, "Microsoft.Resources/deployments") } } },
         { "GET " .. H .. RG .. "/deployments/inner/operations", 200, { value = {
            op("x", "Failed", { error = { code = "InvalidResourceLocation", message = "elsewhere" } }) } } },
      }
      local err = failure(az.deploy, az, nil, "d", TEMPLATE)
      assert.equal("InvalidResourceLocation", err.code)
      assert.equal("x", err.target)
      http:finished()
   end)

   it("raises a bad template with Azure's line and column", function()
      local az = connect { { "PUT " .. H .. D, 400, { error = { code = "InvalidTemplate",
         message = "Deployment template validation failed: at line '15' and column '24'." } } } }
      local err = failure(az.deploy, az, nil, "d", TEMPLATE)
      assert.equal("invalid", err.kind)
      assert.matches("line '15'", err.message)
   end)

   it("cancels and waits until it is", function()
      local az, http = connect {
         { "POST " .. H .. D .. "/cancel", 204, "" },
         { "GET " .. H .. D, 200, { properties = { provisioningState = "Running" } } },
         { "GET " .. H .. D, 200, { properties = { provisioningState = "Canceled" } } },
      }
      az:cancel_deployment(nil, "d")
      http:finished()
   end)
end)
