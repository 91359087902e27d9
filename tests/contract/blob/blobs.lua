--- Blobs: bytes, properties, metadata, ranges, conditions.
local crypto = require "aci.crypto"

local function properties(r)
   local all = { ["x-ms-blob-content-type"] = "text/x-lua", ["x-ms-blob-content-encoding"] = "identity",
      ["x-ms-blob-content-language"] = "en", ["x-ms-blob-cache-control"] = "no-store",
      ["x-ms-blob-content-disposition"] = "attachment; filename=a" }
   r:put("written with all of them", "p", "bytes", all)
   r:ask("read by GET", "GET /{c}/p", { sheet = { ["x-ms-blob-content-md5"] = false } })
   r:ask("read by HEAD", "HEAD /{c}/p")
   r:put("of the request", "q", "bytes", { ["content-type"] = "text/q", ["cache-control"] = "max-age=1" })
   r:ask("of the request, read", "HEAD /{c}/q", { documented = { ["cache-control"] = "max-age=1" } })
   r:put("both: those for the blob count", "w", "bytes", { ["content-type"] = "text/a",
      ["x-ms-blob-content-type"] = "text/b" })
   r:ask("both, read", "HEAD /{c}/w")
   r:put("none", "none", "bytes")
   r:ask("none, read", "HEAD /{c}/none")
   r:ask("changed", "PUT /{c}/p?comp=properties", { headers = { ["x-ms-blob-content-type"] = "text/new" } })
   r:ask("what is not given is cleared", "HEAD /{c}/p")
   r:ask("changed, of no blob", "PUT /{c}/nothing?comp=properties", { headers = {
      ["x-ms-blob-content-type"] = "text/new" } })
   r:put("an MD5 of the caller's", "md5", "bytes", { ["x-ms-blob-content-md5"] = crypto.base64(crypto.md5 "bytes") })
   r:ask("an MD5 of the caller's, read", "HEAD /{c}/md5")
end

local function metadata(r)
   r:put("written", "m", "x", { ["x-ms-meta-one"] = "1", ["x-ms-meta-two"] = "a b", ["x-ms-meta-_3"] = "" })
   r:ask("read by HEAD", "HEAD /{c}/m")
   r:ask("read by GET", "GET /{c}/m")
   for _, method in ipairs { "GET", "HEAD" } do
      r:ask("read alone by " .. method, method .. " /{c}/m?comp=metadata", { documented = { status = "200", body = "",
         ["x-ms-blob-type"] = false, ["content-md5"] = false, ["x-ms-meta-one"] = "1", ["x-ms-meta-two"] = "a b" } })
   end
   r:ask("changed", "PUT /{c}/m?comp=metadata", { headers = { ["x-ms-meta-new"] = "n" } })
   r:ask("after the change", "HEAD /{c}/m")
   r:ask("cleared", "PUT /{c}/m?comp=metadata")
   r:ask("after that", "HEAD /{c}/m")
   r:put("written over: gone", "m", "y")
   r:ask("after it was written over", "HEAD /{c}/m")
   for _, name in ipairs { "a-b", "1a", "a.b" } do
      r:put("the name " .. name, "bad", "x", { ["x-ms-meta-" .. name] = "1" })
   end
   r:ask("of no blob", "PUT /{c}/nothing?comp=metadata", { headers = { ["x-ms-meta-a"] = "1" } })
end

local function ranges(r)
   r:put("a blob of ten bytes", "r", "0123456789")
   r:put("an empty one", "empty", "")
   for _, range in ipairs { "0-0", "0-9", "3-5", "9-9", "5-", "0-", "8-20", "0-99" } do
      r:ask("bytes=" .. range, "GET /{c}/r", { headers = { ["x-ms-range"] = "bytes=" .. range } })
   end
   for _, range in ipairs { "10-", "10-20", "99-100" } do
      r:ask("bytes=" .. range .. ", beyond the end", "GET /{c}/r", { headers = { ["x-ms-range"] = "bytes=" .. range },
         sheet = { status = "416", ["x-ms-error-code"] = "InvalidRange", ["content-range"] = "bytes */10" } })
   end
   r:ask("of an empty blob", "GET /{c}/empty", { headers = { ["x-ms-range"] = "bytes=0-3" },
      sheet = { status = "416", ["x-ms-error-code"] = "InvalidRange", ["content-range"] = "bytes */0" } })
   r:ask("the empty blob as a whole", "GET /{c}/empty")
   r:ask("with its MD5", "GET /{c}/r", { headers = { ["x-ms-range"] = "bytes=2-4",
      ["x-ms-range-get-content-md5"] = "true" } })
   r:ask("with an ETag that holds", "GET /{c}/r", { headers = { ["x-ms-range"] = "bytes=2-4", ["if-match"] = "*" } })
   r:ask("of no blob", "GET /{c}/nothing", { headers = { ["x-ms-range"] = "bytes=2-4" } })
end

