--- Block types, block schemas, block documents. A document's data is kept apart (it may be secret), with
-- references as `{ ["$ref"] = { block_document_id = ... } }`.
local json     = require "aci.json"
local checksum = require "aci.prefect.checksum"
local refuse   = require "sim.refuse"
local check    = require "sim.prefect.check"
local filters  = require "sim.prefect.filters"
local objects  = require "sim.prefect.objects"
local related  = require "sim.prefect.related"
local version  = require "sim.prefect.version"

local STARS = "********"
local INTEGRITY = "Data integrity conflict. This usually means a unique or foreign key constraint was "
   .. "violated. See server logs for details."

local function block_type(state, id)
   return objects.get(state, "block_type", id)
end

local function by_slug(state, slug)
   return objects.list(state, "block_type", slug)[1]
end

local function schema_view(state, row)
   local body, kind = row.body, block_type(state, row.parent)
   body.fields.block_schema_references = body.fields.block_schema_references or json.object {}
   body.block_type = kind and kind.body or json.null
   return body
end

-- ---------------------------------------------------------------------------------------- documents

local function reference_id(value)
   local link = type(value) == "table" and value["$ref"]
   return type(link) == "table" and link.block_document_id or nil
end

local function obscure(data, path)
   local key, rest = path:match "^([^.]+)%.(.+)$"
   key = key or path
   if key == "*" then
      for name in pairs(data) do obscure(data, name) end
      return
   end
   local value = data[key]
   if value == nil or value == json.null then return end
   if rest then
      if type(value) == "table" then obscure(value, rest) end
   else
      data[key] = STARS
   end
end

local function copy(value)
   if type(value) ~= "table" then return value end
   return assert(json.decode(json.encode(value)))
end

local document_data

local function links_of(state, row)
   local links = json.object {}
   for field, value in pairs(row.private) do
      local other = objects.get(state, "block_document", reference_id(value))
      if other then
         links[field] = { block_document = { id = other.id, name = other.body.name,
            block_type = block_type(state, other.body.block_type_id).body,
            is_anonymous = other.body.is_anonymous, block_document_references = links_of(state, other) } }
      end
   end
   return links
end

--- The values, references replaced by what they point at; a reference whose block is gone is absent.
function document_data(state, row, secrets)
   local data = json.object {}
   for field, value in pairs(row.private) do
      local id = reference_id(value)
      if id then
         local other = objects.get(state, "block_document", id)
         data[field] = other and document_data(state, other, secrets)
      else
         data[field] = copy(value)
      end
   end
   local schema = objects.get(state, "block_schema", row.body.block_schema_id)
   if not secrets and schema then
      for _, path in ipairs(schema.body.fields.secret_fields or {}) do obscure(data, path) end
   end
   return data
end

local function document_view(state, row, secrets)
   local body = row.body
   local schema = objects.get(state, "block_schema", body.block_schema_id)
   local kind = block_type(state, body.block_type_id)
   body.block_schema = schema and schema_view(state, schema) or json.null
   body.block_type, body.block_type_name = kind.body, kind.body.name
   body.data = document_data(state, row, secrets)
   body.block_document_references = links_of(state, row)
   return body
end

local function wants_secrets(req)
   return req.query.include_secrets == "true" or req.query.include_secrets == "True"
end

--- Every reference must point at a block that is there.
local function check_references(req, data)
   for _, value in pairs(data) do
      if type(value) == "table" and value["$ref"] ~= nil then
         local id = reference_id(value)
         refuse.unless(id, version.pick(500, 400), "exception", "Internal Server Error")
         refuse.unless(objects.get(req.state, "block_document", id), 409, "detail", INTEGRITY)
      end
   end
end

local DOCUMENT = { name = "block_name", data = "object", block_schema_id = "uuid!", block_type_id = "uuid!",
   is_anonymous = "boolean", block_type_name = "string", block_schema = "any", block_type = "any" }

local function document_named(req)
   local kind = by_slug(req.state, req.params.slug)
   return kind and objects.find(req.state, "block_document", req.params.name, kind.id)
end

-- A name that is refused is none either, as Prefect 2 sees it.
local function check_named(body, faults)
   local named = type(body.name) == "string"
   for _, each in ipairs(version.is(2) and faults or {}) do named = named and each.loc[2] ~= "name" end
   if body.is_anonymous ~= true and not named then
      check.whole(faults, "Names must be provided for block documents.", body)
   end
end

local function create_document(req)
   local body, state = check.body(req, DOCUMENT, check_named), req.state
   local name, anonymous = body.name ~= json.null and body.name or nil, body.is_anonymous == true
   if anonymous then name = name or "anonymous-" .. req.id end
   refuse.unless(block_type(state, body.block_type_id)
      and objects.get(state, "block_schema", body.block_schema_id), 409, "detail", INTEGRITY)
   refuse.when(objects.find(state, "block_document", name, body.block_type_id), 409, "detail",
      "Block already exists")
   check_references(req, body.data or {})
   local row = objects.add(state, { kind = "block_document", parent = body.block_type_id, name = name,
      private = body.data or {}, body = { name = name, is_anonymous = anonymous,
         block_schema_id = body.block_schema_id, block_type_id = body.block_type_id } })
   return 201, document_view(state, row, false)
