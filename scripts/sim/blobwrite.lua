--- Writing blobs: bodies into files, whole blobs, blocks and lists of blocks, metadata and properties.
local clock  = require "aci.clock"
local crypto = require "aci.crypto"
local fs     = require "aci.fs"
local xml    = require "aci.xml"
local crc64  = require "sim.crc64"
local data   = require "sim.blobdata"
local read   = require "sim.blobread"
local words  = require "sim.blobwords"

local write = {}

local MIB = 1024 * 1024
local PIECE = 1024 * 1024
local MOST_BLOCKS, MOST_METADATA = 50000, 8 * 1024
local ONCE = { { "2019-12-12", 5000 * MIB, 4000 * MIB }, { "2016-05-31", 256 * MIB, 100 * MIB },
   { "", 64 * MIB, 4 * MIB } }

local function most(req, column)
   for _, row in ipairs(ONCE) do
      if (req.version or "2023-11-03") >= row[1] then
         return row[column]
      end
   end
end

local function digest_header(req, name, size, code)
   local text = req.headers[name]
   if not text then
      return
   end
   local bytes = crypto.unbase64(text)
   if not bytes or #bytes ~= size then
      words.bad_header(name, text, code)
   end
   return bytes
end

--- What may be said of a body before it is read. `column` 2: of a blob in one piece, 3: of a block.
local function check_announced(req, column)
   local length = math.tointeger(tonumber(req.headers["content-length"] or (not req.raw and #req:text())))
   words.unless(length and not req.headers["transfer-encoding"], "MissingContentLengthHeader")
   if length > most(req, column) then
      words.refuse("RequestBodyTooLarge", { detail = { { "MaxLimit", tostring(most(req, column)) } } })
   end
   local md5 = digest_header(req, "content-md5", 16, "InvalidMd5")
   local crc = digest_header(req, "x-ms-content-crc64", 8)
   if md5 and crc then
      words.bad_header("x-ms-content-crc64", req.headers["x-ms-content-crc64"])
   end
   return md5, crc
end

local function pour(req, file, sums)
   local size = 0
   while true do
      local piece, err = req:piece()
      if not piece then
         return not err and size or nil, err
      end
      size = size + #piece
      assert(file:write(piece))
      sums.md5:add(piece)
      sums.crc = sums.crc_wanted and crc64.add(sums.crc, piece) or nil
   end
end

--- Takes the body of a request into a new file, in bounded memory, and holds it against the digests that
-- the headers announce. Gives { file, size, md5 (bytes), crc (text, where one was announced) }.
function write.receive(req, column)
   local md5, crc = check_announced(req, column)
   local name = data.new_file()
   local path = data.path(req.cloud, name)
   local file = assert(io.open(path, "wb"))
   local sums = { md5 = crypto.digest "md5", crc_wanted = crc ~= nil }
   local size, err = pour(req, file, sums)
   file:close()
   local taken = { file = name, size = size, md5 = sums.md5:value(), path = path,
      crc = crc and crc64.base64(crc64.add(sums.crc, "")) }
   local code = not size and "InvalidInput" or md5 and md5 ~= taken.md5 and "Md5Mismatch"
      or crc and crypto.base64(crc) ~= taken.crc and "Crc64Mismatch"
   if code then
      if err then
         req.cloud:log("a blob's upload was cut short: %s", tostring(err))
      end
      fs.remove(path)
      words.refuse(code, { detail = code == "Md5Mismatch" and { { "UserSpecifiedMd5", crypto.base64(md5) },
         { "ServerCalculatedMd5", crypto.base64(taken.md5) } } or nil })
   end
   return taken
end

--- The metadata of a request's headers, checked.
function write.metadata(req)
   local metadata, size = {}, 0
   for header, value in pairs(req.headers) do
      local name = header:match "^x%-ms%-meta%-(.*)$"
      if name then
         -- known without regard to letter case, but kept as it was written
         name = (req.raw and req.raw:spelling(header) or header):sub(#"x-ms-meta-" + 1)
         words.unless(name ~= "", "EmptyMetadataKey")
         words.unless(name:find "^[%a_\x80-\xFF][%w_\x80-\xFF]*$", "InvalidMetadata")
         metadata[name], size = value, size + #name + #value
      end
   end
   words.unless(size <= MOST_METADATA, "MetadataTooLarge")
   return metadata
end

-- The properties that headers give a blob; those of the request itself stand in for put blob.
local function properties_of(req, own)
   local headers, found = req.headers, {}
   for key, header in pairs(read.PROPERTIES) do
      local low = header:lower()
      local said = headers["x-ms-blob-" .. low] or own and headers[low] or nil
      found[key] = said ~= "" and said or nil
   end
   digest_header(req, "x-ms-blob-content-md5", 16, "InvalidMd5")
   return found
end

local function written(blob, more)
   local headers = { ETag = blob.etag, ["Last-Modified"] = clock.http_date(blob.modified),
      ["x-ms-request-server-encrypted"] = "true" }
   for name, value in pairs(more or {}) do
      headers[name] = value
   end
   return headers
end

--- Put Blob.
function write.blob(req, taken)
   local name, old = req.params.name, data.blob(req.state, req.container_key, req.params.name)
   read.conditions(req, old)
   local properties, md5 = properties_of(req, true), crypto.base64(taken.md5)
   properties.md5 = req.headers["x-ms-blob-content-md5"] or md5
   properties.content_type = properties.content_type or "application/octet-stream"
   local blob = data.write_blob(req.state, { container = req.container_key, name = name, file = taken.file,
      size = taken.size, properties = properties, metadata = write.metadata(req) })
   return 201, nil, written(blob, { ["Content-MD5"] = md5, ["x-ms-content-crc64"] = taken.crc })
end

--- The id of a block as the query has it, checked against those that are there.
local function block_id(req)
   local text = req.query.blockid
   if not text then
      words.refuse("MissingRequiredQueryParameter", { detail = { { "QueryParameterName", "blockid" } } })
   end
   local bytes = crypto.unbase64(text)
   if not bytes or #bytes == 0 then
      words.bad_query("blockid", text, "Not a valid base64 string.")
   elseif #bytes > 64 then
      words.refuse "OutOfRangeInput"
   end
   for _, block in ipairs(data.blocks(req.state, req.container_key, req.params.name)) do
      if block.committed == 0 then
         words.unless(#block.id == #text, "InvalidBlobOrBlock")
      end
   end
   return text
end

--- Put Block.
function write.block(req, taken)
   if taken.size == 0 then
      words.bad_header("Content-Length", "0")
   end
   data.put_block(req.state, { container = req.container_key, name = req.params.name, id = block_id(req),
      file = taken.file, size = taken.size })
   return 201, nil, { ["x-ms-request-server-encrypted"] = "true", ["x-ms-content-crc64"] = taken.crc,
      ["Content-MD5"] = not taken.crc and crypto.base64(taken.md5) or nil }
end

local KINDS = { Latest = { 0, 1 }, Committed = { 1 }, Uncommitted = { 0 } }

-- The blocks by "committed/id".
local function index_blocks(req)
   local found = {}
   for _, block in ipairs(data.blocks(req.state, req.container_key, req.params.name)) do
      found[block.committed .. "/" .. block.id] = block
   end
   return found
end

local function chosen(req)
   local root = xml.parse(req:text())
   words.unless(root and root.name == "BlockList", "InvalidXmlDocument")
   words.unless(#root.children <= MOST_BLOCKS, "BlockCountExceedsLimit")
   local there, list = index_blocks(req), {}
   for index, node in ipairs(root.children) do
      words.unless(KINDS[node.name], "InvalidXmlDocument")
      for _, committed in ipairs(KINDS[node.name]) do
         list[index] = list[index] or there[committed .. "/" .. node.text]
      end
      words.unless(list[index], "InvalidBlockList")
   end
   return list
end

local function copy(from, to, start, size)
   local file = assert(io.open(from, "rb"))
   file:seek("set", start)
   while size > 0 do
      local piece = assert(file:read(math.min(size, PIECE)), "a file of the blob store is cut short")
      assert(to:write(piece))
      size = size - #piece
   end
   file:close()
end

-- Joins blocks into a new file; gives its name and size, and sets where each block lies.
local function join(req, list, old)
   local name, size = data.new_file(), 0
   local to = assert(io.open(data.path(req.cloud, name), "wb"))
   local placed = {}
   for index, block in ipairs(list) do
      copy(data.path(req.cloud, block.file or old.file), to, block.start, block.size)
      placed[index] = { container = block.container, name = block.name, id = block.id, start = size,
         size = block.size }
      size = size + block.size
   end
   to:close()
   return name, size, placed
end

--- Put Block List.
function write.block_list(req)
   local md5 = digest_header(req, "content-md5", 16, "InvalidMd5")
   words.unless(not md5 or md5 == crypto.md5(req:text()), "Md5Mismatch")
   local old = data.blob(req.state, req.container_key, req.params.name)
   read.conditions(req, old)
   local properties, metadata, list = properties_of(req, false), write.metadata(req), chosen(req)
   properties.md5 = req.headers["x-ms-blob-content-md5"]
   properties.content_type = properties.content_type or "application/octet-stream"
   local file, size, placed = join(req, list, old)
   local blob = data.write_blob(req.state, { container = req.container_key, name = req.params.name,
      file = file, size = size, properties = properties, metadata = metadata })
   for index, block in ipairs(placed) do
      data.commit_block(req.state, block, index)
   end
   return 201, nil, written(blob)
end

--- Set Blob Metadata.
function write.set_metadata(req, blob)
   read.conditions(req, blob)
   blob.metadata = write.metadata(req)
   return 200, nil, written(data.change_blob(req.state, blob))
end

--- Set Blob Properties: what is not given is cleared.
function write.set_properties(req, blob)
   read.conditions(req, blob)
   local properties = properties_of(req, false)
   properties.md5 = req.headers["x-ms-blob-content-md5"]
   blob.properties = properties
   local changed = data.change_blob(req.state, blob)
   return 200, nil, { ETag = changed.etag, ["Last-Modified"] = clock.http_date(changed.modified) }
end

return write
