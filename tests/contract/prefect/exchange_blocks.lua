--- Block types, schemas, documents, request by request. Each call of `ask` is a row of the table: the answer's
-- status and whole body are compared between the local cloud and the real server.
local json = require "aci.json"

local NOBODY = "00000000-0000-4000-8000-000000000000"

local function types(ask)
   ask("the health", "GET", "/health")
   ask("the version", "GET", "/admin/version")
   ask("ready", "GET", "/ready")
   ask("hello", "GET", "/hello")
   ask("a type that is none", "GET", "/block_types/slug/no-such-type")
   ask("a type by an unknown id", "GET", "/block_types/" .. NOBODY)
   ask("a type by no id", "GET", "/block_types/abc")
   local made = ask("a new type", "POST", "/block_types/", { name = "Ours", slug = "ours",
      logo_url = "https://example.org/a.png", description = "d" })
   ask("a type a second time", "POST", "/block_types/", { name = "Ours", slug = "ours" })
   ask("a type without a slug", "POST", "/block_types/", { name = "Slugless" })
   ask("a type with a bad slug", "POST", "/block_types/", { name = "Bad", slug = "Bad_Slug" })
   ask("a type with a bad name", "POST", "/block_types/", { name = "a/b", slug = "ab" })
   ask("a type with a reserved name", "POST", "/block_types/", { name = "Prefect Ours", slug = "po" })
   ask("a type with an unknown field", "POST", "/block_types/", { name = "Q", slug = "q", colour = "red" })
   ask("a type by id", "GET", "/block_types/" .. made.id)
   ask("a changed type", "PATCH", "/block_types/" .. made.id, { description = "other" })
   ask("the changed type", "GET", "/block_types/slug/ours")
   ask("types by name", "POST", "/block_types/filter", { block_types = { name = { like_ = "Ours" } } })
   ask("types by slug", "POST", "/block_types/filter", { block_types = { slug = { any_ = { "ours" } } } })
end

local function fields(slug, more)
   local out = { title = slug, type = "object", block_type_slug = slug, secret_fields = json.array { "word" },
      block_schema_references = json.object {}, properties = { word = { title = "Word", type = "string" },
         size = { title = "Size", type = "integer", default = 3 } }, required = json.array { "word" } }
   for key, value in pairs(more or {}) do out[key] = value end
   return out
end

local function schemas(ask)
   local kind = ask("its type", "POST", "/block_types/", { name = "Schemed", slug = "schemed" })
   local body = { block_type_id = kind.id, fields = fields "schemed", capabilities = json.array { "read" },
      version = "1.2" }
   local made = ask("a new schema", "POST", "/block_schemas/", body)
   ask("a schema a second time", "POST", "/block_schemas/", body)
   ask("a schema by id", "GET", "/block_schemas/" .. made.id)
   ask("a schema by an unknown id", "GET", "/block_schemas/" .. NOBODY)
   ask("a schema by checksum", "GET", "/block_schemas/checksum/" .. made.checksum)
   ask("a schema by an unknown checksum", "GET", "/block_schemas/checksum/sha256:00")
   ask("schemas of a type", "POST", "/block_schemas/filter",
      { block_schemas = { block_type_id = { any_ = { kind.id } } } })
   ask("schemas by capability", "POST", "/block_schemas/filter", { block_schemas = {
      block_type_id = { any_ = { kind.id } }, block_capabilities = { all_ = { "write" } } } })
   ask("a schema of no type", "POST", "/block_schemas/", { fields = fields "x" })
   ask("a schema of an unknown type", "POST", "/block_schemas/", { block_type_id = NOBODY, fields = fields "x" })
   ask("a schema with an unknown field", "POST", "/block_schemas/", { block_type_id = kind.id,
      fields = fields "x", colour = "red" })
end

local function make_kind(ask, slug, more)
   local kind = ask("type " .. slug, "POST", "/block_types/", { name = slug, slug = slug })
   local schema = ask("schema of " .. slug, "POST", "/block_schemas/", { block_type_id = kind.id,
      fields = fields(slug, more), capabilities = json.array {} })
   return kind, schema
end

