--- What Prefect 3's client asks beside: automations of a deployment, slots of concurrency limits that nobody made.
local json = require "aci.json"

local NOBODY = "00000000-0000-4000-8000-000000000000"

local function automations(ask)
   local resource = "prefect.deployment." .. NOBODY
   ask("of a deployment, deleted", "DELETE", "/automations/owned-by/" .. resource)
   ask("of a deployment", "GET", "/automations/related-to/" .. resource)
   ask("found", "POST", "/automations/filter", json.object {})
   ask("counted", "POST", "/automations/count")
end

local function limits(ask, _, _, major)
   if major == 2 then return end
   local function send(title, path, body)
      return ask(title, "POST", "/v2/concurrency_limits/" .. path, body)
   end
   local names = json.array { "tag:none" }
   for _, path in ipairs { "increment", "decrement" } do
      send(path, path, { names = names, slots = 1, mode = "concurrency" })
      send(path .. " without names", path, { slots = 1 })
      send(path .. " by nothing", path, { names = names, slots = 0 })
      ask(path .. " by tags", "POST", "/concurrency_limits/" .. path, { names = names, task_run_id = NOBODY })
   end
   send("an unknown mode", "increment", { names = names, slots = 1, mode = "odd" })
   local lease = send("a lease", "increment-with-lease", { names = names, slots = 1, mode = "concurrency" })
   ask("too short a lease", "POST", "/v2/concurrency_limits/increment-with-lease",
      { names = names, slots = 1, lease_duration = 10 }, { ctx = true })
   send("a lease of nothing", "increment-with-lease", { slots = 1 })
   send("renewed", "leases/" .. lease.lease_id .. "/renew", { lease_duration = 60 })
   send("an unknown lease renewed", "leases/" .. NOBODY .. "/renew", { lease_duration = 60 })
   send("given back", "decrement-with-lease", { lease_id = lease.lease_id })
   send("renewed after that", "leases/" .. lease.lease_id .. "/renew", { lease_duration = 60 })
   send("given back again", "decrement-with-lease", { lease_id = lease.lease_id })
   send("limits", "filter", json.object {})
   ask("limits by tag", "POST", "/concurrency_limits/filter", json.object {})
end

return { { "automations", automations }, { "concurrency limits", limits } }
