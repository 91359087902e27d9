--- Blocks, lists, containers.
local crypto = require "aci.crypto"
local http   = require "aci.http"

local function id_of(text)
   return http.escape(crypto.base64(text))
end

local function xml_of(...)
   local parts = {}
   for index, pair in ipairs { ... } do
      parts[index] = ("<%s>%s</%s>"):format(pair[1], crypto.base64(pair[2]), pair[1])
   end
   return '<?xml version="1.0" encoding="utf-8"?><BlockList>' .. table.concat(parts) .. "</BlockList>"
end

local function blocks(r)
   local function block(title, name, id, body, headers, sheet)
      return r:ask(title, ("PUT /{c}/%s?comp=block&blockid=%s"):format(name, id), { body = body, headers = headers,
         sheet = sheet })
   end
   -- Azure keeps no MD5 of what it has joined, Azurite does.
   local NO_MD5, NO_BLOB = { ["content-md5"] = false }, { etag = false, ["last-modified"] = false }
   local function commit(title, name, xml, options)
      options = options or {}
      options.body, options.headers = xml, options.headers or { ["content-type"] = "application/xml" }
      return r:ask(title, ("PUT /{c}/%s?comp=blocklist"):format(name), options)
   end
   block("the first", "b", id_of "0001", "one ")
   block("the second", "b", id_of "0002", "two ")
   block("the second again, other bytes", "b", id_of "0002", "zwei ")
   block("an id with + and /", "ids", "%2B%2F%2F%2BLTAwMDE%3D", "x")
   local md5 = crypto.base64(crypto.md5 "three")
   block("with its MD5", "b", id_of "0003", "three", { ["content-md5"] = md5 }, { ["content-md5"] = md5 })
   block("with a wrong MD5", "b", id_of "0004", "four", { ["content-md5"] = crypto.base64(crypto.md5 "vier") })
   r:ask("nothing to read yet", "GET /{c}/b")
   r:ask("not in the list of blobs", "GET /{c}?restype=container&comp=list&prefix=b")
   r:ask("the uncommitted ones", "GET /{c}/b?comp=blocklist&blocklisttype=uncommitted", { documented = NO_BLOB })
   r:ask("all of them", "GET /{c}/b?comp=blocklist&blocklisttype=all", { documented = NO_BLOB })
   commit("joined in another order", "b", xml_of({ "Latest", "0002" }, { "Uncommitted", "0001" }),
      { headers = { ["content-type"] = "application/xml", ["x-ms-blob-content-type"] = "text/joined",
         ["x-ms-meta-k"] = "v" } })
   r:ask("what was joined", "GET /{c}/b", { documented = NO_MD5 })
   r:ask("the committed ones", "GET /{c}/b?comp=blocklist&blocklisttype=committed")
   r:ask("none is left uncommitted", "GET /{c}/b?comp=blocklist&blocklisttype=all")
   block("a new one", "b", id_of "0009", "nine")
   commit("old and new ones", "b", xml_of({ "Committed", "0001" }, { "Latest", "0009" }))
   r:ask("old and new ones, read", "GET /{c}/b", { documented = NO_MD5 })
   commit("the same twice", "b", xml_of({ "Committed", "0001" }, { "Committed", "0001" }))
   r:ask("the same twice, read", "GET /{c}/b", { documented = NO_MD5 })
   commit("none: an empty blob", "none", xml_of())
   r:ask("an empty blob, read", "GET /{c}/none", { documented = NO_MD5 })
   commit("an unknown one", "b", xml_of({ "Latest", "0099" }))
   commit("one that is not committed, asked for as committed", "ids", xml_of({ "Committed", "0001" }))
   commit("no XML", "b", "<BlockList", { sheet = { status = "400", ["x-ms-error-code"] = "InvalidXmlDocument" } })
   commit("only if new, and it is not", "b", xml_of(), { headers = { ["content-type"] = "application/xml",
      ["if-none-match"] = "*" } })
   block("an id that is not base64", "bad", "%21%21", "x")
   block("an id of 65 bytes", "bad", id_of(("i"):rep(65)), "x")
   block("an id of 64 bytes", "long", id_of(("i"):rep(64)), "x")
   block("an id of another length", "long", id_of "short", "x")
   r:ask("a block without bytes", "PUT /{c}/zero?comp=block&blockid=" .. id_of "0001", { body = "", sheet = {
      status = "400", ["x-ms-error-code"] = "InvalidHeaderValue" } })
   r:ask("a block in no container", "PUT /rows-none/b?comp=block&blockid=" .. id_of "0001", { body = "x" })
   r:ask("the blocks of nothing", "GET /{c}/nothing?comp=blocklist")
end

local LIST = "GET /{c}?restype=container&comp=list"

