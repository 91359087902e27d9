--- Requests to Blob storage as rows of the two-sides table: each is sent byte for byte to one side, and its
-- answer is noted without what two services may not share (ETags, dates, ids, names of accounts).
--
-- Azurite is laxer than Azure in places. A row says so with `sheet` (our facts about Azure: what was recorded of
-- it) or `documented` (what its reference says): what is named there is what Azure answers; it stands in for
-- what Azurite did, and the row's title names it.
local aci_xml    = require "aci.xml"
local clock      = require "aci.clock"
local crypto     = require "aci.crypto"
local http       = require "aci.http"
local secret     = require "aci.secret"
local shared_key = require "aci.auth.shared_key"

local rows = {}

local Asker = {}
Asker.__index = Asker

-- The headers of an answer that are compared; x-ms-meta-* besides.
local LOOK = { "etag", "last-modified", "content-type", "content-length", "content-md5", "content-range",
   "accept-ranges", "cache-control", "content-encoding", "content-language", "content-disposition",
   "x-ms-blob-type", "x-ms-blob-content-md5", "x-ms-content-crc64", "x-ms-lease-status", "x-ms-lease-state",
   "x-ms-creation-time", "x-ms-request-server-encrypted", "x-ms-server-encrypted", "x-ms-error-code",
   "x-ms-has-immutability-policy", "x-ms-has-legal-hold", "x-ms-blob-public-access",
   "x-ms-delete-type-permanent", "x-ms-blob-content-length" }

--- Asks one side. @param backend of tests.support.blob @param ledger of tests.support.sides
function rows.open(side, ledger, backend)
   return setmetatable({ side = side, ledger = ledger, backend = backend, etags = {}, known = 0,
      transport = http.client { connect_timeout = 15, retry = false, timeout = 30,
         connect_to = backend.config.connect_to, ca_file = backend.config.ca_file } }, Asker)
end

--- A part of a test: its rows begin with its name, and it has a container of its own, "{c}" in paths.
function Asker:part(name)
   self.etags, self.known = {}, 0
   self.name, self.container = name, ("rows-%s-%s"):format(name:lower():gsub("%W", "-"), crypto.hex(crypto.random(3)))
   assert(self.backend.store:create_container(self.container))
end

-- ETags in the order of their first appearance: whether one changed is seen, and how it is quoted.
function Asker:etag(text)
   local bare = text:gsub('"', "")
   if not self.etags[bare] then
      self.known = self.known + 1
      self.etags[bare] = "<etag " .. self.known .. ">"
   end
   return (text:gsub('[^"]+', self.etags[bare]))
end

function Asker:settled(name, value)
   if name:lower() == "etag" then return self:etag(value) end
   if clock.parse_http_date(value) then return "<date>" end
   return (value:gsub(self.container:gsub("%W", "%%%0"), "<container>"))
end

--- The texts of all children, by name; a repeated one's are joined.
local function children(node)
   local found = {}
   for _, each in ipairs(node.children) do found[each.name] = (found[each.name] or "") .. each.text end
   return found
end

-- Of a list: what is in it, page by page the same on both sides but for the order of folders among the names.
local LISTED = { "Content-Length", "Content-Type", "Content-MD5", "Content-Encoding", "Cache-Control", "Etag",
   "BlobType", "LeaseStatus", "LeaseState", "Last-Modified", "Creation-Time" }

