--- Raw calls to Blob storage for specs, signed or not, against a local cloud in this process.
local aci_xml    = require "aci.xml"
local clock      = require "aci.clock"
local crypto     = require "aci.crypto"
local fs         = require "aci.fs"
local http       = require "aci.http"
local secret     = require "aci.secret"
local shared_key = require "aci.auth.shared_key"

local calls = {}
calls.__index = calls

--- Makes an account and gives its caller: name, id (of the resource), keys.
-- @param properties of the account
function calls.open(cloud, name, properties)
   local path = "/resourceGroups/rg/providers/Microsoft.Storage/storageAccounts/" .. name
   assert(cloud:arm("PUT", path, "2022-09-01", { location = "northeurope", kind = "StorageV2",
      sku = { name = "Standard_RAGRS" }, properties = properties or {} }) == 202)
   local _, body = cloud:arm("POST", path .. "/listKeys", "2022-09-01")
   local _, row = cloud:arm("GET", path, "2022-09-01")
   return setmetatable({ cloud = cloud, name = name, id = row.id, path = path,
      keys = { body.keys[1].value, body.keys[2].value } }, calls)
end

-- "bytes" of an answer: what a file or a part of one holds.
local function text_of(body)
   if type(body) ~= "table" then
      return body
   elseif body.length == 0 then
      return ""
   end
   return assert(fs.read(body.file, { offset = body.offset, limit = body.length }))
end

local function defaults(self, options)
   local headers = { ["x-ms-version"] = "2023-11-03", ["x-ms-date"] = clock.http_date(clock.now()) }
   for name, value in pairs(options.headers or {}) do
      headers[name] = value or nil
   end
   if options.method == "PUT" and not options.no_length and not headers["content-length"] then
      headers["content-length"] = tostring(#(options.body or ""))
   end
   return headers, ("https://%s.blob.core.windows.net%s"):format(options.host or self.name, options.path)
end

--- One call. `options`: method, path (with its query), body, headers (false takes a default away), key
-- (default the first; false: unsigned), token, change (function(headers) after signing), host, account.
-- Gives status, text, headers, and the parsed XML where there is some.
function calls:call(options)
   local headers, url = defaults(self, options)
   if options.token then
      headers.authorization = "Bearer " .. options.token
   elseif options.key ~= false then
      shared_key.new { account = options.account or self.name, key = secret.new(options.key or self.keys[1]) }
         :sign(options.method, url, headers)
      if options.headers and options.headers["x-ms-date"] == false then
         headers["x-ms-date"] = nil
      end
   end
   if options.change then
      options.change(headers)
   end
   local status, body, given = self.cloud:request { method = options.method, url = url, headers = headers,
      body = options.body }
   local text = text_of(body)
   local tree = text and (given["content-type"] or ""):find "xml" and aci_xml.parse((text:gsub("^\xEF\xBB\xBF", "")))
   return status, text, given, tree
end

--- The same by method and path, with more options.
function calls:ask(method, path, options)
   options = options or {}
   options.method, options.path = method, path
   return self:call(options)
end

--- Writes a block blob; gives what the call gives.
function calls:put(path, body, headers)
   local all = { ["x-ms-blob-type"] = "BlockBlob" }
   for name, value in pairs(headers or {}) do
      all[name] = value
   end
   return self:ask("PUT", path, { body = body, headers = all })
end

local ORDER = { "sp", "st", "se", "@", "si", "sip", "spr", "sv", "sr", "-", "ses", "rscc", "rscd", "rsce", "rscl",
   "rsct" }

--- A service SAS as a query: `fields` as in it; `resource` is "/CONTAINER[/BLOB]".
function calls:sas(resource, fields)
   fields.sv = fields.sv or "2023-11-03"
   fields.se = fields.se or clock.iso(clock.now() + 3600):gsub("%.%d+Z$", "Z")
   local lines, query = {}, {}
   for index, name in ipairs(ORDER) do
      lines[index] = name == "@" and "/blob/" .. self.name .. resource or fields[name] or ""
      if fields[name] then
         query[#query + 1] = name .. "=" .. http.escape(fields[name])
      end
   end
   local sig = crypto.base64(crypto.hmac_sha256(crypto.unbase64(self.keys[1]), table.concat(lines, "\n")))
   return table.concat(query, "&") .. "&sig=" .. http.escape(sig)
end

--- The text of a child of an XML tree, by names.
function calls.at(tree, ...)
   for _, name in ipairs { ... } do
      local found
      for _, child in ipairs(tree and tree.children or {}) do
         found = found or child.name == name and child
      end
      tree = found
   end
   return tree and tree.text
end

--- All children of a name below one of the root's.
function calls.all(tree, parent, name)
   local found = {}
   for _, node in ipairs(tree.children) do
      for _, child in ipairs(node.name == parent and node.children or {}) do
         if not name or child.name == name then
            found[#found + 1] = child
         end
      end
   end
   return found
end

return calls
