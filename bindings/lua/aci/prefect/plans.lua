--- Read, compare, write only the difference: blocks and deployments.
-- A plan is `{ kind, id, action = "create" | "change" | "none", changes = { { path, old, new } }, ... }`;
-- only what the caller authored is compared. `apply` gives what then exists.

local json   = require "aci.json"
local fail   = require "aci.error"
local ref    = require "aci.prefect.ref"
local differ = require "aci.prefect.differ"

local plans = {}

--- A stored reference, told by the other block's type and name.
local function stored_reference(document, field)
   local link = (document.block_document_references or {})[field]
   local other = link and link.block_document
   if not other then return nil end
   return ref.new(other.block_type.slug, other.name), other.id
end

--- What a document holds now, with references in place of the data that the server read through them.
local function current(document)
   local data = {}
   for field, value in pairs(document.data) do
      data[field] = stored_reference(document, field) or value
   end
   return data
end

local function action(have, changes)
   if not have then return "create" end
   return #changes > 0 and "change" or "none"
end

--- Compares a block with what should be there.
-- @param want `slug`, `name`, `data` (values; secrets as aci.secret; references by `prefect.ref`)
function plans:block_plan(want)
   local have = self:block(want.slug, want.name, { secrets = true })
   local changes = differ.changes(have and current(have) or {}, want.data)
   return { kind = "block", id = want.slug .. "/" .. want.name, want = want, have = have,
      changes = changes, action = action(have, changes) }
end

local function resolve(self, link)
   local other = self:block(link.slug, link.name)
   if not other then
      fail.raise { kind = "not_found", code = "block",
         message = ("block %s does not exist yet"):format(link) }
   end
   return ref.encode(other.id)
end

local function encode(self, data)
   local out = json.object {}
   for field, value in pairs(data) do
      out[field] = ref.is(value) and resolve(self, value) or value
   end
   return out
end

local function create_block(self, want)
   local kind, schema = self:register(want.slug)
   return (self:request("POST", "/block_documents/", { json = {
      name = want.name, data = encode(self, want.data), is_anonymous = false,
      block_schema_id = schema.id, block_type_id = kind.id } }))
end

--- A PATCH merges the values but forgets every reference that it does not name (seen on 2.20.25),
-- so those that we did not author are sent along.
local function change_block(self, want, have)
   local data = encode(self, want.data)
   for field in pairs(have.block_document_references or {}) do
      local _, id = stored_reference(have, field)
      if data[field] == nil and id then data[field] = ref.encode(id) end
   end
   self:request("PATCH", "/block_documents/" .. have.id, { json = { data = data } })
   return self:block_by_id(have.id)
end

local function create_or_change(self, want)
   local ok, made = pcall(create_block, self, want)
   if ok then return made end
   local there = fail.is(made, "conflict") and self:block(want.slug, want.name, { secrets = true })
   if not there then error(made, 0) end
   return change_block(self, want, there)
end

--- Carries out a block plan; what is already right is not written.
-- @return the document, without secrets
function plans:block_apply(plan)
   if plan.action == "none" then return plan.have end
   if plan.action == "change" then return change_block(self, plan.want, plan.have) end
   return create_or_change(self, plan.want)
end

--- Plan and apply in one: `api:put_block { slug =, name =, data = }`.
-- @return the document, and the plan's action
function plans:put_block(want)
   local plan = self:block_plan(want)
   return self:block_apply(plan), plan.action
end

--- Compares a deployment with what should be there.
-- @param want `flow`, `name`, and fields of `POST /deployments/`; `storage` and `infrastructure` may be
--   `prefect.ref`s instead of ids
function plans:deployment_plan(want)
   local have = self:deployment(want.flow, want.name)
   local fields = self:deployment_fields(want)
   local changes = differ.changes(have or {}, fields)
   return { kind = "deployment", id = want.flow .. "/" .. want.name, want = want, have = have,
      changes = changes, action = action(have, changes) }
end

--- Carries out a deployment plan. The server's POST is an upsert by flow and name.
function plans:deployment_apply(plan)
   if plan.action == "none" then return plan.have end
   return self:write_deployment(plan.want)
end

--- Plan and apply in one.
function plans:put_deployment(want)
   local plan = self:deployment_plan(want)
   return self:deployment_apply(plan), plan.action
end

return plans
