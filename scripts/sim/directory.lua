--- The directory of the tenant: applications, service principals, their passwords. Shared by the token
-- endpoint, Graph, managed identities and role assignments. A new object is invisible to others for a
-- while (replication), a new password is not yet accepted.
local clock  = require "aci.clock"
local crypto = require "aci.crypto"
local json   = require "aci.json"
local secret = require "aci.secret"

local directory = {}

directory.SCHEMA = {
   [[CREATE TABLE IF NOT EXISTS directory (id TEXT PRIMARY KEY, kind TEXT NOT NULL, app_id TEXT NOT NULL,
     name TEXT NOT NULL, body TEXT NOT NULL, visible REAL NOT NULL, deleted REAL)]],
   "CREATE INDEX IF NOT EXISTS directory_app ON directory (app_id)",
   [[CREATE TABLE IF NOT EXISTS passwords (key_id TEXT PRIMARY KEY, app TEXT NOT NULL, value TEXT NOT NULL,
     starts REAL NOT NULL, ends REAL NOT NULL, effective REAL NOT NULL)]],
}

-- Azure's seconds until others see a new object, and until a new password works.
directory.REPLICATION, directory.PASSWORD = 10, 10

local function stamp(time)
   return (clock.iso(time):gsub("%.%d+Z$", "Z"))
end

directory.stamp = stamp

local function decode(row)
   if not row then
      return nil
   end
   local object = assert(json.decode(row.body))
   object.visible = row.visible
   return object
end

--- Writes an object back.
function directory.save(state, object)
   local visible = object.visible
   object.visible = nil
   state.db:run("UPDATE directory SET body = ?, name = ? WHERE id = ?", json.encode(object),
      object.displayName,
      object.id)
   object.visible = visible
end

local function insert(cloud, kind, object, at_once)
   local delay = at_once and 0 or cloud:seconds(directory.REPLICATION)
   local visible = cloud.state:now() + delay
   cloud.state.db:run(
      "INSERT INTO directory (id, kind, app_id, name, body, visible) VALUES (?, ?, ?, ?, ?, ?)",
      object.id, kind, object.appId, object.displayName, json.encode(object), visible)
   object.visible = visible
   return object
end

local function list() return json.array {} end

--- Makes an application. `fields`: displayName and other members of a Graph application.
-- @param at_once without the replication delay
function directory.create_application(cloud, fields, at_once)
   local object = {
      id = crypto.uuid4(), appId = crypto.uuid4(), displayName = fields.displayName,
      createdDateTime = stamp(clock.now()), deletedDateTime = json.null, description = json.null,
      signInAudience = fields.signInAudience or "AzureADMyOrg", publisherDomain = "local.onmicrosoft.com",
      identifierUris = fields.identifierUris or list(), tags = fields.tags or list(), appRoles = list(),
      passwordCredentials = list(), keyCredentials = fields.keyCredentials or list(),
      requiredResourceAccess = list(), notes = fields.notes or json.null, uniqueName = fields.uniqueName
         or json.null,
   }
   return insert(cloud, "application", object, at_once)
end

--- Makes the service principal of an application (or of a managed identity, with `kind`).
function directory.create_principal(cloud, app, at_once, kind)
   local object = {
      id = crypto.uuid4(), appId = app.appId, appDisplayName = app.displayName,
         displayName = app.displayName,
      accountEnabled = true, appOwnerOrganizationId = cloud.state:setting "tenant",
         deletedDateTime = json.null,
      servicePrincipalType = kind or "Application", servicePrincipalNames = json.array { app.appId },
      tags = list(), appRoles = list(), keyCredentials = list(), passwordCredentials = list(),
      alternativeNames = app.alternativeNames or list(),
   }
   return insert(cloud, "servicePrincipal", object, at_once)
end

--- An object by its object id, of a kind ("application", "servicePrincipal"; nil: any).
function directory.get(state, id, kind)
   local row = type(id) == "string"
      and state.db:row("SELECT * FROM directory WHERE id = ? AND deleted IS NULL", id:lower())
   return row and (kind == nil or row.kind == kind) and decode(row) or nil
end

--- An object by its application (client) id.
function directory.by_app(state, app_id, kind)
   return decode(state.db:row("SELECT * FROM directory WHERE app_id = ? AND kind = ? AND deleted IS NULL",
      (app_id or ""):lower(), kind))
end

--- All objects of a kind, oldest first.
function directory.all(state, kind)
   local found = {}
   for _, row in ipairs(state.db:rows(
      "SELECT * FROM directory WHERE kind = ? AND deleted IS NULL ORDER BY rowid", kind)) do
      found[#found + 1] = decode(row)
   end
   return found
end

--- True once replication has brought the object to the others.
function directory.visible(state, object)
   return object.visible <= state:now()
end

--- Takes an object away (softly: deleted items keep it).
function directory.delete(state, id)
   state.db:run("UPDATE directory SET deleted = ? WHERE id = ?", state:now(), id)
end

local function parse_time(text, default)
   local time = type(text) == "string" and clock.parse_iso(text)
   return time or default
end

-- A password as Entra makes them: 40 characters.
local function new_value()
   return (crypto.base64url(crypto.random(30)):gsub("-", "~"))
end

--- Adds a password to an application and saves it.
-- @return the credential with secretText (an aci.secret)
function directory.add_password(cloud, app, wanted, at_once)
   local state, now = cloud.state, clock.now()
   local starts = parse_time(wanted.startDateTime, now)
   local ends = parse_time(wanted.endDateTime, starts + 2 * 365 * 86400)
   local value = new_value()
   local credential = {
      customKeyIdentifier = json.null, displayName = wanted.displayName or json.null,
         keyId = crypto.uuid4(),
      startDateTime = stamp(starts), endDateTime = stamp(ends), hint = value:sub(1, 3),
         secretText = json.null,
   }
   table.insert(app.passwordCredentials, credential)
   directory.save(state, app)
   state.db:run(
      "INSERT INTO passwords (key_id, app, value, starts, ends, effective) VALUES (?, ?, ?, ?, ?, ?)",
      credential.keyId, app.id, value, starts, ends,
      now + (at_once and 0 or cloud:seconds(directory.PASSWORD)))
   local shown = {}
   for name, member in pairs(credential) do
      shown[name] = member
   end
   shown.secretText = secret.new(value)
   return shown
end

--- Takes a password away; false when the application has none with that key id.
function directory.remove_password(state, app, key_id)
   for index, credential in ipairs(app.passwordCredentials) do
      if credential.keyId == key_id then
         table.remove(app.passwordCredentials, index)
         directory.save(state, app)
         state.db:run("DELETE FROM passwords WHERE key_id = ?", key_id)
         return true
      end
   end
   return false
end

--- How a password of an application or of its service principal stands: "good", "expired" or "wrong" (also:
-- not yet known everywhere).
function directory.check_password(state, app, value)
   local now, seen = state:now(), "wrong"
   local principal = directory.by_app(state, app.appId, "servicePrincipal")
   for _, row in ipairs(state.db:rows("SELECT * FROM passwords WHERE app IN (?, ?)", app.id,
      principal and principal.id or app.id)) do
      if crypto.equal(row.value, value) and row.effective <= now and row.starts <= now + 300 then
         seen = row.ends > now and "good" or "expired"
      end
   end
   return seen
end

return directory
