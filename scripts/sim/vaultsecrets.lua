--- The secrets of the vaults, shared by the management plane (ARM children) and the data plane
-- (keyvault.lua). Kept by vault name; a deleted vault keeps them until it is purged.
local clock  = require "aci.clock"
local crypto = require "aci.crypto"
local json   = require "aci.json"
local secret = require "aci.secret"

local vaultsecrets = {}

vaultsecrets.SCHEMA = {
   [[CREATE TABLE IF NOT EXISTS vault_secrets (vault TEXT NOT NULL, name TEXT NOT NULL,
      version TEXT NOT NULL,
     value TEXT NOT NULL, content_type TEXT, tags TEXT, enabled INTEGER NOT NULL, nbf INTEGER, exp INTEGER,
     created INTEGER NOT NULL, updated INTEGER NOT NULL, deleted INTEGER, purge_at INTEGER,
     PRIMARY KEY (vault, name, version))]],
}

local function decode(row)
   if row then
      row.value = secret.new(row.value)
      row.enabled = row.enabled == 1
      row.tags = row.tags and json.decode(row.tags) or nil
   end
   return row
end

--- Adds a version. `fields`: value (string or aci.secret), content_type, tags (table), enabled, nbf, exp.
-- Gives the row: vault, name, version, value (aci.secret), content_type, tags, enabled, nbf, exp, created,
-- updated.
function vaultsecrets.add(state, vault, name, fields)
   local version, now = crypto.hex(crypto.random(16)), math.floor(clock.now())
   state.db:run([[INSERT INTO vault_secrets (vault, name, version, value, content_type, tags, enabled,
      nbf, exp, created,
      updated) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)]], vault:lower(), name:lower(), version,
      secret.is(fields.value) and secret.reveal(fields.value) or fields.value, fields.content_type,
      fields.tags and json.encode(json.object(fields.tags)) or nil, fields.enabled == false and 0 or 1,
         fields.nbf,
      fields.exp, now, now)
   return vaultsecrets.get(state, vault, name, version)
end

--- A version of a secret, or the newest one; nil when there is none or it is deleted.
function vaultsecrets.get(state, vault, name, version)
   if version and version ~= "" then
      return decode(state.db:row([[SELECT * FROM vault_secrets WHERE vault = ? AND name = ? AND version = ?
         AND deleted IS NULL]], vault:lower(), name:lower(), version:lower()))
   end
   return decode(state.db:row([[SELECT * FROM vault_secrets WHERE vault = ? AND name = ? AND deleted IS NULL
      ORDER BY rowid DESC LIMIT 1]], vault:lower(), name:lower()))
end

--- The newest version of each secret of a vault, by name.
function vaultsecrets.list(state, vault)
   local rows = state.db:rows([[SELECT * FROM vault_secrets WHERE rowid IN (SELECT MAX(rowid)
      FROM vault_secrets WHERE vault = ? AND deleted IS NULL GROUP BY name) ORDER BY name]], vault:lower())
   for _, row in ipairs(rows) do
      decode(row)
   end
   return rows
end

--- Takes all secrets of a vault away for good.
function vaultsecrets.purge(state, vault)
   state.db:run("DELETE FROM vault_secrets WHERE vault = ?", vault:lower())
end

return vaultsecrets
