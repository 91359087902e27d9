-- The ARM template templates/acihost.json: network, way out, identity, vault with its secrets, agent.
local crypto = require "aci.crypto"
local errors = require "aci.error"
local files = require "steps.files"
local fs = require "aci.fs"
local images = require "steps.images"
local secret = require "aci.secret"
local setup = require "aci.setup"
local step = require "aci.step"
local unknown = require "aci.step.unknown"

local file = files "templates/acihost.json"

-- A secure value can't be read back: a tag tells whether it is still the same. It is an HMAC, so that who reads
-- tags can't try out values; its keys follow from the storage account's two, which a Reader does not get and which
-- change one at a time.
local function digests(c, id, value)
   local list = {}
   for index, key in ipairs(c.storage.keys) do
      local own = crypto.hmac_sha256(key, "acihost-value")
      list[index] = crypto.hex(crypto.hmac_sha256(own, secret.formal(id:lower() .. "\n") .. value)):sub(1, 32)
   end
   return list
end

--- The tag for a secure value: the one that is there where it fits the value by either key, else a new one.
local function value_tag(c, id, value)
   if unknown.within(c.storage) then return "(made anew)" end
   local current = c.azure:get(id)
   local tag, list = current and (current.tags or {})["acihost-value"] or "", digests(c, id, value)
   for part in tag:gmatch "%x+" do
      for _, each in ipairs(list) do
         if each == part then return tag end
      end
   end
   return table.concat(list, ":")
end

local function value_tags(c, key)
   local group, config = c.azure:group_id() .. "/providers/", c.config
   local secrets = group .. "Microsoft.KeyVault/vaults/" .. config.vault .. "/secrets/"
   local url = secret.formal(config.prefect_url) -- secure in the template, open everywhere else
   local login = url .. "\n" .. key
   if config.prefect_auth then login = login .. "\n" .. config.prefect_auth end
   return {
      testsecret = value_tag(c, secrets .. "testsecret", config.testsecret),
      ["prefect-api-key"] = value_tag(c, secrets .. "prefect-api-key", key),
      ["prefect-api-url"] = value_tag(c, secrets .. "prefect-api-url", url),
      agent = value_tag(c, group .. "Microsoft.ContainerInstance/containerGroups/" .. config.agent,
         login),
   }
end

local function tags(c)
   local all = { acihost = c.marker }
   for name, value in pairs(c.config.tags) do all[name] = value end
   return all
end

local function parameters(c)
   local config = c.config
   local key, own = config.prefect_key or secret.new "", images.own(c)
   return {
      location = config.location, keyvaultname = config.vault,
      ["prefect-api-auth"] = config.prefect_auth or secret.new "", ["prefect-api-key"] = key,
      ["prefect-api-url"] = secret.formal(config.prefect_url),
      ["queue-name"] = config.queue, ["work-pool"] = c.prefect:major() >= 3 and config.work_pool or "",
      testsecret = config.testsecret,
      ["agent-image"] = images.agent(c), ["agent-packages"] = images.agent_packages(c),
      ["agent-command"] = images.agent_command(c), ["registry-server"] = own and own.server or "",
      ["vnet-name"] = config.vnet, ["subnet-name"] = config.subnet,
      ["identity-name"] = config.identity, ["agent-name"] = config.agent,
      ["nat-gateway"] = config.nat_gateway, ["secrets-officer"] = config.role == "Contributor",
      tags = tags(c), ["value-tags"] = value_tags(c, key),
   }
end

--- A vault that was deleted keeps its name for days; and names are shared by everybody.
local function check_vault_name(c, thing)
   local name = c.config.vault
   for _, row in ipairs(thing.rows) do
      if row.current and row.type:lower() == "microsoft.keyvault/vaults" then return end
   end
   if setup.deleted_vault(c) then return end -- ours: it is taken back
   if c.azure:deleted_vault(name) then
      errors.raise { kind = "conflict", code = "VaultDeleted",
         message = ("the vault %s is deleted but not purged: its name is not free"):format(name),
         advice = "it is not of this set-up: whoever deleted it can purge it; or set vault to another name" }
   end
   local free, why = c.azure:name_available("Microsoft.KeyVault/vaults", name)
   if free == false then
      errors.raise { kind = "conflict", code = "VaultAlreadyExists",
         message = ("the vault name %s is taken: %s"):format(name, tostring(why)),
         advice = "set vault to another name in config.lua" }
   end
end

--- Containers on Azure cannot reach a server on this machine.
local function check_reachable(c)
   local host = c.config.prefect_url:match "^%a+://([^/:]+)"
   if c.config.cloud == "azure" and (host == "localhost" or host:find "^127%.") then
      errors.raise { kind = "usage", code = "InvalidSetting",
         message = ("prefect_url %s is on this machine: containers on Azure cannot reach it"):format(
            c.config.prefect_url), advice = "set PREFECT_API_URL to an address that the internet reaches" }
   end
end

--- Our vault may have been deleted alone, or by a teardown: its name is not free, and the secrets are still in it.
local function lost_vault(c)
   local id = c.azure:group_id() .. "/providers/Microsoft.KeyVault/vaults/" .. c.config.vault
   local deleted = not c.azure:get(id) and setup.deleted_vault(c)
   return deleted and { kind = "recovered", id = id, name = c.config.vault, location = c.config.location,
      deleted = deleted } or nil
end

--- A template removes nothing: where the way out is no longer wanted, ours stays and is paid for.
local function note_gateway(c)
   local config = c.config
   local name = config.vnet .. "-nat"
   local gateway = not config.nat_gateway
      and c.azure:get(c.azure:group_id() .. "/providers/Microsoft.Network/natGateways/" .. name)
   if not gateway or (gateway.tags or {}).acihost ~= c.marker then return end
   setup.note(c, ("nat_gateway is false, but the NAT gateway %s stays (about 36 USD a month). To remove it:\n"
      .. "  az network vnet subnet update -g %s --vnet-name %s -n %s --remove natGateway\n"
      .. "  az network nat gateway delete -g %s -n %s\n"
      .. "  az network public-ip delete -g %s -n %s-ip"):format(name, config.group, config.vnet, config.subnet,
      config.group, name, config.group, name))
end

--- A template does not start what somebody stopped.
local function stopped_agent(c)
   local id = c.azure:group_id() .. "/providers/Microsoft.ContainerInstance/containerGroups/" .. c.config.agent
   local group = c.azure:get(id)
   local stopped = group and (group.properties.instanceView or {}).state == "Stopped"
   return stopped and { kind = "started", id = id, name = c.config.agent } or nil
end

return step {
   name = "template",
   needs = { "group", "queue", "registry", "storage" }, -- the agent makes a queue that it does not find
   want = function(c)
      check_reachable(c)
      note_gateway(c)
      local all = { kind = "template", id = "acihost", name = "acihost", text = assert(fs.read(file)),
         parameters = parameters(c), check = check_vault_name,
         passing = { InaccessibleImage = 600 } } -- until the right to pull is in force
      return { lost_vault, all, stopped_agent }
   end,
   gives = function(c)
      local group, config = c.azure:group_id() .. "/providers/", c.config
      return {
         identity = group .. "Microsoft.ManagedIdentity/userAssignedIdentities/" .. config.identity,
         subnet = ("%sMicrosoft.Network/virtualNetworks/%s/subnets/%s"):format(group, config.vnet, config.subnet),
         vault_url = ("https://%s.%s"):format(config.vault, config.vault_suffix),
      }
   end,
}
