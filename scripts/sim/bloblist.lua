--- The lists of Blob storage: blobs of a container, containers of an account, blocks of a blob.
local clock  = require "aci.clock"
local crypto = require "aci.crypto"
local data   = require "sim.blobdata"
local url    = require "sim.url"
local words  = require "sim.blobwords"

local list = {}

local MOST = 5000
local INCLUDES = { metadata = true, copy = true, snapshots = true, versions = true, deleted = true,
   tags = true, legalhold = true, immutabilitypolicy = true, permissions = true, system = true }

local function element(name, text)
   return text and text ~= "" and ("<%s>%s</%s>"):format(name, words.escape(tostring(text)), name)
      or ("<%s />"):format(name)
end

-- A name that XML cannot hold is percent-encoded and marked.
local function name_element(name)
   if name:find "[%z\1-\31]" or name:find "\xEF\xBF[\xBE\xBF]" then
      return ('<Name Encoded="true">%s</Name>'):format(url.escape(name))
   end
   return element("Name", name)
end

local function metadata_element(metadata)
   local names, parts = {}, {}
   for name in pairs(metadata or {}) do
      names[#names + 1] = name
   end
   table.sort(names)
   for index, name in ipairs(names) do
      parts[index] = element(name, metadata[name])
   end
   return #parts > 0 and "<Metadata>" .. table.concat(parts) .. "</Metadata>" or "<Metadata />"
end

local function properties_element(pairs_of)
   local parts = {}
   for index, pair in ipairs(pairs_of) do
      parts[index] = element(pair[1], pair[2])
   end
   return "<Properties>" .. table.concat(parts) .. "</Properties>"
end

local function bare(etag)
   return (etag:gsub('"', ""))
end

local function blob_element(blob, with_metadata)
   local p = blob.properties
   return "<Blob>" .. name_element(blob.name) .. properties_element {
      { "Creation-Time", clock.http_date(blob.created) }, { "Last-Modified", clock.http_date(blob.modified) },
      { "Etag", bare(blob.etag) }, { "Content-Length", tostring(blob.size) },
      { "Content-Type", p.content_type }, { "Content-Encoding", p.content_encoding },
      { "Content-Language", p.content_language }, { "Content-CRC64" }, { "Content-MD5", p.md5 },
      { "Cache-Control", p.cache_control }, { "Content-Disposition", p.content_disposition },
      { "BlobType", "BlockBlob" }, { "AccessTier", "Hot" }, { "AccessTierInferred", "true" },
      { "LeaseStatus", "unlocked" }, { "LeaseState", "available" }, { "ServerEncrypted", "true" },
   } .. (with_metadata and metadata_element(blob.metadata) or "") .. "<OrMetadata /></Blob>"
end

-- A marker names where the next page begins, in a form that nobody builds from a name.
local function marker_of(scope, name)
   local sum = crypto.hex(crypto.sha256(scope .. "\0" .. name)):sub(1, 8)
   local text = crypto.base64(("%06d!%s!%s"):format(#name, name, sum)):gsub("=", "-")
   return ("2!%d!%s"):format(#text, text)
end

local function read_marker(scope, marker)
   local length, text = marker:match "^2!(%d+)!([%w+/-]+)$"
   local inner = text and tonumber(length) == #text and crypto.unbase64((text:gsub("-", "=")))
   local name = inner and inner:match "^%d+!(.*)!%x+$"
   if not name or marker_of(scope, name) ~= marker then
      words.bad_query("marker", marker, "The marker is not one of this list.")
   end
   return name
end

local function page_size(req)
   local text = req.query.maxresults
   if not text then
      return MOST
   end
   local number = text:find "^%-?%d+$" and math.tointeger(tonumber(text))
   if not number then
      words.bad_query("maxresults", text, "Invalid integer value.")
   elseif number < 1 then
      words.refuse("OutOfRangeQueryParameterValue", { detail = { { "QueryParameterName", "maxresults" },
         { "QueryParameterValue", text }, { "MinimumAllowed", "1" }, { "MaximumAllowed", tostring(MOST) } } })
   end
   return math.min(number, MOST)
end

local function includes(req)
   local found = {}
   for word in (req.query.include or ""):gmatch "[^,]+" do
      if not INCLUDES[word:lower()] then
         words.not_here("include=" .. word)
      end
      found[word:lower()] = true
   end
   return found
end

-- The first text after all those that begin with this one; nil when there is none.
local function after(text)
   local head = text:gsub("\xFF+$", "")
   if head == "" then
      return nil
   end
   return head:sub(1, -2) .. string.char(head:byte(-1) + 1)
end

-- The folder of a name: up to the first delimiter after the prefix.
local function folder_of(name, prefix, delimiter)
   local _, stop = name:find(delimiter, #prefix + 1, true)
   return stop and name:sub(1, stop)
end

-- Walks through the names of a container: calls visit(blob, nil) or visit(nil, folder) until it gives true.
-- Gives the name at which it stopped, or nil at the end.
local function walk(req, from, prefix, delimiter, visit)
   local stop = prefix ~= "" and after(prefix) or nil
   while from do
      local rows = data.blobs(req.state, req.container_key, from, stop, 500)
      local skip
      for _, blob in ipairs(rows) do
         local folder = delimiter and folder_of(blob.name, prefix, delimiter)
         if visit(not folder and blob or nil, folder) then
            return folder or blob.name
         end
         if folder then
            skip = after(folder)
            break
         end
      end
      from = skip or #rows == 500 and rows[500].name .. "\0" or nil
   end
end

-- What was asked for comes back, only where it was.
local function echoed(req, names)
   local parts = {}
   for _, row in ipairs(names) do
      local value = req.query[row[2]]
      if value and value ~= "" then
         parts[#parts + 1] = element(row[1], value)
      end
   end
   return table.concat(parts)
end

local function answer(text)
   return 200, text, { ["Content-Type"] = "application/xml" }
end

--- List Blobs.
function list.blobs(req)
   local query, size, include = req.query, page_size(req), includes(req)
   local prefix, delimiter = query.prefix or "", query.delimiter ~= "" and query.delimiter or nil
   local scope = req.container_key .. "\0" .. prefix .. "\0" .. (delimiter or "")
   local from = query.marker and query.marker ~= "" and read_marker(scope, query.marker) or prefix
   local parts = {}
   local stopped = walk(req, from, prefix, delimiter, function(blob, folder)
      if #parts == size then
         return true
      end
      parts[#parts + 1] = blob and blob_element(blob, include.metadata)
         or "<BlobPrefix>" .. name_element(folder) .. "</BlobPrefix>"
   end)
   return answer(table.concat { words.HEAD,
      ('<EnumerationResults ServiceEndpoint="https://%s/" ContainerName="%s">'):format(req.host,
         req.params.container), echoed(req, { { "Prefix", "prefix" }, { "Marker", "marker" },
         { "MaxResults", "maxresults" }, { "Delimiter", "delimiter" } }), "<Blobs>", table.concat(parts),
      "</Blobs>", element("NextMarker", stopped and marker_of(scope, stopped)), "</EnumerationResults>" })
end

local function container_element(row, with_metadata)
   local p = row.body.properties
   return "<Container>" .. name_element(row.name) .. properties_element {
      { "Last-Modified", clock.http_date(clock.parse_iso(p.lastModifiedTime)) },
      { "Etag", row.body.etag }, -- with its quotes, unlike a blob's
      { "LeaseStatus", "unlocked" }, { "LeaseState", "available" },
      { "DefaultEncryptionScope", "$account-encryption-key" }, { "DenyEncryptionScopeOverride", "false" },
      { "HasImmutabilityPolicy", "false" }, { "HasLegalHold", "false" },
      { "ImmutableStorageWithVersioningEnabled", "false" },
      p.publicAccess ~= "None" and { "PublicAccess", p.publicAccess:lower() } or nil,
   } .. (with_metadata and metadata_element(p.metadata) or "") .. "</Container>"
end

--- List Containers.
function list.containers(req)
   local query, size, include = req.query, page_size(req), includes(req)
   local prefix, scope = query.prefix or "", req.account.id
   local from = query.marker and query.marker ~= "" and read_marker(scope, query.marker) or prefix
   local parts, stopped = {}, nil
   for _, row in ipairs(req.state:resources { under = req.account.id, type = data.CONTAINER }) do
      if row.name >= from and row.name:sub(1, #prefix) == prefix then
         if #parts == size then
            stopped = row.name
            break
         end
         parts[#parts + 1] = container_element(row, include.metadata)
      end
   end
   return answer(table.concat { words.HEAD,
      ('<EnumerationResults ServiceEndpoint="https://%s/">'):format(req.host),
      echoed(req, { { "Prefix", "prefix" }, { "Marker", "marker" }, { "MaxResults", "maxresults" } }),
      "<Containers>", table.concat(parts), "</Containers>",
      element("NextMarker", stopped and marker_of(scope, stopped)), "</EnumerationResults>" })
end

--- Get Block List.
function list.blocks(req, blob)
   local wanted = (req.query.blocklisttype or "committed"):lower()
   local parts = { committed = {}, uncommitted = {} }
   for _, block in ipairs(data.blocks(req.state, req.container_key, req.params.name)) do
      local kind = block.committed == 1 and parts.committed or parts.uncommitted
      kind[#kind + 1] = ("<Block>%s%s</Block>"):format(element("Name", block.id),
         element("Size", tostring(block.size)))
   end
   if not blob and #parts.uncommitted == 0 then
      words.refuse "BlobNotFound"
   end
   local text = { words.HEAD, "<BlockList>" }
   for _, row in ipairs { { "committed", "CommittedBlocks" }, { "uncommitted", "UncommittedBlocks" } } do
      if wanted == "all" or wanted == row[1] then
         text[#text + 1] = #parts[row[1]] == 0 and ("<%s />"):format(row[2])
            or ("<%s>%s</%s>"):format(row[2], table.concat(parts[row[1]]), row[2])
      end
   end
   local status, body, headers = answer(table.concat(text) .. "</BlockList>")
   headers.ETag, headers["Last-Modified"] = blob and blob.etag, blob and clock.http_date(blob.modified)
   headers["x-ms-blob-content-length"] = blob and tostring(blob.size) or "0"
   return status, body, headers
end

return list
