--- The secrets of the vaults, shared by the management plane (ARM children) and the data plane
-- (keyvault.lua). Kept by vault name; a deleted vault keeps them until it is purged.
--
-- A name stands somewhere: "live"; "deleting", then "deleted" once it has been taken away; "recovering" on
-- its way back; "purging" while its name is not free yet; nil when nobody knows it. What it is on the way
-- to comes by itself with the time.
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
   [[CREATE TABLE IF NOT EXISTS vault_names (vault TEXT NOT NULL, name TEXT NOT NULL, shown TEXT NOT NULL,
     standing TEXT NOT NULL, ready REAL NOT NULL, deleted REAL, purge_at REAL,
     PRIMARY KEY (vault, name))]],
}

local BECOMES = { deleting = "deleted", recovering = "live" }

local function decode(row)
   if row then
      row.value = secret.new(row.value)
      row.enabled = row.enabled == 1
      row.tags = row.tags and json.decode(row.tags) or nil
   end
   return row
end

local function forget(state, vault, name)
   state.db:run("DELETE FROM vault_secrets WHERE vault = ? AND name = ?", vault, name)
   state.db:run("DELETE FROM vault_names WHERE vault = ? AND name = ?", vault, name)
end

-- A row as it stands now; a name whose time is over is nil (and is forgotten when it is written again).
local function settle(row)
   if not row then
      return nil
   end
   local now = clock.now()
   if row.purge_at and row.purge_at <= now or row.standing == "purging" and row.ready <= now then
      return nil
   elseif row.ready <= now then
      row.standing = BECOMES[row.standing] or row.standing
   end
   return row
end

--- What is known of a name: { shown (as first written), standing, ready, deleted, purge_at } or nil.
function vaultsecrets.name(state, vault, name)
   return settle(state.db:row("SELECT * FROM vault_names WHERE vault = ? AND name = ?", vault:lower(),
      name:lower()))
end

local function keep_name(state, vault, name)
   if not vaultsecrets.name(state, vault, name) then
      forget(state, vault:lower(), name:lower())
      state.db:run([[INSERT INTO vault_names (vault, name, shown, standing, ready)
         VALUES (?, ?, ?, 'live', 0)]], vault:lower(), name:lower(), name)
   end
end

--- Adds a version. `fields`: value (string or aci.secret), content_type, tags (table), enabled, nbf, exp.
-- Gives the row: vault, name, version, value (aci.secret), content_type, tags, enabled, nbf, exp, created,
-- updated.
function vaultsecrets.add(state, vault, name, fields)
   local version, now = crypto.hex(crypto.random(16)), math.floor(clock.now())
   keep_name(state, vault, name)
   state.db:run([[INSERT INTO vault_secrets (vault, name, version, value, content_type, tags, enabled,
      nbf, exp, created,
      updated) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)]], vault:lower(), name:lower(), version,
      secret.is(fields.value) and secret.reveal(fields.value) or fields.value, fields.content_type,
      fields.tags and json.encode(json.object(fields.tags)) or nil, fields.enabled == false and 0 or 1,
         fields.nbf,
      fields.exp, now, now)
   return vaultsecrets.get(state, vault, name, version)
end

--- A version of a secret whatever its standing, or the newest one; nil when there is none.
function vaultsecrets.any(state, vault, name, version)
   if version and version ~= "" then
      return decode(state.db:row([[SELECT * FROM vault_secrets WHERE vault = ? AND name = ? AND version = ?]],
         vault:lower(), name:lower(), version:lower()))
   end
   return decode(state.db:row([[SELECT * FROM vault_secrets WHERE vault = ? AND name = ?
      ORDER BY rowid DESC LIMIT 1]], vault:lower(), name:lower()))
end

--- The same of a live one.
function vaultsecrets.get(state, vault, name, version)
   local known = vaultsecrets.name(state, vault, name)
   return known and known.standing == "live" and vaultsecrets.any(state, vault, name, version) or nil
end

--- Changes what is known of a version: content_type, tags, enabled, nbf, exp of the row.
function vaultsecrets.update(state, row)
   row.updated = math.floor(clock.now())
   state.db:run([[UPDATE vault_secrets SET content_type = ?, tags = ?, enabled = ?, nbf = ?, exp = ?,
      updated = ? WHERE vault = ? AND name = ? AND version = ?]], row.content_type,
      row.tags and json.encode(json.object(row.tags)) or nil, row.enabled and 1 or 0, row.nbf, row.exp,
      row.updated, row.vault, row.name, row.version)
   return row
end

--- Gives a name another standing, which is what it is on the way to after so many seconds (ours).
-- `times`: deleted and purge_at.
function vaultsecrets.move(state, vault, name, standing, seconds, times)
   times = times or {}
   state.db:run([[UPDATE vault_names SET standing = ?, ready = ?, deleted = ?, purge_at = ? WHERE vault = ?
      AND name = ?]], standing, clock.now() + seconds, times.deleted, times.purge_at, vault:lower(),
      name:lower())
   if standing == "purging" then
      state.db:run("DELETE FROM vault_secrets WHERE vault = ? AND name = ?", vault:lower(), name:lower())
   end
end

--- The newest version of each secret of a vault that has a standing (default "live"), by name. Rows carry
-- `known`, what `name` gives.
function vaultsecrets.list(state, vault, standing)
   local found = {}
   for _, row in ipairs(state.db:rows("SELECT * FROM vault_names WHERE vault = ? ORDER BY name",
      vault:lower())) do
      local known = settle(row)
      if known and known.standing == (standing or "live") then
         local newest = vaultsecrets.any(state, vault, row.name)
         newest.known = known
         found[#found + 1] = newest
      end
   end
   return found
end

--- All versions of a live secret, newest first.
function vaultsecrets.versions(state, vault, name)
   local known = vaultsecrets.name(state, vault, name)
   local rows = known and known.standing == "live" and state.db:rows([[SELECT * FROM vault_secrets
      WHERE vault = ? AND name = ? ORDER BY rowid DESC]], vault:lower(), name:lower()) or {}
   for _, row in ipairs(rows) do
      decode(row).known = known
   end
   return rows
end

--- Takes all secrets of a vault away for good.
function vaultsecrets.purge(state, vault)
   state.db:run("DELETE FROM vault_secrets WHERE vault = ?", vault:lower())
   state.db:run("DELETE FROM vault_names WHERE vault = ?", vault:lower())
end

return vaultsecrets
