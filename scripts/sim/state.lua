--- What the local cloud remembers: one SQLite file in its home. Resources are known by their canonical
-- (lower-case, no final slash) id. A resource may be `pending` until a time: until then its body shows
-- that provisioning state, afterwards "Succeeded"; nothing has to run for it, so it goes on after a crash.
-- The same holds for operations. What must happen at a time is a job.
local clock  = require "aci.clock"
local crypto = require "aci.crypto"
local errors = require "aci.error"
local json   = require "aci.json"
local secret = require "aci.secret"
local store  = require "aci.store"

local state = {}

local methods = {}
methods.__index = methods

local SCHEMA = {
   [[CREATE TABLE IF NOT EXISTS resources (key TEXT PRIMARY KEY, id TEXT NOT NULL, type TEXT NOT NULL,
     name TEXT NOT NULL, body TEXT NOT NULL, etag TEXT NOT NULL, created REAL NOT NULL,
        changed REAL NOT NULL,
     pending TEXT, ready_at REAL)]],
   "CREATE INDEX IF NOT EXISTS resources_type ON resources (type)",
   [[CREATE TABLE IF NOT EXISTS operations (id TEXT PRIMARY KEY, kind TEXT NOT NULL, resource TEXT,
     started REAL NOT NULL, ends REAL NOT NULL, status TEXT, data TEXT NOT NULL)]],
   [[CREATE TABLE IF NOT EXISTS secrets (owner TEXT NOT NULL, name TEXT NOT NULL, value TEXT NOT NULL,
     PRIMARY KEY (owner, name))]],
   [[CREATE TABLE IF NOT EXISTS jobs (id INTEGER PRIMARY KEY AUTOINCREMENT, kind TEXT NOT NULL,
      due REAL NOT NULL,
     data TEXT NOT NULL)]],
   "CREATE TABLE IF NOT EXISTS settings (name TEXT PRIMARY KEY, value TEXT NOT NULL)",
}

local DAMAGED = { SQLITE_NOTADB = true, SQLITE_CORRUPT = true }

-- assert, with a word for whoever has a damaged file.
local function must(value, err)
   if not value and DAMAGED[err.code] then
      err.advice = "the local cloud's state is damaged: acihost sim.lua reset throws it away, setup.lua makes it anew"
   end
   return assert(value, err)
end

--- Opens the store at a path (":memory:" for one that is not kept).
function state.open(path)
   local db = must(store.open(path))
   local self = setmetatable({ db = db, depth = 0 }, methods)
   for _, statement in ipairs(SCHEMA) do
      self:schema(statement)
   end
   return self
end

--- Makes a table of a service's own; `statement` is CREATE ... IF NOT EXISTS.
function methods:schema(statement)
   must(self.db:exec(statement))
end

function methods:close()
   self.db:close()
end

--- The time, in seconds since 1970.
function methods:now()
   return clock.now()
end

--- Runs f(...) in a transaction (a part that can be undone alone inside another one). An error undoes it
-- and is raised again; so does a statement that failed.
function methods:atomically(f, ...)
   self.depth = self.depth + 1
   local results = table.pack(pcall(self.db.transaction, self.db, f, ...))
   self.depth = self.depth - 1
   if not results[1] then
      error(results[2], 0)
   elseif results[2] == nil and errors.is(results[3]) then
      error(results[3], 0)
   end
   return table.unpack(results, 2, results.n)
end

--- The canonical form of a resource id.
function state.key(id)
   return (id:lower():gsub("//+", "/"):gsub("/$", ""))
end

local function show(self, row)
   if not row then
      return nil
   end
   row.body = assert(json.decode(row.body))
   if row.ready_at and row.ready_at > self:now() then
      row.busy = true
      row.body.properties = row.body.properties or {}
      row.body.properties.provisioningState = row.pending
   end
   return row
end

--- A resource: { id, type (lower case), name, body, etag, created, changed, busy } or nil. `busy` while
-- pending.
function methods:resource(id)
   return show(self, self.db:row("SELECT * FROM resources WHERE key = ?", state.key(id)))
end

--- Writes a resource. `fields`: id, type, body (a table), name (default: the last segment), etag,
--   pending and
-- ready_in (seconds, not scaled) for a provisioning state on the way. Gives the resource as `resource` does.
function methods:put_resource(fields)
   local key, now = state.key(fields.id), self:now()
   local ready = fields.pending and now + (fields.ready_in or 0) or nil
   self.db:run([[INSERT INTO resources (key, id, type, name, body, etag, created, changed, pending,
      ready_at)
      VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (key) DO UPDATE SET body = excluded.body,
      etag = excluded.etag, changed = excluded.changed, pending = excluded.pending,
         ready_at = excluded.ready_at]],
      key, fields.id, fields.type:lower(), fields.name or fields.id:match "[^/]+$",
         json.encode(fields.body),
      fields.etag or crypto.uuid4(), now, now, fields.pending, ready)
   return self:resource(fields.id)
