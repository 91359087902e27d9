-- Files to blobs: in one streamed request, or in blocks, some at once, committed by a list at the end.
local answers = require "aci.blob.answers"
local crypto = require "aci.crypto"
local error_ = require "aci.error"
local fs = require "aci.fs"
local task = require "aci.task"

local upload = {}

local MIB = 1024 * 1024
local MOST_BLOCKS = 50000

local function whole(store, container, name, path, options)
   return answers.written(store:send {
      method = "PUT", container = container, name = name, options = options, body = { file = path },
      headers = { ["x-ms-blob-type"] = "BlockBlob",
         ["content-type"] = options.content_type or "application/octet-stream" },
   })
end

--- Ids of one length for all blocks of a blob, different for each upload.
local function block_id(upload_id, index)
   return crypto.base64(("%06d-%s"):format(index, upload_id))
end

local function put_block(store, container, name, id, data)
   store:send { method = "PUT", container = container, name = name, body = data,
      query = { comp = "block", blockid = id },
      headers = { ["content-md5"] = crypto.base64(crypto.md5(data)),
         ["content-type"] = "application/octet-stream" } }
end

local function commit(store, container, name, ids, options)
   local parts = { '<?xml version="1.0" encoding="utf-8"?><BlockList>' }
   for _, id in ipairs(ids) do parts[#parts + 1] = "<Latest>" .. id .. "</Latest>" end
   parts[#parts + 1] = "</BlockList>"
   return answers.written(store:send {
      method = "PUT", container = container, name = name, options = options, body = table.concat(parts),
      query = { comp = "blocklist" },
      headers = { ["content-type"] = "application/xml",
         ["x-ms-blob-content-type"] = options.content_type or "application/octet-stream" },
   })
end

--- Reads up to `count` blocks and gives the functions that send them.
local function batch(file, count, size, send)
   local sends = {}
   for _ = 1, count do
      local data = file:read(size)
      if not data then break end
      sends[#sends + 1] = send(data)
   end
   return sends
end

local function in_blocks(store, container, name, path, options)
   local file <close> = assert(io.open(path, "rb"))
   local ids, upload_id = {}, crypto.hex(crypto.random(4))
   local function send(data)
      local id = block_id(upload_id, #ids + 1)
      ids[#ids + 1] = id
      return function() put_block(store, container, name, id, data) end
   end
   repeat
      local sends = batch(file, options.at_once or 4, options.block or 8 * MIB, send)
      if #sends > 0 then task.all(sends) end
   until #sends == 0
   return commit(store, container, name, ids, options)
end

--- See Store:upload.
function upload.file(store, container, name, path, options)
   local stat, why = fs.stat(path)
   if not stat then error(why, 0) end
   if stat.size <= (options.single or 64 * MIB) then return whole(store, container, name, path, options) end
   if stat.size / (options.block or 8 * MIB) > MOST_BLOCKS then
      error_.raise { kind = "usage", code = "TooManyBlocks", message = path .. " has more than 50000 blocks",
         advice = "give larger blocks (option block)" }
   end
   return in_blocks(store, container, name, path, options)
end

return upload
