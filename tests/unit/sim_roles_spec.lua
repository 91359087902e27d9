local support = require "tests.support.cloud"
local crypto = require "aci.crypto"
local access = require "sim.access"
local roles = require "sim.roles"

describe("roles of the local cloud", function()
   local cloud, S
   local V = "2022-04-01"

   setup(function()
      cloud = support.inside()
      S = "/subscriptions/" .. cloud.owner.subscription
      cloud:prepare("rg", "Microsoft.ManagedIdentity", "Microsoft.Network")
      cloud:prepare "rg10"
   end)

   teardown(function() cloud:close() end)

   local function arm(...) return cloud:arm(...) end

   local function code(status, body)
      return { status, body and body.error and body.error.code }
   end

   local function role(name)
      return S .. "/providers/Microsoft.Authorization/roleDefinitions/" .. name
   end

   local function assign(scope, principal, definition, fields)
      fields = fields or {}
      local properties = { roleDefinitionId = definition, principalId = principal,
         principalType = fields.kind or "ServicePrincipal" }
      if fields.kind == false then
         properties.principalType = nil
      end
      return arm("PUT", scope .. "/providers/Microsoft.Authorization/roleAssignments/"
         .. (fields.name or crypto.uuid4()), fields.version or V, { properties = properties }, fields.token)
   end

   describe("patterns", function()
      it("match any letter case and any run of characters", function()
         assert.is_true(access.covers({ "*" }, "A/b/read"))
         assert.is_true(access.covers({ "*/read" }, "Microsoft.X/a/b/READ"))
         assert.is_false(access.covers({ "*/read" }, "Microsoft.X/a/write"))
         assert.is_true(access.covers({ "Microsoft.ContainerInstance/containerGroups/*" },
            "Microsoft.ContainerInstance/containerGroups/containers/exec/action"))
         assert.is_false(access.covers({ "Microsoft.Net/x" }, "Microsoft.Net/xy"))
         assert.is_false(access.covers({ "Microsoft.Net/x" }, "MicrosoftANet/x"))
      end)

      it("let a star between slashes stand for nothing", function()
         assert.is_true(access.covers({
            "Microsoft.ManagedIdentity/userAssignedIdentities/*/assign/action" },
            "Microsoft.ManagedIdentity/userAssignedIdentities/assign/action"))
      end)

      it("compare scopes by whole segments", function()
         assert.is_true(access.within("/subscriptions/s/resourceGroups/rg",
            "/subscriptions/S/resourcegroups/RG/x"))
         assert.is_false(access.within("/subscriptions/s/resourceGroups/rg1",
            "/subscriptions/s/resourceGroups/rg10"))
      end)
   end)

   describe("assignments", function()
      it("give rights at their scope and below, not beside", function()
         local client = cloud:client "member"
         local token = cloud:token("https://management.azure.com", client.id, client.secret)
         assert.equal(403, (arm("GET", "/resourceGroups/rg", "2021-04-01", nil, token)))
         local status, body = assign("/resourceGroups/rg", client.principal.id, role(roles.CONTRIBUTOR))
         assert.equal(201, status)
         assert.same({ client.principal.id, "ServicePrincipal", S .. "/resourceGroups/rg" },
            { body.properties.principalId, body.properties.principalType, body.properties.scope })
         assert.equal(200, (arm("GET", "/resourceGroups/rg", "2021-04-01", nil, token)))
         assert.equal(403, (arm("GET", "/resourceGroups/rg10", "2021-04-01", nil, token)))
         assert.equal(201, (arm("PUT",
            "/resourceGroups/rg/providers/Microsoft.ManagedIdentity/userAssignedIdentities/mine",
            "2023-01-31", { location = "northeurope" }, token)))
         assert.same({ 403, "AuthorizationFailed" }, code(assign("/resourceGroups/rg", client.principal.id,
            role(roles.OWNER), { token = token })))
         assert.equal(200, (arm("DELETE", body.id:sub(#S + 1), V)))
         assert.equal(403, (arm("GET", "/resourceGroups/rg", "2021-04-01", nil, token)))
         assert.equal(204, (arm("DELETE", body.id:sub(#S + 1), V)))
      end)

      it("take a while to be in force", function()
         local slow = support.inside { factor = 1 }
         slow:prepare "rg"
         local client = slow:client "late"
         local token = slow:token("https://management.azure.com", client.id, client.secret)
         assert.equal(201, (slow:arm("PUT",
            "/resourceGroups/rg/providers/Microsoft.Authorization/roleAssignments/"
            .. crypto.uuid4(), V, { properties = { principalId = client.principal.id,
               principalType = "ServicePrincipal",
            roleDefinitionId = "/subscriptions/" .. slow.owner.subscription
            .. "/providers/Microsoft.Authorization/roleDefinitions/" .. roles.OWNER } })))
         assert.equal(403, (slow:arm("GET", "/resourceGroups/rg", "2021-04-01", nil, token)))
         slow:close()
      end)

      it("refuse the same one under another name", function()
         local client = cloud:client "twice"
         local name = crypto.uuid4()
         assert.equal(201, (assign("/resourceGroups/rg", client.principal.id, role(roles.OWNER), {
            name = name })))
         assert.same({ 409, "RoleAssignmentExists" },
            code(assign("/resourceGroups/rg", client.principal.id, role(roles.OWNER))))
         assert.same({ 409, "RoleAssignmentExists" },
            code(assign("/resourceGroups/rg", client.principal.id, role(roles.OWNER), { name = name })))
         assert.same({ 400, "RoleAssignmentUpdateNotPermitted" },
            code(assign("/resourceGroups/rg", client.principal.id, role(roles.CONTRIBUTOR), {
               name = name })))
      end)

      it("refuse principals, roles and names that are not there", function()
         local client = cloud:client "wrong"
         local function refused(number, word, ...)
            assert.same({ number, word }, code(assign("/resourceGroups/rg", ...)))
         end
         refused(400, "PrincipalNotFound", crypto.uuid4(), role(roles.OWNER))
         refused(400, "PrincipalNotFound", client.id, role(roles.OWNER))
         refused(400, "InvalidPrincipalId", "nobody", role(roles.OWNER))
         refused(400, "UnmatchedPrincipalType", client.principal.id, role(roles.OWNER), { kind = "User" })
         refused(400, "UnmatchedPrincipalType", client.principal.id, role(roles.OWNER), { kind = false })
         refused(400, "BadRequestFormat", client.principal.id, roles.OWNER)
         refused(400, "RoleDefinitionDoesNotExist", client.principal.id, role(crypto.uuid4()))
         refused(400, "InvalidRoleAssignmentId", client.principal.id, role(roles.OWNER), {
            name = "not-a-guid" })
         assert.equal(201, (assign("/resourceGroups/rg", client.principal.id, role(roles.OWNER),
            { kind = false, version = "2020-04-01-preview" })))
      end)

      it("of a principal that is not yet everywhere need its type", function()
         local slow = support.inside { factor = 1 }
         slow:prepare "rg"
         local directory = require "sim.directory"
         local app = directory.create_application(slow.cloud, { displayName = "new" })
         local principal = directory.create_principal(slow.cloud, app)
         local function put(kind)
            return slow:arm("PUT", "/resourceGroups/rg/providers/Microsoft.Authorization/roleAssignments/"
               .. crypto.uuid4(), V, { properties = { principalId = principal.id, principalType = kind,
               roleDefinitionId = "/providers/Microsoft.Authorization/roleDefinitions/" .. roles.OWNER } })
         end
         assert.same({ 400, "PrincipalNotFound" }, code(put(nil)))
         assert.equal(201, (put "ServicePrincipal"))
         slow:close()
      end)

      it("are listed by principal and by scope", function()
         local client = cloud:client "listed"
         assign("/resourceGroups/rg10", client.principal.id, role(roles.OWNER))
         local function list(scope, filter)
            local _, body = arm("GET", scope .. "/providers/Microsoft.Authorization/roleAssignments"
               .. (filter and "?$filter=" .. filter:gsub(" ", "%%20") or ""), V)
            return body.value or body.error.code
         end
         assert.equal(1, #list("", "principalId eq '" .. client.principal.id .. "'"))
         assert.equal(0, #list("/resourceGroups/rg", "principalId eq '" .. client.principal.id .. "'"))
         assert.equal(2, #list("/resourceGroups/rg10", "atScope()"))
         assert.equal("BadRequestFormat", list("", "atScope() and principalId eq 'x'"))
      end)

      it("go with the scope that they are on", function()
         local client = cloud:client "orphan"
         local path = "/resourceGroups/rg/providers/Microsoft.ManagedIdentity/userAssignedIdentities/scope"
         arm("PUT", path, "2023-01-31", { location = "northeurope" })
         local _, made = assign(path, client.principal.id, role(roles.OWNER))
         arm("DELETE", path, "2023-01-31")
         arm("PUT", path, "2023-01-31", { location = "northeurope" })
         assert.same({ 404, "RoleAssignmentNotFound" }, code(arm("GET", path
            .. "/providers/Microsoft.Authorization/"
            .. "roleAssignments/" .. made.name, V)))
      end)
   end)

   describe("definitions", function()
      local function define(name, changes)
         local properties = { roleName = "Runner " .. name, type = "CustomRole",
            assignableScopes = { S .. "/resourceGroups/rg" },
            permissions = { { actions = { "Microsoft.ContainerInstance/containerGroups/*" },
               notActions = {} } } }
         for key, value in pairs(changes or {}) do
            properties[key] = value
         end
         return arm("PUT", "/resourceGroups/rg/providers/Microsoft.Authorization/roleDefinitions/"
            .. name, V,
            { properties = properties })
      end

      it("are found by name and by id", function()
         local _, list = arm("GET", "/providers/Microsoft.Authorization/roleDefinitions?$filter="
            .. "roleName%20eq%20'Key%20Vault%20Secrets%20User'", V)
         assert.same({ 1, roles.SECRETS_USER, "BuiltInRole" },
            { #list.value, list.value[1].name, list.value[1].properties.type })
         assert.equal("Owner", select(2, arm("GET", "/providers/Microsoft.Authorization/roleDefinitions/"
            .. roles.OWNER,
            V)).properties.roleName)
         assert.same({ 404, "RoleDefinitionDoesNotExist" },
            code(arm("GET", "/providers/Microsoft.Authorization/roleDefinitions/" .. crypto.uuid4(), V)))
      end)

      it("can be made, assigned within their scopes, and deleted when nobody has them", function()
         local name = crypto.uuid4()
         local status, body = define(name)
         assert.equal(201, status)
         assert.equal("CustomRole", body.properties.type)
         local client = cloud:client "custom"
         assert.same({ 400, "RoleDefinitionNotAssignableAtScope" },
            code(assign("/resourceGroups/rg10", client.principal.id, role(name))))
         local _, made = assign("/resourceGroups/rg", client.principal.id, role(name))
         assert.same({ 400, "RoleDefinitionHasAssignments" },
            code(arm("DELETE", "/resourceGroups/rg/providers/Microsoft.Authorization/roleDefinitions/"
               .. name, V)))
         arm("DELETE", made.id:sub(#S + 1), V)
         assert.equal(200, (arm("DELETE",
            "/resourceGroups/rg/providers/Microsoft.Authorization/roleDefinitions/"
            .. name, V)))
      end)

      it("refuse unknown actions, two stars and a taken title", function()
         local function permissions(...)
            return { permissions = { { actions = { ... } } } }
         end
         local status, body = define(crypto.uuid4(),
            permissions "Microsoft.ContainerInstance/containerGroups/reed")
         assert.same({ 400, "InvalidActionOrNotAction" }, code(status, body))
         assert.truthy(body.error.message:find("containerGroups/reed' does not match any", 1, true))
         assert.same({ 400, "InvalidActionOrNotAction" },
            code(define(crypto.uuid4(), permissions "Contoso.Nothing/read")))
         assert.same({ 400, "InvalidActionOrNotAction" },
            code(define(crypto.uuid4(), permissions "Microsoft.Network/*/subnets/*")))
         assert.same({ 409, "RoleDefinitionWithSameNameExists" }, code(define(crypto.uuid4(), {
            roleName = "owner" })))
      end)
   end)

   it("tell a caller its own permissions", function()
      local client = cloud:client("asks", roles.CONTRIBUTOR, S .. "/resourceGroups/rg")
      local token = cloud:token("https://management.azure.com", client.id, client.secret)
      local _, body = arm("GET", "/resourceGroups/rg/providers/Microsoft.Authorization/permissions", V,
         nil, token)
      assert.same({ "*" }, body.value[1].actions)
      assert.truthy(#body.value[1].notActions > 5)
      assert.same({}, select(2, arm("GET",
         "/resourceGroups/rg10/providers/Microsoft.Authorization/permissions", V, nil,
         token)).value)
   end)
end)
