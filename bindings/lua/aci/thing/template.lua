--- An ARM template, deployed as a whole but compared resource by resource: it is evaluated here as Azure
-- would, each resource is read, and only what is missing or differs is deployed.
--
-- thing: name (of the deployment), text (the template), parameters (name to value), passing (error codes that
-- pass, with the seconds that they may take); while it is compared `rows` holds its resources.
local compare = require "aci.step.compare"
local errors = require "aci.error"
local ids = require "aci.azure.ids"
local due = require "aci.step.due"
local patiently = require "aci.step.patiently"
local task = require "aci.task"
local template = require "aci.template"

local kind = {}

local nested = "microsoft.resources/deployments"

function kind.label(thing) return "ARM template " .. thing.name end

-- What a resource refers to is read from Azure; what is not there yet cannot be told.
local function reference(c, id, version, full)
   local body = c.azure:get(id, version)
   if not body then
      return nil, errors.new { kind = "not_found", code = "ResourceNotFound", message = id .. " is not there yet" }
   end
   return full and body or body.properties
end

local function evaluate(c, text, parameters)
   local read = type(text) == "table" and text or assert(template.read(text))
   local plan, err = template.evaluate(read, {
      parameters = parameters, subscription = { subscriptionId = c.config.subscription, tenantId = c.config.tenant },
      tenant = c.config.tenant,
      resource_group = { name = c.config.group, location = c.config.location, id = c.azure:group_id() },
      deployment = { name = "acihost", properties = {} },
      reference = function(id, version, full) return reference(c, id, version, full) end,
   })
   return plan or error(err, 0)
end

local envelope = { type = true, name = true, apiVersion = true, dependsOn = true, scope = true, condition = true,
   copy = true, comments = true, resources = true, id = true }

--- A value without what no service reads back.
local function readable(value, path)
   if type(value) ~= "table" or getmetatable(value) == "aci.secret" then return value end
   local kept = setmetatable({}, getmetatable(value))
   for key, inner in pairs(value) do
      local hidden = key == "secureValue" or path == "" and envelope[key]
      if not hidden then kept[key] = readable(inner, path .. "/" .. tostring(key)) end
   end
   return kept
end

local function authored(resource)
   local body = readable(resource.body, "")
   if resource.type:lower() == "microsoft.keyvault/vaults/secrets" then body.properties.value = nil end
   return body
end

local function row(resource, current, changes)
   return { id = resource.id, type = resource.type, name = resource.name, current = current, changes = changes }
end

local survey

