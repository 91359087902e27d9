--- Artifacts, request by request: what runs leave, and the newest of each key.
local json = require "aci.json"

local NOBODY = "00000000-0000-4000-8000-000000000000"

local function artifacts(ask, _, backend)
   local _, flow = backend.send("POST", "/flows/", { name = "artful" })
   local _, run = backend.send("POST", "/flow_runs/", { flow_id = flow.id, name = "a-run" })
   local function body(key, more)
      local out = { key = key, type = "markdown", data = "# " .. key, flow_run_id = run.id }
      for name, value in pairs(more or {}) do out[name] = value end
      return out
   end
   local first = ask("made", "POST", "/artifacts/", body("report", { description = "d", metadata_ = { a = "1" } }))
   ask("without anything", "POST", "/artifacts/", json.object {})
   ask("a table", "POST", "/artifacts/", body("table", { type = "table", data = '[{"a": 1}]' }))
   local bar = ask("progress", "POST", "/artifacts/", body("bar", { type = "progress", data = 12.5 }))
   ask("data that is an object", "POST", "/artifacts/", body("thing", { data = { x = json.array { 1, "2" } } }))
   ask("a bad key", "POST", "/artifacts/", body "Bad_Key")
   ask("an unknown field", "POST", "/artifacts/", body("x", { colour = "red" }))
   ask("a run that is no id", "POST", "/artifacts/", body("x", { flow_run_id = "abc" }))
   ask("of an unknown run", "POST", "/artifacts/", body("of-nobody", { flow_run_id = NOBODY }))
   ask("metadata that is no object", "POST", "/artifacts/", body("x", { metadata_ = "text" }))
   ask("by id", "GET", "/artifacts/" .. first.id)
   ask("by an unknown id", "GET", "/artifacts/" .. NOBODY)
   ask("by no id", "GET", "/artifacts/abc")
   ask("changed", "PATCH", "/artifacts/" .. bar.id, { data = 100 })
   ask("after the change", "GET", "/artifacts/" .. bar.id)
   ask("changed, an unknown field", "PATCH", "/artifacts/" .. bar.id, { key = "other" })
   ask("changed, unknown", "PATCH", "/artifacts/" .. NOBODY, { data = 1 })
   ask("the newest of a key", "GET", "/artifacts/report/latest")
   ask("a second of the key", "POST", "/artifacts/", body("report", { data = "second" }))
   ask("the newest of a key then", "GET", "/artifacts/report/latest")
   ask("the newest of an unknown key", "GET", "/artifacts/none/latest")
   local ours = { artifacts = { flow_run_id = { any_ = { run.id } } }, sort = "KEY_ASC" }
   ask("found by run", "POST", "/artifacts/filter", ours)
   ask("counted", "POST", "/artifacts/count", { artifacts = ours.artifacts })
   ask("the newest of each key", "POST", "/artifacts/latest/filter", ours)
   ask("the newest of each key, counted", "POST", "/artifacts/latest/count", { artifacts = ours.artifacts })
   ask("a page of the newest", "POST", "/artifacts/latest/filter", { artifacts = ours.artifacts, sort = "KEY_DESC",
      limit = 1, offset = 1 })
   ask("found by key", "POST", "/artifacts/filter", { artifacts = { key = { any_ = { "report" } } } ,
      sort = "CREATED_DESC" })
   ask("found by a part of the key", "POST", "/artifacts/filter", { artifacts = { key = { like_ = "epor" } },
      sort = "CREATED_DESC" })
   ask("found by type", "POST", "/artifacts/filter", { artifacts = { flow_run_id = { any_ = { run.id } },
      type = { any_ = { "table" } } } })
   ask("found but for a type", "POST", "/artifacts/filter", { artifacts = { flow_run_id = { any_ = { run.id } },
      type = { not_any_ = { "markdown" } } }, sort = "KEY_DESC" })
   backend.send("POST", "/artifacts/", { flow_run_id = run.id, data = "no key" })
   ask("those without a key", "POST", "/artifacts/filter", { artifacts = { key = { exists_ = false },
      flow_run_id = { any_ = { run.id } } } })
   ask("those of a flow", "POST", "/artifacts/filter", { flows = { name = { any_ = { "artful" } } },
      sort = "KEY_ASC", limit = 2 })
   ask("those of a run's name", "POST", "/artifacts/count", { flow_runs = { name = { any_ = { "none" } } } })
   ask("too many", "POST", "/artifacts/filter", { limit = 201 })
   ask("an unknown order", "POST", "/artifacts/filter", { sort = "UPWARDS" })
   ask("an unknown operator", "POST", "/artifacts/filter", { artifacts = { key = { none_ = "a" } } })
   ask("deleted", "DELETE", "/artifacts/" .. first.id)
   ask("deleted again", "DELETE", "/artifacts/" .. first.id)
   ask("the newest of its key still", "GET", "/artifacts/report/latest")
end

return { { "artifacts", artifacts } }
