--- User-assigned managed identities.
local crypto    = require "aci.crypto"
local json      = require "aci.json"
local directory = require "sim.directory"
local provider  = require "sim.provider"
local refuse    = require "sim.refuse"

local identity = provider { name = "identity", namespace = "Microsoft.ManagedIdentity" }

local VERSIONS = { "2025-05-31-preview", "2025-01-31-preview", "2024-11-30", "2023-07-31-preview",
   "2023-01-31",
   "2022-01-31-preview", "2021-09-30-preview", "2018-11-30", "2015-08-31-preview" }

local function check(_, r)
   local good = #r.name >= 3 and #r.name <= 128 and r.name:find "^%w[%w_-]*$"
   refuse.unless(good, 400, "InvalidResourceName", ("Resource name %s is invalid. The name can contain "
      .. "only letters, "
      .. "digits, underscores and hyphens, must start with a letter or digit, and must be 3 to 128 "
      .. "characters long.")
      :format(r.name))
end

-- A new identity has a principal in the directory at once; others see it a little later.
local function new_principal(req, r)
   local principal = directory.create_principal(req.cloud, { appId = crypto.uuid4(), displayName = r.name,
      alternativeNames = json.array { "isExplicit=True", r.id } }, false, "ManagedIdentity")
   return { tenantId = req.state:setting "tenant", principalId = principal.id, clientId = principal.appId }
end

local function put(req, r)
   local body = { location = r.location, tags = r.tags or json.object {},
      properties = r.old and r.old.body.properties or new_principal(req, r) }
   r:store(body)
   local path = r.id
   return r.old and 200 or 201, body, not r.old and { Location = path } or nil
end

local function removed(cloud, row)
   directory.delete(cloud.state, row.body.properties.principalId)
end

identity:type("userAssignedIdentities", {
   versions = VERSIONS, group_word = "resourcegroups", check = check, put = put, removed = removed,
   actions = {
      ["POST listAssociatedResources"] = { write = false, run = function()
         return 200, { totalCount = 0, value = json.array {} }
      end },
   },
})

return identity
