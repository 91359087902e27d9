--- The block types that a fresh server knows: those of the set-up, with our own minimal schemas.
local json     = require "aci.json"
local schemas  = require "aci.prefect.schemas"
local checksum = require "aci.prefect.checksum"
local objects  = require "sim.prefect.objects"
local version  = require "sim.prefect.version"

local catalogue = {}

-- Referred types before those that refer to them. Prefect 3 knows none of the first any more.
local ORDERS = {
   [2] = { "string", "azure", "azure-container-instance-credentials", "docker-registry",
      "azure-container-instance-job" },
   [3] = { "azure-container-instance-credentials", "azure-blob-storage-credentials" },
}

local function copy(map)
   local out = {}
   for key, value in pairs(map) do out[key] = value end
   return out
end

local function add_type(state, slug, own)
   return objects.add(state, { kind = "block_type", parent = slug, body = {
      name = own.name, slug = slug, description = own.description, logo_url = json.null,
      documentation_url = json.null, code_example = json.null, is_protected = false } })
end

local function add_schema(state, kind, own, sums)
   local fields, references = copy(own.fields), json.object {}
   for field, slug in pairs(own.references or {}) do
      references[field] = { block_type_slug = slug, block_schema_checksum = sums[slug] }
   end
   fields.block_schema_references = references
   local sum = checksum.of(fields)
   objects.add(state, { kind = "block_schema", parent = kind.id, name = sum, body = {
      checksum = sum, fields = fields, block_type_id = kind.id, version = "acihost",
      capabilities = json.array(own.capabilities or {}) } })
   return sum
end

--- Adds what is missing.
function catalogue.register(state)
   local sums = {}
   for _, slug in ipairs(ORDERS[version.major]) do
      local own = schemas[slug]
      if not objects.find(state, "block_type", own.name) then
         sums[slug] = add_schema(state, add_type(state, slug, own), own, sums)
      end
   end
end

return catalogue
