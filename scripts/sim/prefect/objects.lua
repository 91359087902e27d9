--- Everything that the Prefect API keeps, as one table: a kind, an id, a parent, a name, a run's state, a
-- time to sort and filter by, and the body as the API shows it. `private` is for block data, which may be secret.
local clock  = require "aci.clock"
local crypto = require "aci.crypto"
local json   = require "aci.json"

local objects = {}

objects.schema = {
   [[CREATE TABLE IF NOT EXISTS prefect (seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE,
     kind TEXT NOT NULL, parent TEXT, name TEXT, state TEXT, at REAL, body TEXT NOT NULL, private TEXT)]],
   "CREATE INDEX IF NOT EXISTS prefect_named ON prefect (kind, parent, name)",
   "CREATE INDEX IF NOT EXISTS prefect_name ON prefect (kind, name)",
   "CREATE INDEX IF NOT EXISTS prefect_state ON prefect (kind, state)",
}

--- A time as Prefect 2 writes it.
function objects.time(seconds)
   return (clock.iso(seconds or clock.now()):gsub("Z$", "+00:00"))
end

local function show(row)
   if not row then return nil end
   row.body = assert(json.decode(row.body))
   row.private = row.private and assert(json.decode(row.private))
   return row
end

local function value(text)
   if text == json.null then return nil end
   return text
end

--- Adds an object; its body gets id, created and updated.
-- @param fields `kind`, `body`, and optionally `id`, `parent`, `name` (default the body's), `at`, `private`
function objects.add(state, fields)
   local body, now = fields.body, objects.time()
   body.id, body.created, body.updated = fields.id or crypto.uuid4(), now, now
   state.db:run("INSERT INTO prefect (id, kind, parent, name, state, at, body, private) VALUES (?,?,?,?,?,?,?,?)",
      body.id, fields.kind, fields.parent, value(fields.name or body.name), value(body.state_type), fields.at,
      json.encode(body),
      fields.private and json.encode(json.object(fields.private)))
   return objects.get(state, fields.kind, body.id)
end

--- Writes an object back after its body (or at, private) was changed.
function objects.save(state, row)
   row.body.updated = objects.time()
   state.db:run("UPDATE prefect SET name = ?, state = ?, at = ?, body = ?, private = ? WHERE id = ?",
      value(row.body.name), value(row.body.state_type), row.at, json.encode(row.body),
      row.private and json.encode(json.object(row.private)), row.id)
   return row
end

function objects.get(state, kind, id)
   if type(id) ~= "string" then return nil end
   return show(state.db:row("SELECT * FROM prefect WHERE kind = ? AND id = ?", kind, id:lower()))
end

--- By name, under a parent where one is given.
function objects.find(state, kind, name, parent)
   if parent then
      return show(state.db:row("SELECT * FROM prefect WHERE kind = ? AND parent = ? AND name = ?", kind,
         parent, name))
   end
   return show(state.db:row("SELECT * FROM prefect WHERE kind = ? AND name = ?", kind, name))
end

--- All of a kind, oldest first, under a parent where one is given.
function objects.list(state, kind, parent)
   local rows
   if parent then
      rows = state.db:rows("SELECT * FROM prefect WHERE kind = ? AND parent = ? ORDER BY seq", kind, parent)
   else
      rows = state.db:rows("SELECT * FROM prefect WHERE kind = ? ORDER BY seq", kind)
   end
   for _, row in ipairs(rows) do show(row) end
   return rows
end

--- The runs of a kind in one state, oldest first.
function objects.in_state(state, kind, state_type)
   local rows = state.db:rows("SELECT * FROM prefect WHERE kind = ? AND state = ? ORDER BY seq", kind, state_type)
   for _, row in ipairs(rows) do show(row) end
   return rows
end

function objects.delete(state, kind, id)
   return state.db:run("DELETE FROM prefect WHERE kind = ? AND id = ?", kind, id) > 0
end

function objects.delete_under(state, kind, parent)
   return state.db:run("DELETE FROM prefect WHERE kind = ? AND parent = ?", kind, parent)
end

return objects
