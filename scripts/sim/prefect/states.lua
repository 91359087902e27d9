--- The states that a run went through.
local refuse  = require "sim.refuse"
local json    = require "aci.json"
local check   = require "sim.prefect.check"
local faults  = require "sim.prefect.faults"
local objects = require "sim.prefect.objects"

local function view(row)
   row.body.created, row.body.updated = nil, nil
   return row.body
end

local function asked_for(req, name)
   local id = req.query[name]
   if check.is_id(id) then return id end
   local list = {}
   local kind, detail = "missing", nil
   if id then kind, detail = check.uuid(id) end
   faults.add(list, json.array { "query", name }, kind, id, detail)
   faults.refuse(list)
end

local function routes(prefect, kind)
   prefect:route("GET /api/" .. kind .. "_states", { anonymous = true }, function(req)
      local list = json.array {}
      for _, row in ipairs(objects.list(req.state, kind .. "_state", asked_for(req, kind .. "_id"))) do
         list[#list + 1] = view(row)
      end
      return 200, list
   end)
   prefect:route("GET /api/" .. kind .. "_states/:id", { anonymous = true }, function(req)
      local row = objects.get(req.state, kind .. "_state", check.id(req))
      return 200, view(refuse.unless(row, 404, "detail", "Flow run state not found"))
   end)
end

return function(prefect)
   routes(prefect, "flow_run")
   routes(prefect, "task_run")
end
