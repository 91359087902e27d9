--- The container group of a run: its name, its tags, its body. One builder for blocks and work pools.

local fail    = require "aci.error"
local http    = require "aci.http"
local json    = require "aci.json"
local secret  = require "aci.secret"
local names   = require "aci.trace.names"
local render  = require "aci.prefect.render"
local arm     = require "aci.worker.arm"

local group = {}

local LONGEST = 63   -- ACI's limit for a name

local function slug(text, most)
   text = text:lower():gsub("[^%w-]+", "-"):gsub("%-%-+", "-"):gsub("^%-+", ""):gsub("%-+$", "")
   return (text:sub(1, most):gsub("%-+$", ""))
end

local function joined(first, last)
   return (first ~= "" and first or "run") .. "-" .. last
end

--- The group's name: the same for a run every time, so that a worker that was killed finds it again.
function group.name(run, data)
   return joined(slug(data.name or run.name, LONGEST - 11), (run.id:gsub("-", ""):sub(1, 10)))
end

--- The name that Prefect's own worker gives: the flow's, and the whole id of the run.
function group.pool_name(run, flow, data)
   return joined(slug(data.name or flow and flow.name or "", 19), run.id)
end

function group.id(data, name)
   return ("/subscriptions/%s/resourceGroups/%s/providers/Microsoft.ContainerInstance/containerGroups/%s")
      :format(data.subscription_id, data.resource_group_name, http.escape(name))
end

local function refuse(format, ...)
   fail.raise { kind = "failed", code = "environment", message = format:format(...),
      advice = "give a text; of an object its JSON" }
end

local function variable(name, value)
   local text = render.text(value) or refuse("the environment variable %s is no plain value", name)
   if secret.is(text) or names.is_secret_member(name) then return { name = name, secureValue = text } end
   return { name = name, value = text }
end

--- Plain where it may be, secure where it is secret; the job's own variables win, null takes one away.
local function environment(data, settings)
   local merged, order, list = {}, {}, json.array {}
   for name, value in pairs(settings) do merged[name] = value end
   for name, value in pairs(data.env or {}) do merged[name] = value end
   for name in pairs(merged) do order[#order + 1] = name end
   table.sort(order)
   for _, name in ipairs(order) do
      if merged[name] ~= json.null then list[#list + 1] = variable(name, merged[name]) end
   end
   return list
end

local function identity(data)
   local map = json.object {}
   for _, id in ipairs(data.identities or {}) do map[id] = json.object {} end
   if not next(map) then return nil end
   return { type = "UserAssigned", userAssignedIdentities = map }
end

--- ACI wants the registry's host alone, where a block may have an address.
local function host_of(url)
   return (url:gsub("^%a+://", ""):gsub("/+$", ""))
end

local function registry(data)
   local from = data.image_registry
   if type(from) ~= "table" or not from.registry_url then return nil end
   local server = host_of(secret.is(from.registry_url) and secret.reveal(from.registry_url) or from.registry_url)
   if from.identity then return json.array { { server = server, identity = from.identity } } end
   return json.array { { server = server, username = from.username, password = from.password } }
end

local function subnets(data)
   local list = json.array {}
   for _, id in ipairs(data.subnet_ids or {}) do list[#list + 1] = { id = id } end
   return #list > 0 and list or nil
end

local function requests(data)
   local gpu = data.gpu_count and data.gpu_count > 0 and { count = data.gpu_count, sku = data.gpu_sku } or nil
   return { cpu = data.cpu, memoryInGB = data.memory, gpu = gpu }
end

local function container(data, options, base)
   local properties = base.properties or {}
   properties.image, properties.command = data.image, json.array(data.command)
   properties.resources = properties.resources or {}
   properties.resources.requests = requests(data)
   properties.environmentVariables = environment(data, options.settings)
   return { name = options.name, properties = properties }
end

local function with(tags, more)
   local out = {}
   for _, from in ipairs { tags or {}, more or {} } do
      for key, value in pairs(from) do out[key] = value end
   end
   return out
end

--- The body of the PUT.
-- @param options `name`, `location`, `settings` (environment that every run gets), `tags`
function group.body(run, data, options)
   local base = arm.resource(data, options) or { properties = {} }
   local properties = base.properties
   local containers = properties.containers or json.array {}
   containers[1] = container(data, options, containers[1] or {})
   properties.containers, properties.osType = json.array(containers), properties.osType or "Linux"
   properties.restartPolicy = "Never"
   properties.subnetIds = subnets(data) or properties.subnetIds
   properties.imageRegistryCredentials = registry(data) or properties.imageRegistryCredentials
   if data.dns_servers and data.dns_servers[1] then
      properties.dnsConfig = { nameServers = json.array(data.dns_servers) }
   end
   return { location = options.location, identity = identity(data) or base.identity, zones = base.zones,
      tags = with(base.tags, with({ ["prefect-flow-run"] = run.id }, options.tags)), properties = properties }
end

return group
