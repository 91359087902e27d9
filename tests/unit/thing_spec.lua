-- What kinds of things take for ours: by fakes of the clients, since a mistake here deletes what others own.
local arm = require "aci.thing.arm"
local errors = require "aci.error"
local group_kind = require "aci.thing.group"
local json = require "aci.json"
local run = require "aci.step.run"
local setup = require "aci.setup"
local step = require "aci.step"
local template = require "aci.thing.template"

local MARKER = "sub/aci-rg"

--- An ARM of resources by id; notes what is put and deleted.
local function context(resources)
   local az = { resources = resources or {}, deleted = {}, puts = 0 }
   function az.group_id() return "/subscriptions/sub/resourceGroups/aci-rg" end
   function az:get(id) return self.resources[id] end
   function az:group() return self.resources.group end
   function az:put(id, _, body)
      self.puts = self.puts + 1
      if self.refusals and self.refusals[1] then error(table.remove(self.refusals, 1), 0) end
      self.resources[id] = body
      return body
   end
   function az:delete(id)
      self.deleted[#self.deleted + 1] = id
      self.resources[id] = nil
      return true
   end
   function az:deleted_vault() return self.vault end
   return { azure = az, marker = MARKER, config = { subscription = "sub", tenant = "t", group = "aci-rg",
      location = "northeurope", vault = "v", poll = { first = 0.001 } } }
end

local group = "/subscriptions/sub/resourceGroups/aci-rg/providers/"

local function account(body)
   return { kind = "arm", type = "Microsoft.Storage/storageAccounts", name = "a", version = "1", body = body or {},
      id = group .. "Microsoft.Storage/storageAccounts/a" }
end

describe("an ARM resource", function()
   it("without our tag stays in a teardown", function()
      local thing = account()
      local c = context { [thing.id] = { name = "a", tags = { acihost = "sub/other" } }, group = { name = "aci-rg" } }
      local told = {}
      setup.remove(c, { step { name = "s", want = function() return { thing } end } },
         function(word, label) told[#told + 1] = word .. " " .. label end)
      assert.same({}, c.azure.deleted)
      assert.matches("^kept .*no tag", told[1])
      c.azure.resources[thing.id].tags.acihost = MARKER
      setup.remove(c, { step { name = "s", want = function() return { thing } end } }, function() end)
      assert.same({ thing.id }, c.azure.deleted)
   end)

   it("lies in a group that, where it is going, is waited for", function()
      local c, asked = context(), 0
      function c.azure.group()
         asked = asked + 1
         return asked < 4 and { name = "aci-rg", properties = { provisioningState = "Deleting" } } or nil
      end
      local said, real = {}, io.stderr
      io.stderr = { write = function(_, text) said[#said + 1] = text end } -- luacheck: ignore
      local read, current = pcall(group_kind.read, c, { name = "aci-rg" })
      io.stderr = real -- luacheck: ignore
      assert.same({ true, nil }, { read, current })
      assert.equal(4, asked)
      assert.same({ "the resource group aci-rg is being deleted: waiting until it is gone\n" }, said)
   end)

   it("that is being made is waited for", function()
      local thing, asked = account(), 0
      local c = context()
      function c.azure.get()
         asked = asked + 1
         return { properties = { provisioningState = asked < 3 and "Creating" or "Succeeded" } }
      end
      assert.equal("Succeeded", arm.read(c, thing).properties.provisioningState)
      assert.equal(3, asked)
   end)

   it("that names a role which Azure does not know everywhere yet is put again", function()
      local c, thing = context(), account()
      c.azure.refusals = { errors.new { kind = "invalid", code = "RoleDefinitionDoesNotExist", message = "m" },
         errors.new { kind = "invalid", code = "PrincipalNotFound", message = "m" } }
      arm.write(c, thing)
      assert.equal(3, c.azure.puts)
      c.azure.refusals = { errors.new { kind = "invalid", code = "Other", message = "m" } }
      assert.is_false(pcall(arm.write, c, thing))
   end)

   it("of a role whose assignment was just deleted is deleted a little later", function()
      local c, tries = context(), 0
      function c.azure.delete()
         tries = tries + 1
         if tries < 3 then errors.raise { kind = "invalid", code = "RoleDefinitionHasAssignments", message = "m" } end
         return true
      end
      assert.is_true((arm.remove(c, { type = "Microsoft.Authorization/roleDefinitions", id = "/r" }, { id = "/r" })))
      assert.equal(3, tries)
   end)

   it("of a role keeps its id in a plan that changes it, so its assignment is found", function()
      local role = { kind = "arm", type = "Microsoft.Authorization/roleDefinitions", name = "r", body = { x = 2 },
         id = "/role" }
      local c = context { ["/role"] = { id = "/role", x = 1 }, ["/assigned/role"] = { id = "/assigned/role" } }
      local entries = run.steps(c, { step { name = "s", want = function()
         return { role, function(_, definition)
            return { kind = "arm", type = "Microsoft.Authorization/roleAssignments", name = "n", body = {},
               id = "/assigned" .. definition.id }
         end }
      end } }, { plan = true, report = require "aci.step.report".new { quiet = true } })
      assert.same({ "change", "nothing" }, { entries[1].action, entries[2].action })
   end)
end)

describe("a template", function()
   local text = json.encode { ["$schema"] = "https://schema.management.azure.com/schemas/2019-04-01/"
      .. "deploymentTemplate.json#", contentVersion = "1.0.0.0", resources = json.array {
      { type = "Microsoft.Network/virtualNetworks", apiVersion = "2024-05-01", name = "net", location = "x",
         tags = { acihost = MARKER }, properties = {} },
      { type = "Microsoft.Network/virtualNetworks/subnets", apiVersion = "2024-05-01", name = "net/sub",
         dependsOn = json.array { "Microsoft.Network/virtualNetworks/net" }, properties = {} },
   } }
   local net = group .. "Microsoft.Network/virtualNetworks/net"

   local function there(tags)
      local c = context { [net] = { id = net, location = "x", tags = tags, properties = {} },
         [net .. "/subnets/sub"] = { id = net .. "/subnets/sub", properties = {} } }
      local thing = { kind = "template", id = "t", name = "t", text = text, parameters = {} }
      return c, thing, template.read(c, thing)
   end

   it("finds a resource without any tags to be somebody else's, and leaves it", function()
      local c, thing, current = there(nil)
      assert.matches("virtualNetworks net has no tag", template.foreign(c, thing, current))
      local all, why = template.remove(c, thing, current)
      assert.is_false(all)
      assert.matches("not ours", why)
      assert.same({}, c.azure.deleted)
   end)

   it("removes what is ours, and what lies in it", function()
      local c, thing, current = there { acihost = MARKER }
      assert.is_nil(template.foreign(c, thing, current))
      assert.is_true(template.remove(c, thing, current))
      assert.same({ net .. "/subnets/sub", net }, c.azure.deleted)
   end)
end)

describe("a deleted vault", function()
   it("is ours to purge only with our tag", function()
      local c = context()
      assert.is_nil(setup.deleted_vault(c))
      c.azure.vault = { properties = { tags = { acihost = "sub/other" } } }
      assert.is_nil(setup.deleted_vault(c))
      c.azure.vault = { properties = { tags = { acihost = MARKER } } }
      assert.equal(c.azure.vault, setup.deleted_vault(c))
   end)
end)
