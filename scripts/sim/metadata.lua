--- The token service behind the metadata endpoints of container groups: who holds a group's key gets tokens
-- for the identities that are attached to it.
local crypto  = require "aci.crypto"
local clock   = require "aci.clock"
local refuse  = require "sim.refuse"
local service = require "sim.service"
local state   = require "sim.state"
local tokens  = require "sim.tokens"

local metadata = service { name = "metadata", host = "metadata.acihost.local",
   error = function(_, code, message) return { error = code, error_description = message } end }

local LIFETIME = 86399

--- What of the attached identities the query selects.
local function selected(identity, query)
   local matches = {}
   for id, entry in pairs(identity.userAssignedIdentities or {}) do
      local by_id = query.msi_res_id or query.mi_res_id
      local wanted = not (query.client_id or query.object_id or by_id)
         or query.client_id == entry.clientId or query.object_id == entry.principalId
         or (by_id and state.key(by_id) == state.key(id))
      if wanted then matches[#matches + 1] = { id = id, entry = entry } end
   end
   return matches
end

local function audience(resource)
   return (resource:gsub("/%.default$", ""))
end

metadata:route("GET /token", { anonymous = true, write = false }, function(req)
   local row = req.state.db:row("SELECT * FROM container_groups WHERE folder = ?", req.headers["x-group"] or "")
   local key = row and req.state:secret(row.id, "metadata-key")
   refuse.unless(key and crypto.equal(key, req.headers["x-group-key"] or ""), 403, "unauthorized_client",
      "The group is unknown.")
   local query = req.query
   local version = (query["api-version"] or ""):match "^%d%d%d%d%-%d%d%-%d%d$" or ""
   refuse.unless(version >= "2018-02-01", 400, "invalid_request",
      "The api-version is missing or not supported")
   refuse.unless((query.resource or "") ~= "", 400, "invalid_request", "Required audience parameter not specified")
   local group = refuse.unless(req.state:resource(row.id), 400, "invalid_request", "Identity not found")
   local matches = selected(group.body.identity or {}, query)
   refuse.unless(#matches > 0, 400, "invalid_request", "Identity not found")
   refuse.unless(#matches == 1, 400, "invalid_request", "Multiple user assigned identities exist, please specify "
      .. "the clientId / resourceId of the identity in the token request")
   local found = matches[1]
   local token = tokens.issue(req.state, { aud = audience(query.resource), oid = found.entry.principalId,
      appid = found.entry.clientId, xms_mirid = found.id, appidacr = "2" }, LIFETIME)
   local now = math.floor(clock.now())
   return 200, { access_token = token, refresh_token = "", expires_in = tostring(LIFETIME),
      expires_on = tostring(now + LIFETIME), not_before = tostring(now), resource = query.resource,
      token_type = "Bearer", client_id = found.entry.clientId }
end)

return metadata