local function documents(ask)
   local kind, schema = make_kind(ask, "boxed")
   local function body(name, data, more)
      local out = { name = name, data = data, block_schema_id = schema.id, block_type_id = kind.id }
      for key, value in pairs(more or {}) do out[key] = value end
      return out
   end
   local at = "/block_types/slug/boxed/block_documents"
   local made = ask("a new document", "POST", "/block_documents/", body("one", { word = "hush", size = 1 }))
   ask("a document a second time", "POST", "/block_documents/", body("one", { word = "hush" }))
   ask("masked by name", "GET", at .. "/name/one")
   ask("unmasked by name", "GET", at .. "/name/one?include_secrets=true")
   ask("masked by id", "GET", "/block_documents/" .. made.id)
   ask("unmasked by id", "GET", "/block_documents/" .. made.id .. "?include_secrets=true")
   ask("an unknown name", "GET", at .. "/name/none")
   ask("a name of an unknown type", "GET", "/block_types/slug/none/block_documents/name/one")
   ask("documents of an unknown type", "GET", "/block_types/slug/none/block_documents")
   ask("an unknown id", "GET", "/block_documents/" .. NOBODY)
   ask("no id", "GET", "/block_documents/abc")
   ask("overwritten in part", "PATCH", "/block_documents/" .. made.id, { data = { size = 2 } })
   ask("after that", "GET", at .. "/name/one?include_secrets=true")
   ask("overwritten with asterisks", "PATCH", "/block_documents/" .. made.id, { data = { word = "********" } })
   ask("after the asterisks", "GET", at .. "/name/one?include_secrets=true")
   ask("overwritten whole", "PATCH", "/block_documents/" .. made.id,
      { data = { word = "new" }, merge_existing_data = false })
   ask("after it was whole", "GET", at .. "/name/one?include_secrets=true")
   ask("an unknown document overwritten", "PATCH", "/block_documents/" .. NOBODY, { data = { size = 2 } })
   ask("overwritten with an unknown field", "PATCH", "/block_documents/" .. made.id, { colour = "red" })
   ask("a bad name", "POST", "/block_documents/", body("Bad_Name", json.object {}))
   ask("no name", "POST", "/block_documents/", body(nil, json.object {}))
   ask("no type", "POST", "/block_documents/", { name = "x", data = json.object {}, block_schema_id = schema.id })
   ask("an unknown schema", "POST", "/block_documents/", body("x", json.object {}, { block_schema_id = NOBODY }))
   ask("a type that is no id", "POST", "/block_documents/", body("x", json.object {}, { block_type_id = "abc" }))
   ask("data that is no object", "POST", "/block_documents/", body("x", "text"))
   ask("an unknown field", "POST", "/block_documents/", body("x", json.object {}, { colour = "red" }))
   ask("a second one", "POST", "/block_documents/", body("two", { word = "b" }))
   ask("all of a type", "GET", at)
   ask("all of a type by name", "GET", at .. "?block_documents.name.any_=two")
   ask("a page of one", "POST", "/block_documents/filter", { limit = 1, offset = 1,
      block_types = { slug = { any_ = { "boxed" } } } })
   ask("a filter with an unknown field", "POST", "/block_documents/filter",
      { block_documents = { colour = { any_ = { "red" } } } })
   ask("too large a page", "POST", "/block_documents/filter", { limit = 500 })
   ask("deleted", "DELETE", "/block_documents/" .. made.id)
   ask("deleted again", "DELETE", "/block_documents/" .. made.id)
end

local function references(ask)
   local inner_kind, inner_schema = make_kind(ask, "inner")
   local outer_kind, outer_schema = make_kind(ask, "outer", { secret_fields = json.array { "link.word", "map.*" },
      properties = { link = { ["$ref"] = "#/definitions/inner" }, map = { type = "object" },
         plain = { type = "string" } },
      block_schema_references = { link = { block_type_slug = "inner",
         block_schema_checksum = inner_schema.checksum } },
      definitions = { inner = fields "inner" }, required = json.array {} })
   local function make(title, kind, schema, name, data)
      return ask(title, "POST", "/block_documents/", { name = name, data = data, block_type_id = kind.id,
         block_schema_id = schema.id })
   end
   local inner = make("the inner one", inner_kind, inner_schema, "in", { word = "deep", size = 7 })
   local link = { ["$ref"] = { block_document_id = inner.id } }
   local outer = make("the outer one", outer_kind, outer_schema, "out",
      { link = link, map = { a = "1", b = "2" }, plain = "seen" })
   local at = "/block_documents/" .. outer.id
   ask("nested, masked", "GET", at)
   ask("nested, unmasked", "GET", at .. "?include_secrets=true")
   ask("the schema with its reference", "GET", "/block_schemas/" .. outer_schema.id)
   ask("the inner one changed", "PATCH", "/block_documents/" .. inner.id, { data = { word = "deeper" } })
   ask("nested after a change", "GET", at .. "?include_secrets=true")
   ask("the reference sent again", "PATCH", at, { data = { link = link, plain = "x" } })
   ask("the reference kept", "GET", at .. "?include_secrets=true")
   ask("the reference left out", "PATCH", at, { data = { plain = "y" } })
   ask("the reference gone", "GET", at)
   make("a reference to nobody", outer_kind, outer_schema, "bad", { link = { ["$ref"] = {
      block_document_id = NOBODY } } })
   local second = make("another outer one", outer_kind, outer_schema, "out-2", { link = link })
   ask("the inner one deleted", "DELETE", "/block_documents/" .. inner.id)
   ask("the outer one without it", "GET", "/block_documents/" .. second.id)
end

return { { "types", types }, { "schemas", schemas }, { "documents", documents }, { "references", references } }