local LONG_AGO, FAR_AHEAD = "Mon, 01 Jan 2024 00:00:00 GMT", "Tue, 01 Jan 2124 00:00:00 GMT"
local STALE = '"0x8D0000000000000"'

local function reading(r)
   local etag = r:put("a blob", "c", "1").headers.etag
   for _, method in ipairs { "GET", "HEAD" } do
      for _, case in ipairs { { "if-match", etag }, { "if-match", "*" }, { "if-match", STALE },
         { "if-none-match", etag }, { "if-none-match", STALE }, { "if-modified-since", LONG_AGO },
         { "if-modified-since", FAR_AHEAD }, { "if-unmodified-since", LONG_AGO },
         { "if-unmodified-since", FAR_AHEAD } } do
         local header, value = case[1], case[2]
         r:ask(("%s, %s: %s"):format(method, header, value == etag and "its ETag" or value == STALE and "another ETag"
            or value), method .. " /{c}/c", { headers = { [header] = value } })
      end
   end
   r:ask("GET, if-none-match: *", "GET /{c}/c", { headers = { ["if-none-match"] = "*" } })
end

local function writing(r)
   local first = r:put("a blob", "c", "1").headers.etag
   r:put("if-none-match: * where it is there", "c", "2", { ["if-none-match"] = "*" })
   r:put("if-none-match: * where it is not", "d", "2", { ["if-none-match"] = "*" })
   r:put("if-match where it holds", "c", "2", { ["if-match"] = first })
   r:put("if-match with an ETag that was", "c", "3", { ["if-match"] = first })
   r:put("if-match: * where it is there", "c", "3", { ["if-match"] = "*" })
   r:put("if-match: * where nothing is", "nothing", "3", { ["if-match"] = "*" })
   r:put("if-unmodified-since, long ago", "c", "4", { ["if-unmodified-since"] = LONG_AGO })
   r:put("if-unmodified-since, far ahead", "c", "4", { ["if-unmodified-since"] = FAR_AHEAD })
   r:put("if-modified-since, long ago", "c", "5", { ["if-modified-since"] = LONG_AGO })
   r:ask("metadata, if-match with an ETag that was", "PUT /{c}/c?comp=metadata", { headers = { ["if-match"] = first,
      ["x-ms-meta-a"] = "1" } })
   r:ask("what is there then", "GET /{c}/c")
   r:ask("delete, if-match with an ETag that was", "DELETE /{c}/c", { headers = { ["if-match"] = first } })
   r:ask("delete", "DELETE /{c}/c")
   r:ask("delete again", "DELETE /{c}/c")
   r:ask("read after that", "GET /{c}/c")
   r:ask("asked of after that", "HEAD /{c}/c")
end

local function refusals(r)
   local STATUS = { status = "400", ["x-ms-error-code"] = "MissingRequiredHeader" }
   r:ask("no type of blob", "PUT /{c}/b", { body = "x", sheet = STATUS })
   r:ask("a type that is none", "PUT /{c}/b", { body = "x", headers = { ["x-ms-blob-type"] = "RoundBlob" },
      sheet = { status = "400", ["x-ms-error-code"] = "InvalidHeaderValue" } })
   r:put("an MD5 of other bytes", "b", "x", { ["content-md5"] = crypto.base64(crypto.md5 "y") })
   r:put("an MD5 that is none", "b", "x", { ["content-md5"] = "abc" })
   r:put("a CRC-64 of other bytes", "b", "x", { ["x-ms-content-crc64"] = "AAAAAAAAAAA=" })
   r:put("a right CRC-64", "crc", "hello, world", { ["x-ms-content-crc64"] = "zygXiHyzYYo=" },
      { sheet = { ["x-ms-content-crc64"] = "zygXiHyzYYo=" } })
   r:ask("and nothing was written", "GET /{c}/b")
   r:ask("HEAD of nothing: no body", "HEAD /{c}/b")
   r:ask("into no container", "PUT /rows-none/b", { body = "x", headers = { ["x-ms-blob-type"] = "BlockBlob" } })
   r:ask("from no container", "GET /rows-none/b")
   r:ask("HEAD in no container", "HEAD /rows-none/b")
   r:ask("delete in no container", "DELETE /rows-none/b")
   r:ask("a name of 1025 letters", "PUT /{c}/" .. ("n"):rep(1025), { body = "x", headers = {
      ["x-ms-blob-type"] = "BlockBlob" }, sheet = { status = "400", ["x-ms-error-code"] = "OutOfRangeInput" } })
   r:ask("a name of 1024 letters", "PUT /{c}/" .. ("n"):rep(1024), { body = "x", headers = {
      ["x-ms-blob-type"] = "BlockBlob" } })
   r:ask("an operation that is none", "GET /{c}/b?comp=bogus", { sheet = { status = "400",
      ["x-ms-error-code"] = "InvalidQueryParameterValue" } })
end

return { { "properties", properties }, { "metadata", metadata }, { "ranges", ranges },
   { "conditions of reading", reading }, { "conditions of writing", writing }, { "refusals", refusals } }