end

--- A secret sent back as asterisks keeps its old value.
local function keep_hidden(state, row, data)
   local shown = document_data(state, row, false)
   for field, value in pairs(data) do
      if value == STARS and shown[field] == STARS then data[field] = row.private[field] end
   end
   return data
end

--- As the server does: merging starts from the plain values, so a reference that is not sent again is
-- forgotten.
local function merged(row, data)
   local out = {}
   for field, value in pairs(row.private) do
      if not reference_id(value) then out[field] = value end
   end
   for field, value in pairs(data) do out[field] = value end
   return out
end

-- The route itself takes ids only: what is none is no route.
local function one_document(req)
   refuse.unless(check.is_id(req.params.id), 404, "detail", "Not Found")
   return refuse.unless(objects.get(req.state, "block_document", check.id(req)), 404, "detail",
      "Block document not found")
end

local function change_document(req)
   local body = check.body(req, { data = "object", block_schema_id = "uuid",
      merge_existing_data = "boolean" })
   local row = one_document(req)
   local data = keep_hidden(req.state, row, body.data or {})
   check_references(req, data)
   if body.merge_existing_data == false then row.private = data else row.private = merged(row, data) end
   if type(body.block_schema_id) == "string" then
      refuse.unless(objects.get(req.state, "block_schema", body.block_schema_id), 409, "detail", INTEGRITY)
      row.body.block_schema_id = body.block_schema_id
   end
   objects.save(req.state, row)
   return 204
end