local function lists(r)
   r:ask("of nothing", LIST)
   for _, name in ipairs { "a", "b/1", "b/2", "b/c/3", "d", "e&f", "g%20h", "Z", "%C3%A9" } do
      r:put("writes " .. name, name, name, { ["x-ms-meta-is"] = "x" })
   end
   r:ask("all, in their order", LIST)
   r:ask("with metadata", LIST .. "&include=metadata")
   r:ask("by a prefix", LIST .. "&prefix=b%2F")
   r:ask("by a prefix of nothing", LIST .. "&prefix=nothing")
   r:ask("by a prefix that is a name", LIST .. "&prefix=a")
   r:ask("with folders", LIST .. "&delimiter=%2F")
   r:ask("with folders below one", LIST .. "&delimiter=%2F&prefix=b%2F")
   r:ask("a folder without its slash", LIST .. "&delimiter=%2F&prefix=b")
   r:ask("with another delimiter", LIST .. "&delimiter=c")
   r:ask("a page as long as all", LIST .. "&maxresults=9")
   r:ask("a page longer than all", LIST .. "&maxresults=5001")
   for _, size in ipairs { "0", "-1" } do
      r:ask("a page of " .. size, LIST .. "&maxresults=" .. size, { sheet = { status = "400",
         ["x-ms-error-code"] = "OutOfRangeQueryParameterValue" } })
   end
   r:ask("of no container", "GET /rows-none?restype=container&comp=list")
   for _, case in ipairs { { "", "" }, { "&prefix=b%2F&maxresults=2", "Prefix MaxResults" },
      { "&delimiter=%2F&include=metadata", "Delimiter" } } do
      r:ask("how it begins" .. case[1], LIST .. case[1], { sheet = {
         begins = "a byte order mark; repeats " .. case[2] } })
   end
end

-- Walks through a list by its markers; each page is a row.
local function walk(r, title, query)
   local marker, page = nil, 0
   repeat
      page = page + 1
      local _, tree = r:ask(("%s, page %d"):format(title, page), LIST .. query
         .. (marker and "&marker=" .. http.escape(marker) or ""))
      marker = nil
      for _, each in ipairs(tree.children) do
         if each.name == "NextMarker" and each.text ~= "" then marker = each.text end
      end
   until not marker or page > 20
end

local function pages(r)
   local body = crypto.base64(crypto.md5 "x")
   for index = 1, 7 do
      r:put("writes " .. index, ("n%d"):format(index), "x", { ["content-md5"] = body })
   end
   walk(r, "two each", "&maxresults=2")
   walk(r, "seven each", "&maxresults=7")
   walk(r, "three each by a prefix", "&maxresults=3&prefix=n")
   walk(r, "five each, with metadata", "&maxresults=5&include=metadata")
end

local function containers(r)
   local NEW = "/{c}-new?restype=container"
   r:ask("made", "PUT " .. NEW, { headers = { ["x-ms-meta-of"] = "spec" } })
   r:ask("made again", "PUT " .. NEW)
   r:ask("its properties", "GET " .. NEW)
   r:ask("its properties by HEAD", "HEAD " .. NEW)
   r:ask("its metadata", "GET " .. NEW .. "&comp=metadata")
   r:ask("its metadata changed", "PUT " .. NEW .. "&comp=metadata", { headers = { ["x-ms-meta-new"] = "n" } })
   r:ask("after the change", "HEAD " .. NEW)
   r:ask("in the list", "GET /?comp=list&prefix={c}-new")
   r:ask("in the list with metadata", "GET /?comp=list&include=metadata&prefix={c}-new")
   r:ask("a list of none", "GET /?comp=list&prefix=nothing-of-that-name")
   r:ask("deleted if older than it is", "DELETE " .. NEW, { headers = {
      ["if-unmodified-since"] = "Mon, 01 Jan 2024 00:00:00 GMT" } })
   r:ask("deleted", "DELETE " .. NEW)
   r:ask("gone", "GET " .. NEW)
   r:ask("gone, by HEAD", "HEAD " .. NEW)
   r:ask("deleted again", "DELETE " .. NEW)
   r:ask("made again at once", "PUT " .. NEW, { sheet = { status = "409",
      ["x-ms-error-code"] = "ContainerBeingDeleted" } })
   for _, name in ipairs { "Abc", "a--b", "-abc", "abc-", "a_b", "abc.d", "ab", ("a"):rep(64) } do
      r:ask("the name " .. (#name > 60 and "of 64 letters" or name), "PUT /" .. name .. "?restype=container")
   end
   r:ask("the name of 63 letters", "PUT /" .. ("a"):rep(63) .. "?restype=container")
   r:ask("an operation that is none", "GET /{c}?restype=container&comp=bogus", { sheet = { status = "400",
      ["x-ms-error-code"] = "InvalidQueryParameterValue" } })
end

return { { "blocks", blocks }, { "lists", lists }, { "pages", pages }, { "containers", containers } }
