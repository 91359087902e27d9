--- Who may: Shared Key over every header, query and name, a service SAS, and what is refused.
local calls  = require "tests.support.blobcalls"
local crypto = require "aci.crypto"
local secret = require "aci.secret"

-- Azurite has one code for every refusal, Azure has this for a signature.
local FAILED = { ["x-ms-error-code"] = "AuthenticationFailed",
   body = "Error: AuthenticationFailed, a message with id and time" }

local function refused(r, title, what, options)
   options = options or {}
   options.sheet = options.sheet or FAILED
   return r:ask(title, what, options)
end

local function headers(r)
   local md5 = crypto.base64(crypto.md5 "hello, world")
   r:put("a body", "a.txt", "hello, world")
   r:put("no body: its length is signed as nothing", "empty", "")
   refused(r, "no body, its length signed as 0", "PUT /{c}/zero", { body = "", headers = {
      ["x-ms-blob-type"] = "BlockBlob" }, text = function(text) return (text:gsub("^PUT\n\n\n", "PUT\n\n\n0")) end })
   r:put("Content-Type with blanks and a ;", "t", "x", { ["content-type"] = "text/plain; charset=utf-8" })
   r:put("Content-MD5", "m", "hello, world", { ["content-md5"] = md5 })
   r:put("Content-Encoding and Content-Language", "e", "x", { ["content-encoding"] = "gzip",
      ["content-language"] = "nb-NO" })
   r:ask("what those gave the blob", "HEAD /{c}/e", { documented = { ["content-encoding"] = "gzip",
      ["content-language"] = "nb-NO" } })
   local made = r:ask("If-Match", "GET /{c}/a.txt", { headers = { ["if-match"] = "*" } })
   r:ask("If-None-Match", "GET /{c}/a.txt", { headers = { ["if-none-match"] = made.headers.etag } })
   r:put("If-None-Match: *", "n", "x", { ["if-none-match"] = "*" })
   r:ask("If-Modified-Since", "GET /{c}/a.txt", { headers = {
      ["if-modified-since"] = "Mon, 01 Jan 2024 00:00:00 GMT" } })
   r:ask("If-Unmodified-Since", "GET /{c}/a.txt", { headers = {
      ["if-unmodified-since"] = "Tue, 01 Jan 2124 00:00:00 GMT" } })
   r:ask("Range", "GET /{c}/a.txt", { headers = { range = "bytes=0-4" } })
   r:ask("x-ms-range", "GET /{c}/a.txt", { headers = { ["x-ms-range"] = "bytes=7-" } })
   r:ask("both ranges: x-ms-range counts", "GET /{c}/a.txt", { headers = { range = "bytes=0-1",
      ["x-ms-range"] = "bytes=0-4" } })
   r:put("metadata in the order of the service: _ before digits", "o", "x", { ["x-ms-meta-a_b"] = "1",
      ["x-ms-meta-a0"] = "2", ["x-ms-meta-ab"] = "3" })
   r:put("metadata with blanks around", "b", "x", { ["x-ms-meta-k"] = "a b" })
   r:put("an x-ms header without a value", "v", "x", { ["x-ms-meta-k"] = "" })
   r:ask("a request id of the caller's, which comes back", "GET /{c}/a.txt", { headers = {
      ["x-ms-client-request-id"] = "spec-1" } })
end

-- A query in any order is signed by its sorted, decoded values.
local function queries(r)
   r:put("a name to find", "dir/%C3%A9t%C3%A9/a%20b+c%25.txt", "x")
   for index, query in ipairs { "restype=container&comp=list&prefix=dir%2F", "comp=list&prefix=dir/&restype=container",
      "prefix=dir%2f&restype=container&comp=list", "comp=list&restype=container&delimiter=%2F&prefix=dir%2F",
      "prefix=&comp=list&restype=container", "include=metadata&comp=list&restype=container",
      "include=metadata,copy&comp=list&restype=container",
      "include=metadata%2Ccopy&restype=container&comp=list", "restype=container&comp=list&prefix=%C3%A9",
      "restype=container&comp=list&prefix=dir%2F%C3%A9t%C3%A9%2Fa%20b%2B",
      "restype=container&comp=list&prefix=a%25",
      "restype=container&comp=list&unknown=1" } do
      r:ask(("order and encoding %d: %s"):format(index, query), "GET /{c}?" .. query)
   end
   refused(r, "a parameter that was not signed", "GET /{c}?restype=container&comp=list&prefix=x", {
      text = function(text) return (text:gsub("\nprefix:x", "")) end })
   refused(r, "values signed as they are encoded", "GET /{c}?restype=container&comp=list&prefix=dir%2F", {
      text = function(text) return (text:gsub("dir/", "dir%%2F")) end })
   refused(r, "parameters not sorted", "GET /{c}?restype=container&comp=list", { text = function(text)
      return (text:gsub("\ncomp:list\nrestype:container", "\nrestype:container\ncomp:list"))
   end })
