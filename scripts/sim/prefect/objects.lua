--- Everything that the Prefect API keeps, as one table: a kind, an id, a parent, a name, a run's state, a
-- time to sort and filter by, and the body as the API shows it. `private` is for block data, which may be secret.
local clock   = require "aci.clock"
local crypto  = require "aci.crypto"
local json    = require "aci.json"
local version = require "sim.prefect.version"

local objects = {}

-- Each Prefect has objects of its own, as two servers have.
local TABLES = { [2] = "prefect", [3] = "prefect3" }

objects.schema = {}
for _, name in ipairs { "prefect", "prefect3" } do
   for _, statement in ipairs {
      [[CREATE TABLE IF NOT EXISTS NAME (seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE,
        kind TEXT NOT NULL, parent TEXT, name TEXT, state TEXT, at REAL, body TEXT NOT NULL, private TEXT)]],
      "CREATE INDEX IF NOT EXISTS NAME_named ON NAME (kind, parent, name)",
      "CREATE INDEX IF NOT EXISTS NAME_name ON NAME (kind, name)",
      "CREATE INDEX IF NOT EXISTS NAME_state ON NAME (kind, state)",
   } do objects.schema[#objects.schema + 1] = statement:gsub("NAME", name) end
end

local function sql(text)
   return (text:gsub("OBJECTS", TABLES[version.major]))
end

--- A time as the Prefect that is played writes it.
function objects.time(seconds)
   local text = clock.iso(seconds or clock.now())
   return version.is(3) and text or (text:gsub("Z$", "+00:00"))
end

--- A new id; those of Prefect 3 begin with the time.
function objects.new_id()
   local random = crypto.uuid4()
   if version.is(2) then return random end
   local stamp = ("%012x"):format(math.floor(clock.now() * 1000))
   return ("%s-%s-7%s"):format(stamp:sub(1, 8), stamp:sub(9), random:sub(16))
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
   local body, now = json.object {}, objects.time()
   for name, each in pairs(fields.body) do body[name] = each end
   body.id, body.created, body.updated = fields.id or objects.new_id(), now, now
   state.db:run(sql "INSERT INTO OBJECTS (id, kind, parent, name, state, at, body, private) VALUES (?,?,?,?,?,?,?,?)",
      body.id, fields.kind, fields.parent, value(fields.name or body.name), value(body.state_type), fields.at,
      json.encode(body),
      fields.private and json.encode(json.object(fields.private)))
   return objects.get(state, fields.kind, body.id)
end

--- Writes an object back after its body (or at, private) was changed.
function objects.save(state, row)
   row.body.updated = objects.time()
   state.db:run(sql "UPDATE OBJECTS SET name = ?, state = ?, at = ?, body = ?, private = ? WHERE id = ?",
      value(row.body.name) or row.name, value(row.body.state_type), row.at, json.encode(row.body),
      row.private and json.encode(json.object(row.private)), row.id)
   return row
end

function objects.get(state, kind, id)
   if type(id) ~= "string" then return nil end
   return show(state.db:row(sql "SELECT * FROM OBJECTS WHERE kind = ? AND id = ?", kind, id:lower()))
end

--- By name, under a parent where one is given.
function objects.find(state, kind, name, parent)
   if parent then
      return show(state.db:row(sql "SELECT * FROM OBJECTS WHERE kind = ? AND parent = ? AND name = ?", kind,
         parent, name))
   end
   return show(state.db:row(sql "SELECT * FROM OBJECTS WHERE kind = ? AND name = ?", kind, name))
end

--- All of a kind, oldest first, under a parent where one is given.
function objects.list(state, kind, parent)
   local rows
   if parent then
      rows = state.db:rows(sql "SELECT * FROM OBJECTS WHERE kind = ? AND parent = ? ORDER BY seq", kind, parent)
   else
      rows = state.db:rows(sql "SELECT * FROM OBJECTS WHERE kind = ? ORDER BY seq", kind)
   end
   for _, row in ipairs(rows) do show(row) end
   return rows
end

--- The runs of a kind in one state, oldest first.
function objects.in_state(state, kind, state_type)
   local rows = state.db:rows(sql "SELECT * FROM OBJECTS WHERE kind = ? AND state = ? ORDER BY seq", kind, state_type)
   for _, row in ipairs(rows) do show(row) end
   return rows
end

function objects.delete(state, kind, id)
   return state.db:run(sql "DELETE FROM OBJECTS WHERE kind = ? AND id = ?", kind, id) > 0
end

function objects.delete_under(state, kind, parent)
   return state.db:run(sql "DELETE FROM OBJECTS WHERE kind = ? AND parent = ?", kind, parent)
end

return objects