local function views(req, rows, secrets)
   local list = json.array {}
   for _, row in ipairs(rows) do list[#list + 1] = document_view(req.state, row, secrets) end
   return list
end

local KINDS = { "block_documents", "block_types", "block_schemas" }

local SORTS = { "NAME_DESC", "NAME_ASC", "BLOCK_TYPE_AND_NAME_ASC", default = "NAME_ASC" }

-- What the system made for itself is shown only where it is asked for.
local function matching(req, asked)
   local wanted, found = asked.block_documents or {}, {}
   if wanted.is_anonymous == nil then wanted.is_anonymous = { eq_ = false } end
   for _, row in ipairs(objects.list(req.state, "block_document")) do
      local kind = block_type(req.state, row.body.block_type_id)
      local schema = objects.get(req.state, "block_schema", row.body.block_schema_id)
      if filters.match(row.body, wanted) and filters.match(kind.body, asked.block_types or {})
         and filters.match(schema.body, asked.block_schemas or {}) then found[#found + 1] = row end
   end
   return found
end

local function documents(prefect)
   prefect:route("POST /api/block_documents", { anonymous = true }, create_document)
   prefect:route("PATCH /api/block_documents/:id", { anonymous = true }, change_document)
   prefect:route("GET /api/block_documents/:id", { anonymous = true }, function(req)
      return 200, document_view(req.state, one_document(req), wants_secrets(req))
   end)
   prefect:route("DELETE /api/block_documents/:id", { anonymous = true }, function(req)
      objects.delete(req.state, "block_document", one_document(req).id)
      return 204
   end)
   prefect:route("GET /api/block_types/slug/:slug/block_documents/name/:name", { anonymous = true },
      function(req)
         local row = refuse.unless(document_named(req), 404, "detail", "Block document not found")
         return 200, document_view(req.state, row, wants_secrets(req))
      end)
   prefect:route("GET /api/block_types/slug/:slug/block_documents", { anonymous = true }, function(req)
      local kind = refuse.unless(by_slug(req.state, req.params.slug), 404, "detail", "Block type not found")
      return 200, views(req, objects.list(req.state, "block_document", kind.id), wants_secrets(req))
   end)
   prefect:route("POST /api/block_documents/filter", { anonymous = true, write = false }, function(req)
      local asked = filters.read(req, KINDS, SORTS)
      return 200, filters.page(views(req, matching(req, asked), req:json().include_secrets == true), asked)
   end)
   prefect:route("POST /api/block_documents/count", { anonymous = true, write = false }, function(req)
      return related.count(#matching(req, filters.read(req, KINDS)))
   end)
end

-- -------------------------------------------------------------------------------------------- types

local TYPE = { name = "name!", slug = "slug!", logo_url = "string", documentation_url = "string",
   description = "string", code_example = "string" }

local function create_type(req)
   local body, state = check.body(req, TYPE), req.state
   refuse.when(body.name:lower():find "^prefect", 403, "detail",
      "Block type names beginning with 'Prefect' are reserved.")
   refuse.when(objects.find(state, "block_type", body.name) or by_slug(state, body.slug), 409, "detail",
      ('Block type with name "%s" already exists'):format(body.name))
   for _, key in ipairs { "logo_url", "documentation_url", "description", "code_example" } do
      body[key] = body[key] or json.null
   end
   body.is_protected = false
   return 201, objects.add(state, { kind = "block_type", parent = body.slug, body = body }).body
end

local function one_type(req)
   return refuse.unless(block_type(req.state, check.id(req)), 404, "detail", "Block type not found")
end

local function has_schema(state, kind, filter)
   if not filter then return true end
   for _, row in ipairs(objects.list(state, "block_schema", kind.id)) do
      if filters.match(row.body, filter) then return true end
   end
   return false
end

local function block_types(prefect)
   prefect:route("POST /api/block_types", { anonymous = true }, create_type)
   prefect:route("GET /api/block_types/slug/:slug", { anonymous = true }, function(req)
      return 200, refuse.unless(by_slug(req.state, req.params.slug), 404, "detail",
         "Block type not found").body
   end)
   prefect:route("GET /api/block_types/:id", { anonymous = true }, function(req)
      return 200, one_type(req).body
   end)
   prefect:route("PATCH /api/block_types/:id", { anonymous = true }, function(req)
      local body = check.body(req, { logo_url = "string", documentation_url = "string",
         description = "string", code_example = "string" })
      local row = one_type(req)
      for key, value in pairs(body) do row.body[key] = value end
      objects.save(req.state, row)
      return 204
   end)
   prefect:route("DELETE /api/block_types/:id", { anonymous = true }, function(req)
      local row = one_type(req)
      objects.delete_under(req.state, "block_document", row.id)
      objects.delete_under(req.state, "block_schema", row.id)
      objects.delete(req.state, "block_type", row.id)
      return 204
   end)
   prefect:route("POST /api/block_types/filter", { anonymous = true, write = false }, function(req)
      local asked, found = filters.read(req, { "block_types", "block_schemas" }), {}
      for _, row in ipairs(objects.list(req.state, "block_type")) do
         if filters.match(row.body, asked.block_types or {}) and has_schema(req.state, row, asked.block_schemas) then
            found[#found + 1] = row.body
         end
      end
      table.sort(found, function(a, b) return a.name < b.name end)
      return 200, filters.page(found, asked)
   end)
end

-- ------------------------------------------------------------------------------------------ schemas

local SCHEMA = { fields = "object", block_type_id = "uuid!", capabilities = "array", version = "string" }

local function check_nested(state, fields)
   for _, link in pairs(fields.block_schema_references or {}) do
      for _, each in ipairs(json.is_array(link) and link or { link }) do
         refuse.unless(by_slug(state, each.block_type_slug), 409, "detail",
            ("Cannot create block schema because block type '%s' was not found."):format(each.block_type_slug)
            .. "Did you forget to register the block type?")
      end
   end
end

local function find_schema(state, sum, wanted)
   local found
   for _, row in ipairs(objects.list(state, "block_schema")) do
      if row.body.checksum == sum and (not wanted or row.body.version == wanted) then found = row end
   end
   return found
end

local function create_schema(req)
   local body, state = check.body(req, SCHEMA), req.state
   local fields, said = body.fields or {}, body.version or "non-versioned"
   refuse.unless(block_type(state, body.block_type_id), 404, "detail",
      ("Block type %s not found."):format(body.block_type_id))
   check_nested(state, fields)
   local sum = checksum.of(fields)
   local there = find_schema(state, sum, said)
   if there then return 200, schema_view(state, there) end
   local row = objects.add(state, { kind = "block_schema", parent = body.block_type_id, name = sum, body = {
      checksum = sum, fields = fields, block_type_id = body.block_type_id, version = said,
      capabilities = body.capabilities or json.array {} } })
   return 201, schema_view(state, row)
end

local function block_schemas(prefect)
   prefect:route("POST /api/block_schemas", { anonymous = true }, create_schema)
   prefect:route("GET /api/block_schemas/checksum/:sum", { anonymous = true }, function(req)
      local row = find_schema(req.state, req.params.sum, req.query.version)
      return 200, schema_view(req.state, refuse.unless(row, 404, "detail", "Block schema not found"))
   end)
   prefect:route("GET /api/block_schemas/:id", { anonymous = true }, function(req)
      local row = objects.get(req.state, "block_schema", check.id(req))
      return 200, schema_view(req.state, refuse.unless(row, 404, "detail", "Block schema not found"))
   end)
   prefect:route("POST /api/block_schemas/filter", { anonymous = true, write = false }, function(req)
      local asked, found = filters.read(req, { "block_schemas" }), {}
      for _, row in ipairs(objects.list(req.state, "block_schema")) do
         if filters.match(row.body, asked.block_schemas or {}) then
            table.insert(found, 1, schema_view(req.state, row))
         end
      end
      return 200, filters.page(found, asked)
   end)
end

return function(prefect)
   documents(prefect)
   block_types(prefect)
   block_schemas(prefect)
end