end

local NAMES = { { "a blank", "a%20b" }, { "a plus", "a+b" }, { "a plus, encoded", "a%2Bb" },
   { "a percent sign", "100%25" }, { "a percent sign and digits", "a%2520b" }, { "folders", "a/b/c" },
   { "an encoded slash", "d%2Fe" }, { "letters of Europe", "%C3%A9t%C3%A9" },
   { "letters of Asia", "%E6%97%A5%E6%9C%AC" }, { "beyond the BMP", "%F0%9F%98%80" },
   { "lower-case hex", "%c3%a9" }, { "& and =", "a&b=c" }, { "a question mark", "a%3Fb" },
   { "a number sign", "a%23b" }, { "quotes", "'%22" }, { "brackets", "(a)[%5Bb%5D" }, { "; , : @", "a;b,c:d@e" },
   { "~ ! * $", "~a!b*c$" }, { "two slashes", "a//b" }, { "a backslash", "a%5Cb" } }

local function names(r)
   for _, pair in ipairs(NAMES) do
      r:put("written: " .. pair[1], pair[2], pair[2])
      r:ask("read: " .. pair[1], "GET /{c}/" .. pair[2])
   end
   refused(r, "a path signed decoded", "GET /{c}/a%20b", {
      text = function(text) return (text:gsub("a%%20b", "a b")) end })
end

local function keys(r)
   r:put("with its key", "k", "x")
   refused(r, "a wrong key", "GET /{c}/k", { key = crypto.base64(("w"):rep(64)) })
   refused(r, "another account's name", "GET /{c}/k", { account = "somebodyelse" })
   refused(r, "a wrong key, HEAD: no body", "HEAD /{c}/k", { key = crypto.base64(("w"):rep(64)),
      sheet = { ["x-ms-error-code"] = "AuthenticationFailed" } })
   refused(r, "a wrong key, a write", "PUT /{c}/k", { key = crypto.base64(("w"):rep(64)), body = "y",
      headers = { ["x-ms-blob-type"] = "BlockBlob" } })
   r:ask("and nothing was written", "GET /{c}/k")
   refused(r, "the verb of another request", "GET /{c}/k", {
      text = function(text) return (text:gsub("^GET", "PUT")) end })
   refused(r, "a header added after signing", "GET /{c}/k", { late = { ["x-ms-range"] = "bytes=0-0" } })
   refused(r, "a header changed after signing", "PUT /{c}/k", { body = "y", headers = {
      ["x-ms-blob-type"] = "BlockBlob", ["x-ms-meta-k"] = "1" }, late = { ["x-ms-meta-k"] = "2" } })
   refused(r, "a Content-Type that was not signed", "PUT /{c}/k", { body = "y",
      headers = { ["x-ms-blob-type"] = "BlockBlob" }, late = { ["content-type"] = "text/x" } })
   refused(r, "metadata signed in the order of ASCII", "PUT /{c}/k", { body = "y", headers = {
      ["x-ms-blob-type"] = "BlockBlob", ["x-ms-meta-a_b"] = "1", ["x-ms-meta-a0"] = "2" },
      text = function(text) return (text:gsub("(x%-ms%-meta%-a_b:1\n)(x%-ms%-meta%-a0:2\n)", "%2%1")) end })
   for _, slot in ipairs { { "Content-Type", 6 }, { "If-Match", 9 }, { "If-None-Match", 10 }, { "Range", 12 } } do
      refused(r, "a value signed as " .. slot[1] .. " that was not sent", "GET /{c}/k", { text = function(text)
         local line = 0
         return (text:gsub("\n", function()
            line = line + 1
            return line == slot[2] and "x\n" or "\n"
         end))
      end })
   end
   for _, word in ipairs { "Basic YTpi", "SharedKey", "SharedKey a:b:c", "rubbish" } do
      refused(r, "Authorization: " .. word, "GET /{c}/k", { unsigned = true, headers = { authorization = word },
         sheet = { status = "403", ["x-ms-error-code"] = "AuthenticationFailed" } })
   end
   r:ask("nobody at all", "GET /{c}/k", { unsigned = true, sheet = { status = "401",
      ["x-ms-error-code"] = "NoAuthenticationInformation" } })
   r:ask("a date 20 minutes old", "GET /{c}/k", { unsigned = true, headers = {
      ["x-ms-date"] = "Mon, 01 Jan 2024 00:00:00 GMT", authorization = "SharedKey " .. r.backend.account .. ":AAAA" },
      sheet = { status = "403", ["x-ms-error-code"] = "AuthenticationFailed" } })
   r:ask("no version", "GET /{c}/k", { headers = { ["x-ms-version"] = false },
      sheet = { status = "400", ["x-ms-error-code"] = "InvalidHeaderValue" } })
   for _, version in ipairs { "2019-12-12", "2021-12-02", "2024-11-04", "2025-05-05", "2026-06-06" } do
      r:ask("version " .. version, "GET /{c}/k", { headers = { ["x-ms-version"] = version } })
   end
   r:ask("a version that is none", "GET /{c}/k", { headers = { ["x-ms-version"] = "2020-99-99" } })
