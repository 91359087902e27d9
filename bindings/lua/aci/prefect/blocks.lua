--- Block types, schemas and documents.

local json    = require "aci.json"
local secret  = require "aci.secret"
local fail    = require "aci.error"
local schemas = require "aci.prefect.schemas"
local escape  = require("aci.http").escape

local blocks = {}

-- Ids and names of accounts: the schemas call them secret, and every address has them.
local function named_elsewhere(key)
   return key:find "_id$" or key:find "account_name$" or key:find "container$"
end

--- Puts every value that the schema calls secret into an aci.secret. A path is "key", "child.key" or
-- "dict.*".
local function hide(data, path)
   local key, rest = path:match "^([^.]+)%.(.+)$"
   key = key or path
   if key == "*" then
      for name in pairs(data) do hide(data, name) end
      return
   end
   local value = data[key]
   if type(value) == "table" and rest then
      hide(value, rest)
   elseif type(value) == "string" then
      data[key] = named_elsewhere(key) and secret.formal(value) or secret.new(value)
   end
end

local function protect(document)
   local fields = document.block_schema and document.block_schema.fields or {}
   for _, path in ipairs(fields.secret_fields or {}) do hide(document.data, path) end
   return document
end

local function read(self, path, options)
   local with = options and options.secrets
   local document = self:request("GET", path, { missing = true, secret_body = with,
      query = { include_secrets = with and "true" or nil } })
   return document and with and protect(document) or document
end

--- A block by its type's slug and its name; nil where there is none.
-- @param options `secrets = true` gives the real values, the secret ones as aci.secret; else those are
--   eight asterisks
function blocks:block(slug, name, options)
   local path = ("/block_types/slug/%s/block_documents/name/%s"):format(escape(slug), escape(name))
   return read(self, path, options)
end

--- A block by its id; nil where there is none.
function blocks:block_by_id(id, options)
   return read(self, "/block_documents/" .. id, options)
end

--- All blocks of one type, without secrets.
function blocks:blocks(slug)
   local path = ("/block_types/slug/%s/block_documents"):format(escape(slug))
   return self:request("GET", path, { missing = true }) or {}
end

function blocks:delete_block(slug, name)
   local document = self:block(slug, name)
   if not document then return false end
   self:request("DELETE", "/block_documents/" .. document.id, { missing = true })
   return true
end

--- A block type by slug; nil where the server does not know it.
function blocks:block_type(slug)
   return (self:request("GET", "/block_types/slug/" .. escape(slug), { missing = true }))
end

--- The newest schema that the server has for a type; nil where it has none.
function blocks:block_schema(type_id)
   local found = self:request("POST", "/block_schemas/filter", {
      json = { block_schemas = { block_type_id = { any_ = { type_id } } }, limit = 1 },
   })
   return found[1]
end

local function own_type(slug)
   local own = schemas[slug]
   if not own then
      fail.raise { kind = "not_found", code = "block_type",
         message = ("the Prefect server has no block type %q, and acihost brings none"):format(slug) }
   end
   return own
end

--- Another program may register the type between our look and our POST: the 409 means that it is there.
local function create_type(self, slug, own)
   local ok, made = pcall(self.request, self, "POST", "/block_types/", { json = {
      name = own.name, slug = slug, description = own.description } })
   if ok then return made end
   if fail.is(made, "conflict") then return assert(self:block_type(slug)) end
   error(made, 0)
end

--- The fields as the server wants them: nested references carry the checksum of the other's schema.
local function fields_of(self, own)
   local fields, references = {}, json.object {}
   for key, value in pairs(own.fields) do fields[key] = value end
   for field, slug in pairs(own.references or {}) do
      local _, child = self:register(slug)
      references[field] = { block_type_slug = slug, block_schema_checksum = child.checksum }
   end
   fields.block_schema_references = references
   return fields
end

local function create_schema(self, kind, own)
   return (self:request("POST", "/block_schemas/", { json = {
      fields = fields_of(self, own), block_type_id = kind.id,
      capabilities = json.array(own.capabilities or {}), version = own.version or "acihost" } }))
end

--- The type and the schema to write documents with: what the server has, else our own, registered.
-- @return block type, block schema
function blocks:register(slug)
   local kind = self:block_type(slug)
   local schema = kind and self:block_schema(kind.id)
   if schema then return kind, schema end
   local own = own_type(slug)
   kind = kind or create_type(self, slug, own)
   return kind, create_schema(self, kind, own)
end

return blocks