--- A nested deployment counts by what is in it; its parameters may refer to what is not there yet.
local function survey_nested(c, plan, index, rows)
   local resource = plan:resource(index)
   if not resource then
      rows[#rows + 1] = { id = plan.resources[index].id, type = plan.resources[index].type,
         name = plan.resources[index].name }
      return
   end
   local properties = resource.body.properties
   for _, each in ipairs(survey(c, evaluate(c, properties.template, properties.parameters))) do
      rows[#rows + 1] = each
   end
end

local function survey_one(c, plan, index)
   local resource, rows = plan.resources[index], {}
   if not resource.condition then return rows end
   if resource.type:lower() == nested then
      survey_nested(c, plan, index, rows)
      return rows
   end
   local current = c.azure:get(resource.id, resource.apiVersion)
   local known = current and plan:resource(index)
   rows[1] = row(resource, current, known and compare.changes(authored(known), current))
   rows[1].tagged = known and known.body.tags ~= nil or current and current.tags ~= nil
   return rows
end

--- The resources of a plan with what is there: `{id, type, name, current, changes}`, in their order.
function survey(c, plan)
   local functions, rows = {}, {}
   for index in ipairs(plan.resources) do
      functions[index] = function() return survey_one(c, plan, index) end
   end
   for index, found in ipairs(task.all(functions)) do
      for _, each in ipairs(found) do
         each.index = index
         rows[#rows + 1] = each
      end
   end
   return rows
end

local function look(c, thing)
   thing.plan = evaluate(c, thing.text, template.arguments(thing.parameters))
   thing.rows = survey(c, thing.plan)
   return thing.rows
end

--- The template as it is where all of it is due, else one of the resources that are.
local function what_is_due(thing)
   local states = {}
   for _, each in ipairs(thing.rows) do
      if not each.current then states[each.index] = "missing"
      elseif each.changes and #each.changes > 0 then states[each.index] = states[each.index] or "differs" end
   end
   local indexes = due.indexes(thing.plan, function(index) return states[index] end)
   return due.reduced(assert(template.read(thing.text)), thing.plan, indexes) or thing.text
end

function kind.read(c, thing)
   local any = false
   for _, each in ipairs(look(c, thing)) do any = any or each.current end
   return any and { rows = thing.rows } or nil
end

local function title(each) return each.type .. " " .. each.name end

--- What a plan shows of a template that is not there at all.
function kind.fresh(_, thing)
   local changes = {}
   for index, each in ipairs(thing.rows) do changes[index] = { path = title(each), whole = "create" } end
   return changes
end

function kind.differs(_, thing)
   local changes = {}
   for _, each in ipairs(thing.rows) do
      if not each.current then changes[#changes + 1] = { path = title(each), whole = "create" } end
      for _, change in ipairs(each.changes or {}) do
         changes[#changes + 1] = { path = title(each) .. " " .. change.path, old = change.old, new = change.new }
      end
   end
   return changes
end

--- What later steps take of it are ids, which stay whatever changes in it.
function kind.stays() return true end

local function is_tagged(c, each)
   return ((each.current or {}).tags or {}).acihost == c.marker
end

--- A resource that is there without our tag (Azure leaves `tags` out where there are none) is somebody else's.
function kind.foreign(c, thing)
   for _, each in ipairs(thing.rows) do
      if each.current and each.tagged and not is_tagged(c, each) then
         return ("%s has no tag acihost = %s"):format(title(each), c.marker)
      end
   end
end

local function deploy(c, thing, entry, report)
   local function note(word, text) report.note(entry.step, word, text) end
   if c.azure:wait_for_deployment(c.config.group, thing.name, note) then look(c, thing) end
   return c.azure:deploy(c.config.group, thing.name, what_is_due(thing), {
      parameters = thing.parameters, note = note,
      progress = function(operation)
         if operation.type and operation.state then
            note(operation.state:lower(), ("%s %s"):format(operation.type, operation.name))
         end
      end,
   })
end

function kind.write(c, thing, _, entry, report)
   patiently(c, thing.passing or {}, function(err)
      report.note(entry.step, "waiting", ("until Azure no longer says %s"):format(err.code))
   end, function()
      local ok, err = pcall(deploy, c, thing, entry, report)
      if ok then return end
      look(c, thing) -- what was made need not be made again
      error(err, 0)
   end)
   return { rows = look(c, thing) }
end

--- For status: each resource in a line of its own.
function kind.rows(_, thing)
   local lines = {}
   for index, each in ipairs(thing.rows or {}) do
      local differs = each.changes and #each.changes > 0
      lines[index] = { title(each), each.current and (differs and "differs" or "in place") or "absent" }
   end
   return lines
end

function kind.inside() return true end

-- What takes no tags is ours when its parent is, a role assignment when its description says so.
local function is_ours(c, rows, each)
   if each.tagged then return is_tagged(c, each) end
   local described = (each.current.properties or {}).description
   if type(described) == "string" and described:find "^acihost" then return true end
   for _, other in ipairs(rows) do
      if other.tagged and is_tagged(c, other) and each.id:find(other.id .. "/", 1, true) == 1 then return true end
   end
   return false
end

--- Where the group is not ours: our resources one by one, from the last to the first.
function kind.remove(c, thing)
   local kept
   for index = #(thing.rows or {}), 1, -1 do
      local each = thing.rows[index]
      if each.current and is_ours(c, thing.rows, each) then c.azure:delete(each.id, ids.version(each.id))
      elseif each.current then kept = title(each) end
   end
   return kept == nil, kept and kept .. " is not ours: it stays"
end

return kind