end

local function sas(r)
   r:put("a blob to share", "dir/a%20b.txt", "shared")
   local key = r.backend.key
   local signer = setmetatable({ name = r.backend.account, keys = {
      secret.is(key) and secret.reveal(key) or key } }, calls)
   local function ask(title, method, path, resource, fields, options)
      options = options or {}
      options.unsigned = true
      fields.spr = fields.spr == nil and "https,http" or fields.spr or nil
      local query = calls.sas(signer, (resource:gsub("{c}", r.container)), fields)
      if options.change then query = options.change(query) end
      return r:ask(title, ("%s %s%s%s"):format(method, path, path:find("?", 1, true) and "&" or "?", query), options)
   end
   local BLOB, PATH = "/{c}/dir/a b.txt", "/{c}/dir/a%20b.txt"
   local TYPED = { ["x-ms-blob-type"] = "BlockBlob", ["x-ms-version"] = false }
   local OLD = { headers = { ["x-ms-version"] = false } }
   ask("reads its blob", "GET", PATH, BLOB, { sp = "r", sr = "b" })
   ask("without a version of the request", "GET", PATH, BLOB, { sp = "r", sr = "b" }, OLD)
   ask("of an older version", "GET", PATH, BLOB, { sp = "r", sr = "b", sv = "2020-12-06" })
   ask("tells of its blob", "HEAD", PATH, BLOB, { sp = "r", sr = "b" })
   ask("may not write where it may read", "PUT", PATH, BLOB, { sp = "r", sr = "b" }, { headers = TYPED, body = "x" })
   ask("may not delete where it may read", "DELETE", PATH, BLOB, { sp = "r", sr = "b" })
   ask("is of no other blob", "GET", "/{c}/dir/other", BLOB, { sp = "r", sr = "b" }, { sheet = FAILED })
   ask("of the container reads", "GET", PATH, "/{c}", { sp = "rl", sr = "c" })
   ask("of the container lists", "GET", "/{c}?restype=container&comp=list", "/{c}", { sp = "rl", sr = "c" })
   ask("of a blob lists nothing", "GET", "/{c}?restype=container&comp=list", "/{c}", { sp = "r", sr = "c" })
   local function write(title, letters, body)
      ask(title, "PUT", "/{c}/new", "/{c}", { sp = letters, sr = "c" }, { headers = TYPED, body = body })
   end
   write("with c makes what is new", "c", "x")
   write("with c writes over nothing", "c", "y")
   write("with w writes over it", "w", "z")
   ask("with d deletes", "DELETE", "/{c}/new", "/{c}", { sp = "d", sr = "c" })
   ask("with a time that was", "GET", PATH, BLOB, { sp = "r", sr = "b", se = "2024-01-01T00:00:00Z" },
      { sheet = FAILED })
   ask("with a time that will be", "GET", PATH, BLOB, { sp = "r", sr = "b", st = "2124-01-01T00:00:00Z",
      se = "2125-01-01T00:00:00Z" }, { sheet = FAILED })
   ask("with a start that was", "GET", PATH, BLOB, { sp = "r", sr = "b", st = "2024-01-01T00:00:00Z" })
   ask("whose letters were changed", "GET", PATH, BLOB, { sp = "r", sr = "b" }, { sheet = FAILED,
      change = function(query) return (query:gsub("sp=r", "sp=rw")) end })
   ask("whose end was changed", "GET", PATH, BLOB, { sp = "r", sr = "b" }, { sheet = FAILED,
      change = function(query) return (query:gsub("se=%d+", "se=2099")) end })
   ask("whose letters are not in their order", "GET", PATH, "/{c}", { sp = "lr", sr = "c" }, { sheet = {
      status = "403", ["x-ms-error-code"] = "AuthenticationFailed" } })
   ask("for another address", "GET", PATH, BLOB, { sp = "r", sr = "b", sip = "10.1.2.3" }, { sheet = {
      status = "403", ["x-ms-error-code"] = "AuthorizationSourceIPMismatch" } })
   ask("for this address", "GET", PATH, BLOB, { sp = "r", sr = "b", sip = "127.0.0.1" })
   ask("for these addresses", "GET", PATH, BLOB, { sp = "r", sr = "b", sip = "127.0.0.0-127.0.0.9" })
   ask("with headers of its own for the answer", "GET", PATH, BLOB, { sp = "r", sr = "b", rscc = "no-cache",
      rscd = "attachment", rsct = "text/x" }, { sheet = { ["cache-control"] = "no-cache",
      ["content-disposition"] = "attachment", ["content-type"] = "text/x" } })
end

return { { "headers", headers }, { "queries", queries }, { "names", names }, { "keys", keys }, { "SAS", sas } }
