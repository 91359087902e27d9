--- The server itself, block types, schemas and documents.
local json     = require "aci.json"
local secret   = require "aci.secret"
local prefect  = require "aci.prefect"
local checksum = require "aci.prefect.checksum"
local assert = require "luassert"

local NOBODY = "00000000-0000-4000-8000-000000000000"

--- @param t the tools of tests/contract/prefect_spec.lua
return function(t)
   local check, unique, refused = t.check, t.unique, t.refused
   local raw = t.raw
   local api
   t.setup(function() api = t.api() end)

   -- ------------------------------------------------------------------------------------- the server

   check("says which version it is", function()
      assert.equal(t.major, api:major())
      assert.equal(t.version, api:version())
      assert.is_true(api:healthy())
   end)

   check("has no CSRF tokens by default", function()
      local err = refused("GET", "/csrf-token?client=a")
      assert.equal(422, err.status)
      assert.matches("CSRF protection is disabled", err.message)
   end)

   -- -------------------------------------------------------------------------------------- block types

   check("knows the block types of the set-up that are Prefect's own", function()
      local known = { ["azure-container-instance-credentials"] = true, ["azure-container-instance-job"] = t.major == 2,
         azure = t.major == 2, string = t.major == 2 }
      for slug, wanted in pairs(known) do
         local kind = api:block_type(slug)
         assert.equal(wanted, kind ~= nil, slug)
         if kind then assert(api:block_schema(kind.id)) end
      end
      assert.is_nil(api:block_type "no-such-type")
   end)

   check("computes a schema's checksum as we do", function()
      local kind = raw("POST", "/block_types/", { name = unique "Thing", slug = unique "thing" })
      local fields = { title = "T \u{e9}\u{1F600}\n", type = "object", block_type_slug = kind.slug,
         secret_fields = json.array { "v" }, block_schema_references = json.object {},
         required = json.array { "v" }, properties = {
            v = { type = "string", title = "v", default = json.null },
            f = { type = "number", default = 240.0 }, g = { type = "number", default = 0.1 },
            i = { type = "integer", default = 3 } },
         definitions = { Used = { title = "Used" }, Unused = { title = "Unused" } } }
      fields.properties.u = { ["$ref"] = "#/definitions/Used" }
      local body = { fields = fields, block_type_id = kind.id, capabilities = json.array {}, version = "1" }
      local made, status = raw("POST", "/block_schemas/", body)
      assert.equal(201, status)
      assert.equal(checksum.of(fields), made.checksum)
      assert.equal(200, select(2, raw("POST", "/block_schemas/", body)))
      assert.equal(made.id, raw("GET", "/block_schemas/checksum/" .. made.checksum).id)
   end)

   check("refuses a type twice, a reserved name and a bad slug", function()
      local name, slug = unique "Twice", unique "twice"
      raw("POST", "/block_types/", { name = name, slug = slug })
      assert.equal(409, refused("POST", "/block_types/", { name = name, slug = slug }).status)
      assert.equal(403, refused("POST", "/block_types/", { name = "Prefect x", slug = "px" }).status)
      assert.equal(422, refused("POST", "/block_types/", { name = unique "B", slug = "B_x" }).status)
   end)

   check("refuses a schema that refers to an unknown type", function()
      local kind = raw("POST", "/block_types/", { name = unique "Nest", slug = unique "nest" })
      local err = refused("POST", "/block_schemas/", { block_type_id = kind.id, fields = {
         type = "object", properties = json.object {}, block_schema_references = {
            a = { block_type_slug = "no-such", block_schema_checksum = "sha256:11" } } } })
      assert.equal("conflict", err.kind)
      assert.matches("no%-such", err.message)
   end)

   check("takes a type of ours that the server does not know", function()
      local schemas = require "aci.prefect.schemas"
      local slug = unique "own"
      schemas[slug] = { name = slug, fields = { type = "object", block_type_slug = slug, title = slug,
         properties = { word = { type = "string" } }, secret_fields = json.array { "word" } } }
      local document, action = api:put_block { slug = slug, name = "one", data = { word = secret.new "x" } }
      schemas[slug] = nil
      assert.equal("create", action)
      assert.equal("********", document.data.word)
   end)

   -- ---------------------------------------------------------------------------------------- documents

   local function credentials(name, value)
      return api:put_block { slug = "azure-container-instance-credentials", name = name, data = {
         client_id = "c", tenant_id = "t", client_secret = secret.new(value or "first") } }
   end

   local function job(name, other, more)
      local data = { aci_credentials = prefect.ref("azure-container-instance-credentials", other),
         subscription_id = "sub", resource_group_name = "aci-rg", cpu = 1, memory = 1.0 }
      for key, value in pairs(more or {}) do data[key] = value end
      return { slug = "azure-container-instance-job", name = name, data = data }
   end

   check("hides secrets unless they are asked for", function()
      local name = unique "sp"
      credentials(name)
      local shown = api:block("azure-container-instance-credentials", name)
      assert.equal("********", shown.data.client_secret)
      assert.equal("c", shown.data.client_id)
      local real = api:block("azure-container-instance-credentials", name, { secrets = true })
      assert.is_true(secret.is(real.data.client_secret))
      assert.equal("first", secret.reveal(real.data.client_secret))
   end)

   check("gives a block by id as by name, and nothing where there is none", function()
      local made = credentials(unique "sp")
      assert.equal(made.name, api:block_by_id(made.id).name)
      assert.is_nil(api:block_by_id(NOBODY))
      assert.is_nil(api:block("string", "no-such"))
      assert.is_nil(api:block("no-such", "no-such"))
   end)

   check("reads the referred block's values, hidden too", function()
      local sp, name = unique "sp", unique "job"
      credentials(sp)
      api:put_block(job(name, sp))
      local shown = api:block("azure-container-instance-job", name)
      assert.same({ client_id = "c", tenant_id = "t", client_secret = "********" },
         shown.data.aci_credentials)
      assert.equal("********", shown.data.subscription_id)
      assert.equal(sp, shown.block_document_references.aci_credentials.block_document.name)
      local real = api:block("azure-container-instance-job", name, { secrets = true })
      assert.equal("first", secret.reveal(real.data.aci_credentials.client_secret))
      assert.equal("sub", secret.reveal(real.data.subscription_id))
   end)

   check("shows a changed secret through the reference", function()
      local sp, name = unique "sp", unique "job"
      credentials(sp)
      api:put_block(job(name, sp))
      credentials(sp, "second")
      local real = api:block("azure-container-instance-job", name, { secrets = true })
      assert.equal("second", secret.reveal(real.data.aci_credentials.client_secret))
   end)

   check("writes nothing when nothing differs, and only what differs", function()
      local sp, name = unique "sp", unique "job"
      credentials(sp)
      api:put_block(job(name, sp))
      assert.equal("none", api:block_plan(job(name, sp)).action)
      local plan = api:block_plan(job(name, sp, { cpu = 2, image = "x" }))
      assert.equal("change", plan.action)
      assert.same({ "cpu", "image" }, { plan.changes[1].path, plan.changes[2].path })
      api:block_apply(plan)
      assert.equal("none", api:block_plan(job(name, sp, { cpu = 2, image = "x" })).action)
   end)

   check("keeps a reference that a change does not speak of", function()
      local sp, name = unique "sp", unique "job"
      credentials(sp)
      api:put_block(job(name, sp))
      api:put_block { slug = "azure-container-instance-job", name = name, data = { cpu = 4 } }
      local after = api:block("azure-container-instance-job", name)
      assert.equal(4, after.data.cpu)
      assert.equal("t", after.data.aci_credentials.tenant_id)
   end)

   check("forgets references that a bare PATCH leaves out", function()
      local sp, name = unique "sp", unique "job"
      credentials(sp)
      local made = api:put_block(job(name, sp))
      raw("PATCH", "/block_documents/" .. made.id, { data = { cpu = 3 } })
      assert.is_nil(api:block_by_id(made.id).data.aci_credentials)
      assert.equal("aci-rg", api:block_by_id(made.id).data.resource_group_name)
   end)

   check("keeps a secret that is sent back as asterisks", function()
      local made = credentials(unique "sp")
      raw("PATCH", "/block_documents/" .. made.id, { data = { client_secret = "********", client_id = "d" } })
      local real = api:block_by_id(made.id, { secrets = true })
      assert.equal("first", secret.reveal(real.data.client_secret))
      assert.equal("d", real.data.client_id)
   end)

   check("replaces all data when told not to merge", function()
      local made = credentials(unique "sp")
      raw("PATCH", "/block_documents/" .. made.id,
         { data = { client_id = "z" }, merge_existing_data = false })
      assert.same({ client_id = "z" }, api:block_by_id(made.id).data)
   end)

   check("refuses a block twice, a bad name, an unknown key and an unknown reference", function()
      local kind, schema = api:register "string"
      local function body(more)
         local fields = { name = unique "b", data = { value = "v" }, block_schema_id = schema.id,
            block_type_id = kind.id }
         for key, value in pairs(more) do fields[key] = value end
         return fields
      end
      local first = body {}
      raw("POST", "/block_documents/", first)
      local err = refused("POST", "/block_documents/", first)
      assert.equal("conflict", err.kind)
      assert.matches("Block already exists", err.message)
      assert.equal(422, refused("POST", "/block_documents/", body { name = "Bad_Name" }).status)
      assert.matches("body.bogus", refused("POST", "/block_documents/", body { bogus = 1 }).message)
      assert.equal(409, refused("POST", "/block_documents/", body { block_schema_id = NOBODY }).status)
      local link = { value = { ["$ref"] = { block_document_id = NOBODY } } }
      assert.equal(409, refused("POST", "/block_documents/", body { data = link }).status)
   end)

   check("never repeats a refused body in our error", function()
      local kind, schema = api:register "string"
      local err = refused("POST", "/block_documents/", { name = "Bad_Name", data = { value = "hush-hush" },
         block_schema_id = schema.id, block_type_id = kind.id })
      assert.is_nil(json.encode(err.details or json.null):find("hush-hush", 1, true))
      assert.is_nil(tostring(err):find("hush-hush", 1, true))
   end)

   check("deletes a block once", function()
      local name = unique "word"
      api:put_block { slug = "string", name = name, data = { value = "v" } }
      assert.is_true(api:delete_block("string", name))
      assert.is_false(api:delete_block("string", name))
      assert.equal("not_found", refused("DELETE", "/block_documents/" .. NOBODY).kind)
   end)

   check("lists the blocks of a type", function()
      local name = unique "word"
      api:put_block { slug = "string", name = name, data = { value = "v" } }
      local found
      for _, each in ipairs(api:blocks "string") do found = found or each.name == name end
      assert.is_true(found)
   end)
end
