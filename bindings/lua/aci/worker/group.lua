--- The container group of a run: its name, its body, its watching.

local http   = require "aci.http"
local json   = require "aci.json"
local secret = require "aci.secret"

local group = {}

local MAX_SLUG = 52   -- with a dash and ten characters: ACI's limit of 63

local function slug(text)
   text = text:lower():gsub("[^%w-]+", "-"):gsub("%-%-+", "-"):gsub("^%-+", ""):gsub("%-+$", "")
   return (text:sub(1, MAX_SLUG):gsub("%-+$", ""))
end

--- The group's name: the same for a run every time, so that a worker that was killed finds it again.
function group.name(run, data)
   local first = slug(data.name or run.name)
   local last = run.id:gsub("-", ""):sub(1, 10)
   return first ~= "" and first .. "-" .. last or "run-" .. last
end

function group.id(data, name)
   return ("/subscriptions/%s/resourceGroups/%s/providers/Microsoft.ContainerInstance/containerGroups/%s")
      :format(data.subscription_id, data.resource_group_name, http.escape(name))
end

local function variable(name, value)
   if secret.is(value) then return { name = name, secureValue = value } end
   return { name = name, value = tostring(value) }
end

--- Plain where it may be, secure where it is secret; the block's own variables win.
local function environment(data, settings)
   local merged, names, list = {}, {}, json.array {}
   for name, value in pairs(settings) do merged[name] = value end
   for name, value in pairs(data.env or {}) do merged[name] = value end
   for name in pairs(merged) do names[#names + 1] = name end
   table.sort(names)
   for _, name in ipairs(names) do
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

local function registry(data)
   local from = data.image_registry
   if not from then return nil end
   local server = from.registry_url
   if from.identity then return json.array { { server = server, identity = from.identity } } end
   return json.array { { server = server, username = from.username, password = from.password } }
end

local function subnets(data)
   local list = json.array {}
   for _, id in ipairs(data.subnet_ids or {}) do list[#list + 1] = { id = id } end
   return #list > 0 and list or nil
end

--- The body of the PUT.
-- @param options `name`, `location`, `settings` (environment that every run gets)
function group.body(run, data, options)
   return {
      location = options.location, identity = identity(data),
      tags = { ["prefect-flow-run"] = run.id },
      properties = {
         osType = "Linux", restartPolicy = "Never", subnetIds = subnets(data),
         imageRegistryCredentials = registry(data),
         dnsConfig = data.dns_servers and { nameServers = json.array(data.dns_servers) } or nil,
         containers = json.array { { name = options.name, properties = {
            image = data.image, command = data.command,
            resources = { requests = { cpu = data.cpu, memoryInGB = data.memory } },
            environmentVariables = environment(data, options.settings),
         } } },
      },
   }
end

--- How the group's container ended: its exit code and why; nil while it has not.
function group.ended(found)
   local container = ((found.properties or {}).containers or {})[1]
   local view = container and container.properties.instanceView
   local now = type(view) == "table" and view.currentState
   if type(now) ~= "table" or now.state ~= "Terminated" then return nil end
   return now.exitCode or 0, now.detailStatus
end

--- The last lines that the container wrote, for the message of a crash.
function group.tail(azure, id, name)
   local ok, answer = pcall(azure.get, azure, id .. "/containers/" .. name .. "/logs")
   local text = ok and answer and answer.content or ""
   return #text > 2000 and "..." .. text:sub(-2000) or text
end

return group
