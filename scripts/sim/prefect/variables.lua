--- Variables.
local json    = require "aci.json"
local refuse  = require "sim.refuse"
local check   = require "sim.prefect.check"
local filters = require "sim.prefect.filters"
local objects = require "sim.prefect.objects"
local related = require "sim.prefect.related"
local version = require "sim.prefect.version"

local INTEGRITY = "Data integrity conflict. This usually means a unique or foreign key constraint was "
   .. "violated. See server logs for details."

local SORTS = { "CREATED_DESC", "UPDATED_DESC", "NAME_DESC", "NAME_ASC", default = "NAME_ASC" }

local NAME, VALUE = { type = "variable_name", longest = 255 }, { type = "variable_value" }
local NEW_NAME = { type = "variable_name", longest = 255, required = true }
local NEW_VALUE = { type = "variable_value", required = true }

-- Prefect 2 keeps text only: what is a number becomes one.
local function checked(req, fields)
   local body = check.body(req, fields)
   if version.is(2) and type(body.value) == "number" then body.value = tostring(body.value) end
   return body
end

local function create(req)
   local body = checked(req, { name = NEW_NAME, value = NEW_VALUE, tags = "array" })
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
      local body, row = checked(req, { name = NAME, value = VALUE, tags = "array" }), find(req)
      local other = objects.find(req.state, "variable", body.name)
      refuse.when(other and other.id ~= row.id, 409, "detail", INTEGRITY)
      for key, value in pairs(body) do row.body[key] = value end
      objects.save(req.state, row)
      return 204
   end)
   prefect:route("DELETE " .. path, { anonymous = true }, function(req)
      objects.delete(req.state, "variable", find(req).id)
      return 204
   end)
end

local function matching(req, asked)
   local found = {}
   for _, row in ipairs(objects.list(req.state, "variable")) do
      if filters.match(row.body, asked.variables or {}) then found[#found + 1] = row.body end
   end
   return found
end

return function(prefect)
   prefect:route("POST /api/variables", { anonymous = true }, create)
   each(prefect, "/api/variables/name/:name", named)
   each(prefect, "/api/variables/:id", known)
   prefect:route("POST /api/variables/filter", { anonymous = true, write = false }, function(req)
      local asked = filters.read(req, { "variables" }, SORTS)
      return 200, filters.page(matching(req, asked), asked)
   end)
   prefect:route("POST /api/variables/count", { anonymous = true, write = false }, function(req)
      return related.count(#matching(req, filters.read(req, { "variables" })))
   end)
end