end

local function below(id)
   local key = state.key(id)
   return key .. "/", key .. "0"
end

--- Removes a resource and everything under it; gives how many rows went.
function methods:delete_resource(id)
   local from, to = below(id)
   self.db:run("DELETE FROM secrets WHERE owner = ? OR (owner >= ? AND owner < ?)", state.key(id), from, to)
   return self.db:run("DELETE FROM resources WHERE key = ? OR (key >= ? AND key < ?)", state.key(id),
      from, to)
end

--- The resources under an id (not itself) and of a type; either may be nil. Sorted by id.
function methods:resources(filter)
   local from, to = "", "\u{10FFFF}"
   if filter.under then
      from, to = below(filter.under)
   end
   local sql = "SELECT * FROM resources WHERE key >= ? AND key < ?"
   local rows
   if filter.type then
      rows = self.db:rows(sql .. " AND type = ? ORDER BY key", from, to, filter.type:lower())
   else
      rows = self.db:rows(sql .. " ORDER BY key", from, to)
   end
   for _, row in ipairs(rows) do
      show(self, row)
   end
   return rows
end

--- A secret value kept for an owner (a resource id or another key) under a name, as aci.secret, or nil.
function methods:secret(owner, name)
   local row = self.db:row("SELECT value FROM secrets WHERE owner = ? AND name = ?", state.key(owner), name)
   return row and secret.new(row.value) or nil
end

function methods:put_secret(owner, name, value)
   self.db:run("INSERT OR REPLACE INTO secrets (owner, name, value) VALUES (?, ?, ?)", state.key(owner),
      name,
      secret.is(value) and secret.reveal(value) or value)
end

--- Removes one secret of an owner, or all of them.
function methods:delete_secret(owner, name)
   if name then
      return self.db:run("DELETE FROM secrets WHERE owner = ? AND name = ?", state.key(owner), name)
   end
   return self.db:run("DELETE FROM secrets WHERE owner = ?", state.key(owner))
end

--- Starts an operation that ends by itself. `fields`: kind, resource (id), seconds (not scaled), data (a
-- table), id (default a GUID). Gives its id.
function methods:start_operation(fields)
   local id, now = fields.id or crypto.uuid4(), self:now()
   self.db:run(
      "INSERT INTO operations (id, kind, resource, started, ends, status, data) VALUES (?,?,?,?,?,?,?)",
      id, fields.kind, fields.resource, now, now + (fields.seconds or 0), fields.status,
      json.encode(json.object(fields.data or {})))
   return id
end

--- An operation: { id, kind, resource, started, ends, status, data, done }. `status` is what was set by
-- `end_operation`, else "Succeeded" once its time has come, else "InProgress".
function methods:operation(id)
   local row = self.db:row("SELECT * FROM operations WHERE id = ?", id)
   if row then
      row.data = assert(json.decode(row.data))
      row.status = row.status or (self:now() >= row.ends and "Succeeded" or "InProgress")
      row.done = row.status == "Succeeded" or row.status == "Failed" or row.status == "Canceled"
   end
   return row
end

--- Sets an operation's status (and its data, where given).
function methods:end_operation(id, status, data)
   if data then
      self.db:run("UPDATE operations SET data = ? WHERE id = ?", json.encode(json.object(data)), id)
   end
   self.db:run("UPDATE operations SET status = ? WHERE id = ?", status, id)
end

--- Has a job of a service run after so many seconds (not scaled), also after a restart.
function methods:later(kind, seconds, data)
   self.db:run("INSERT INTO jobs (kind, due, data) VALUES (?, ?, ?)", kind, self:now() + seconds,
      json.encode(json.object(data or {})))
   self.woken = true
end

--- The jobs that are due, oldest first; `remove_job` takes one away.
function methods:due_jobs()
   local rows = self.db:rows("SELECT * FROM jobs WHERE due <= ? ORDER BY due, id LIMIT 50", self:now())
   for _, row in ipairs(rows) do
      row.data = assert(json.decode(row.data))
   end
   return rows
end

function methods:remove_job(id)
   self.db:run("DELETE FROM jobs WHERE id = ?", id)
end

--- When the next job is due, or nil.
function methods:next_due()
   local row = self.db:row "SELECT MIN(due) AS due FROM jobs"
   return row and row.due
end

--- A setting kept in the state; with a value (a string) it is set.
function methods:setting(name, value)
   if value ~= nil then
      self.db:run("INSERT OR REPLACE INTO settings (name, value) VALUES (?, ?)", name, value)
      return value
   end
   local row = self.db:row("SELECT value FROM settings WHERE name = ?", name)
   return row and row.value
end

return state