function Asker:listed(node)
   local parts, properties = { node.name .. " " }, {}
   for _, each in ipairs(node.children) do
      if each.name == "Name" then parts[1] = parts[1] .. self:settled("", each.text) end
      if each.name == "Properties" then properties = children(each) end
      if each.name == "Metadata" then
         local pairs_of = {} -- in no order: headers have none
         for index, pair in ipairs(each.children) do pairs_of[index] = "meta " .. pair.name .. "=" .. pair.text end
         table.sort(pairs_of)
         table.move(pairs_of, 1, #pairs_of, #parts + 1, parts)
      end
   end
   for _, name in ipairs(LISTED) do
      if (properties[name] or "") ~= "" then parts[#parts + 1] = name .. "=" .. self:settled(name, properties[name]) end
   end
   return table.concat(parts, ",")
end

function Asker:list(tree)
   local lines = {}
   for _, group in ipairs(tree.children) do
      for _, node in ipairs((group.name == "Blobs" or group.name == "Containers") and group.children or {}) do
         lines[#lines + 1] = self:listed(node)
      end
      if group.name == "NextMarker" then lines.marker = group.text ~= "" and "; more" or "; the end" end
   end
   table.sort(lines, function(a, b) return a:gsub("^BlobPrefix", "Blob") < b:gsub("^BlobPrefix", "Blob") end)
   return table.concat(lines, "; ") .. (lines.marker or "; no marker")
end

local function block_list(tree)
   local lines = {}
   for _, kind in ipairs(tree.children) do
      for _, block in ipairs(kind.children) do
         local has = children(block)
         lines[#lines + 1] = ("%s %s %s"):format(kind.name, has.Name, has.Size)
      end
   end
   return "BlockList: " .. table.concat(lines, "; ")
end

--- What an XML body says; the code and the form of an error's, since its words need not be the same.
function Asker:said(tree)
   if tree.name == "EnumerationResults" then return self:list(tree) end
   if tree.name == "BlockList" then return block_list(tree) end
   local has = children(tree)
   return ("%s: %s, a message%s"):format(tree.name, tostring(has.Code),
      (has.Message or ""):find "\nRequestId:%S+\nTime:%S+$" and " with id and time" or "")
end

-- How an XML body begins, and which of the words of a request it repeats.
local function beginning(body)
   local bom = body:find "^\xEF\xBB\xBF"
   local words = {}
   for word in body:match("<EnumerationResults[^>]*>(.-)<[BC]%a+s[ />]"):gmatch "<(%a+)[ />]" do
      words[#words + 1] = word
   end
   return ("%s; repeats %s"):format(bom and "a byte order mark" or "no mark", table.concat(words, " "))
end

-- What two services may do differently, so that only rows that ask for it compare it: the length of what is
-- not a blob, the type of no body, the whole blob's MD5 under its second name (Azure: with ranges only), and
-- which digest of a block's bytes or of a list of blocks is sent back.
local function is_free(name, response, tree, what)
   local status, block = response.status, what:find "^PUT .*[?&]comp=block"
   return name == "content-length" and (tree or status >= 300 or what:find "restype=container")
      or name == "content-type" and status == 304
      or name == "x-ms-blob-content-md5" and status == 200
      or block and (name == "content-md5" or name == "x-ms-content-crc64")
end

function Asker:observe(response, tree, what, wanted)
   local seen, headers = { status = tostring(response.status) }, response.headers
   for _, name in ipairs(LOOK) do
      local value = headers[name]
      local free = wanted.status or is_free(name, response, tree, what)
      if wanted[name] ~= nil then
         seen[name] = value
      elseif not free then
         seen[name] = value and self:settled(name, value)
      end
   end
   for name, value in pairs(headers) do
      if name:find "^x%-ms%-meta%-" then seen[name] = value end
   end
   local body = response.body or ""
   if wanted.begins then seen.begins = beginning(body) end
   seen.body = tree and self:said(tree) or #body > 120 and crypto.hex(crypto.sha256(body)) or body
   seen["x-ms-request-id"] = headers["x-ms-request-id"] and "there"
   return seen
end

local function text_of(seen, only)
   local names, parts = {}, {}
   for name in pairs(only or seen) do names[#names + 1] = name end
   table.sort(names)
   for _, name in ipairs(names) do
      if seen[name] then parts[#parts + 1] = name .. "=" .. seen[name] end
   end
   return table.concat(parts, "\n")
end

local function sorted_names(map)
   local names = {}
   for name in pairs(map) do names[#names + 1] = name end
   table.sort(names)
   return table.concat(names, ", ")
end

-- The answer of Azure where it is known better. Where even the status is another, the rest of what Azurite
-- answered is of another kind, and only what is named is compared.
local function note(self, title, seen, options)
   local known = options.sheet or options.documented
   if known then
      title = ("%s (by %s: %s)"):format(title, options.sheet and "the fact sheet" or "Azure's reference",
         sorted_names(known))
   end
   for name, value in pairs(self.side == "there" and known or {}) do seen[name] = value or nil end
   local shown = seen.status .. (seen["x-ms-error-code"] and " " .. seen["x-ms-error-code"] or "")
   self.ledger:note(self.side, self.name .. ": " .. title, shown,
      text_of(seen, known and known.status and known))
end

local function sign(self, method, url, headers, options)
   local account, key = options.account or self.backend.account, options.key or self.backend.key
   headers["x-ms-date"] = clock.http_date(clock.now())
   local text = shared_key.string_to_sign(self.backend.account, method, url, headers)
   if options.text then text = options.text(text) end
   local raw = crypto.unbase64(secret.is(key) and secret.reveal(key) or key)
   headers.authorization = ("SharedKey %s:%s"):format(account, crypto.base64(crypto.hmac_sha256(raw, text)))
end

--- Sends a request and notes its answer. `what` is "METHOD /path?query" as it goes over the wire, "{c}" in it
-- the container's name. `options`: headers, body, unsigned, key, account, text (function: changes what is
-- signed), late (headers that are set after signing), sheet or documented (what Azure answers where Azurite does
-- not: fields of the answer, false for none).
-- @return the response, its XML
function Asker:ask(title, what, options)
   options = options or {}
   local method, target = what:match "^(%u+) (/.*)$"
   local url = self.backend.store.endpoint .. target:gsub("{c}", self.container)
   local body = options.body or method == "PUT" and "" or nil
   local headers = { ["x-ms-version"] = "2023-11-03" }
   for name, value in pairs(options.headers or {}) do headers[name] = value or nil end
   if body then headers["content-length"] = tostring(#body) end
   if not options.unsigned then sign(self, method, url, headers, options) end
   headers["content-length"] = nil
   for name, value in pairs(options.late or {}) do headers[name] = value or nil end
   local response = assert(self.transport:request { method = method, url = url, headers = headers, body = body })
   local tree = (response.headers["content-type"] or ""):find "xml"
      and aci_xml.parse(((response.body or ""):gsub("^\xEF\xBB\xBF", ""))) or nil
   local known = options.sheet or options.documented or {}
   local seen = self:observe(response, tree, what, known)
   note(self, title, seen, options)
   return response, tree
end

--- Put Blob as a row.
function Asker:put(title, path, body, headers, options)
   local all = { ["x-ms-blob-type"] = "BlockBlob" }
   for name, value in pairs(headers or {}) do all[name] = value end
   options = options or {}
   options.headers, options.body = all, body
   return self:ask(title, "PUT /{c}/" .. path, options)
end

return rows
