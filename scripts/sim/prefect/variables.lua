--- Variables.
local json    = require "aci.json"
local refuse  = require "sim.refuse"
local check   = require "sim.prefect.check"
local filters = require "sim.prefect.filters"
local objects = require "sim.prefect.objects"
local version = require "sim.prefect.version"

local INTEGRITY = "Data integrity conflict. This usually means a unique or foreign key constraint was "
   .. "violated. See server logs for details."

local function create(req)
   local body = check.body(req, { name = "variable_name!", value = "variable_value!", tags = "array" })
   refuse.when(objects.find(req.state, "variable", body.name), 409, "detail", version.pick(INTEGRITY,
      ("A variable with the name '%s' already exists."):format(body.name)))
   body.tags = body.tags or json.array {}
   return 201, objects.add(req.state, { kind = "variable", body = body }).body
end

local function named(req)
   return refuse.unless(objects.find(req.state, "variable", req.params.name), 404, "detail",
      "Variable not found.")
end

local function known(req)
   return refuse.unless(objects.get(req.state, "variable", check.id(req)), 404, "detail", "Variable not found.")
end

-- The same by name and by id.
local function each(prefect, path, find)
   prefect:route("GET " .. path, { anonymous = true }, function(req) return 200, find(req).body end)
   prefect:route("PATCH " .. path, { anonymous = true }, function(req)
      local body = check.body(req, { name = "variable_name", value = "variable_value", tags = "array" })
      local row = find(req)
      for key, value in pairs(body) do row.body[key] = value end
      objects.save(req.state, row)
      return 204
   end)
   prefect:route("DELETE " .. path, { anonymous = true }, function(req)
      objects.delete(req.state, "variable", find(req).id)
      return 204
   end)
end

return function(prefect)
   prefect:route("POST /api/variables", { anonymous = true }, create)
   each(prefect, "/api/variables/name/:name", named)
   each(prefect, "/api/variables/:id", known)
   prefect:route("POST /api/variables/filter", { anonymous = true, write = false }, function(req)
      local asked, found = filters.read(req, { "variables" }, { "NAME_ASC", "NAME_DESC", "CREATED_DESC",
         "UPDATED_DESC" }), {}
      for _, row in ipairs(objects.list(req.state, "variable")) do
         if filters.match(row.body, asked.variables or {}) then found[#found + 1] = row.body end
      end
      return 200, filters.page(found, asked)
   end)
end
