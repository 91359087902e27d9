--- Reading blobs: conditions, ranges, the headers that describe a blob.
local clock  = require "aci.clock"
local crypto = require "aci.crypto"
local crc64  = require "sim.crc64"
local data   = require "sim.blobdata"
local fs     = require "aci.fs"
local words  = require "sim.blobwords"

local read = {}

local MOST_CHECKED = 4 * 1024 * 1024

-- Of the values of If-Match: any of a list, with or without quotes.
local function names(header, etag)
   for value in header:gmatch "[^,%s]+" do
      if value == "*" or value:gsub('"', "") == etag:gsub('"', "") then
         return true
      end
   end
   return false
end

-- Whole seconds, as headers carry them; nil for what is no date (which the service ignores).
local function since(text)
   return text and clock.parse_http_date(text)
end

local function unchanged(reading)
   if reading then
      require("sim.refuse").with { status = 304, code = "ConditionNotMet", body = false,
         headers = { ["x-ms-error-code"] = "ConditionNotMet" } }
   end
   words.refuse "ConditionNotMet"
end

--- Refuses where the conditions of a request do not hold for what is there: { etag, modified } or nil.
-- `reading` is true for GET and HEAD.
function read.conditions(req, there, reading)
   local headers = req.headers
   local match, none = headers["if-match"], headers["if-none-match"]
   if reading and none == "*" then
      words.refuse "UnsatisfiableCondition"
   elseif not there then
      return match == nil or words.refuse "ConditionNotMet"
   end
   if match and not names(match, there.etag) then
      words.refuse "ConditionNotMet"
   elseif none == "*" then
      words.refuse "BlobAlreadyExists"
   elseif none and names(none, there.etag) then
      unchanged(reading)
   end
   local modified = math.floor(there.modified)
   local after, before = since(headers["if-modified-since"]), since(headers["if-unmodified-since"])
   if before and modified > before then
      words.refuse "ConditionNotMet"
   elseif after and modified <= after and not none then
      unchanged(reading)
   end
end

local PROPERTIES = { content_type = "Content-Type", content_encoding = "Content-Encoding",
   content_language = "Content-Language", cache_control = "Cache-Control",
   content_disposition = "Content-Disposition" }

read.PROPERTIES = PROPERTIES

--- The headers that describe a blob, without its length and MD5.
function read.describe(blob)
   local headers = {
      ETag = blob.etag, ["Last-Modified"] = clock.http_date(blob.modified), ["Accept-Ranges"] = "bytes",
      ["x-ms-blob-type"] = "BlockBlob", ["x-ms-lease-status"] = "unlocked",
      ["x-ms-lease-state"] = "available",
      ["x-ms-creation-time"] = clock.http_date(blob.created), ["x-ms-server-encrypted"] = "true",
   }
   for key, header in pairs(PROPERTIES) do
      headers[header] = blob.properties[key]
   end
   for name, value in pairs(blob.metadata) do
      headers["x-ms-meta-" .. name] = value
   end
   return headers
end

--- The headers of HEAD: the above and those of the access tier.
function read.head(blob)
   local headers = read.describe(blob)
   headers["Content-Length"], headers["Content-MD5"] = tostring(blob.size), blob.properties.md5
   headers["x-ms-access-tier"], headers["x-ms-access-tier-inferred"] = "Hot", "true"
   return headers
end

-- The range that is asked for: first and last byte, or nothing for the whole.
local function range_of(req, size)
   local name = req.headers["x-ms-range"] and "x-ms-range" or "range"
   local text = req.headers[name]
   if not text then
      return
   end
   local first, last = text:match "^bytes=(%d+)%-(%d*)$"
   if not first then
      words.not_here("the range '" .. text .. "'")
   end
   first, last = math.tointeger(tonumber(first)), last ~= "" and math.tointeger(tonumber(last)) or nil
   if not first or last and last < first then
      words.not_here("the range '" .. text .. "'")
   elseif first >= size then
      words.refuse("InvalidRange", { headers = { ["Content-Range"] = ("bytes */%d"):format(size) } })
   end
   return first, math.min(last or size - 1, size - 1)
end

-- x-ms-range-get-content-md5 and -crc64: of at most 4 MiB.
local function digests(req, headers, path, first, length)
   local md5 = (req.headers["x-ms-range-get-content-md5"] or ""):lower() == "true"
   local crc = (req.headers["x-ms-range-get-content-crc64"] or ""):lower() == "true"
   if not (md5 or crc) then
      return
   elseif length > MOST_CHECKED then
      words.bad_header(md5 and "x-ms-range-get-content-md5" or "x-ms-range-get-content-crc64", "true",
         "OutOfRangeInput")
   elseif md5 and crc then
      words.bad_header("x-ms-range-get-content-crc64", "true")
   end
   local bytes = length == 0 and "" or assert(fs.read(path, { offset = first, limit = length }))
   if md5 then
      headers["Content-MD5"] = crypto.base64(crypto.md5(bytes))
   else
      headers["x-ms-content-crc64"] = crc64.base64(crc64.add(nil, bytes))
   end
end

--- The answer of GET: status, body, headers.
function read.get(req, blob)
   local first, last = range_of(req, blob.size)
   local headers, path = read.describe(blob), data.path(req.cloud, blob.file)
   if not first then
      if req.headers["x-ms-range-get-content-md5"] or req.headers["x-ms-range-get-content-crc64"] then
         words.bad_header("x-ms-range", nil, "MissingRequiredHeader")
      end
      headers["Content-Length"], headers["Content-MD5"] = tostring(blob.size), blob.properties.md5
      return 200, { file = path }, headers
   end
   local length = last - first + 1
   headers["Content-Length"] = tostring(length)
   headers["Content-Range"] = ("bytes %d-%d/%d"):format(first, last, blob.size)
   headers["x-ms-blob-content-md5"] = blob.properties.md5
   digests(req, headers, path, first, length)
   return 206, { file = path, offset = first, length = length }, headers
end

return read
