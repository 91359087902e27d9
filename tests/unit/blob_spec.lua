local blob = require "aci.blob"
local crypto = require "aci.crypto"
local error_ = require "aci.error"
local fake_http = require "tests.support.fake_http"
local fs = require "aci.fs"
local failure = require "tests.support.failure"

local E = "https://acct.blob.core.windows.net"
local KEY = crypto.base64(("k"):rep(64))
local BOM = "\xEF\xBB\xBF"

local function connect(script, fields, key)
   local http = fake_http.new(script)
   return blob.connect(fake_http.config(http, fields), "acct", key or KEY), http
end

local function refused(code, text)
   return BOM .. '<?xml version="1.0" encoding="utf-8"?><Error><Code>' .. code .. "</Code><Message>" .. text
      .. "\nRequestId:1\nTime:2</Message></Error>",
      { ["x-ms-error-code"] = code, ["x-ms-request-id"] = "b-1" }
end

local function entry(request, status, code, text)
   local body, headers = refused(code, text or code)
   return { request, status, body, headers }
end

local function page(blobs, marker)
   return BOM .. '<?xml version="1.0" encoding="utf-8"?><EnumerationResults ServiceEndpoint="' .. E
      .. '/" ContainerName="c"><Blobs>' .. blobs .. "</Blobs><NextMarker>" .. (marker or "")
      .. "</NextMarker></EnumerationResults>"
end

local function item(name, size)
   return "<Blob><Name>" .. name .. "</Name><Properties><Etag>0x8D</Etag><Content-Length>" .. size
      .. "</Content-Length><Content-Type>text/x-lua</Content-Type><Content-MD5 /></Properties>"
      .. "<Metadata><is_directory>false</is_directory></Metadata><OrMetadata /></Blob>"
end

describe("aci.blob", function()
   it("signs every request, pins the version and sends no date but x-ms-date", function()
      local store, http = connect { { "PUT " .. E .. "/flows?restype=container", 201, "" } }
      assert.is_true(store:create_container "flows")
      local headers = http:got(1).headers
      assert.matches("^SharedKey acct:[%w+/]+=*$", headers.authorization)
      assert.equal("2023-11-03", headers["x-ms-version"])
      assert.is_string(headers["x-ms-date"])
      assert.is_nil(headers.date)
      assert.is_nil(headers["content-length"])
      assert.equal("", http:got(1).body)
   end)

   it("makes a container once, and waits for a name that is being deleted", function()
      local put = "PUT " .. E .. "/flows?restype=container"
      local store, http = connect {
         entry(put, 409, "ContainerAlreadyExists"),
         entry(put, 409, "ContainerBeingDeleted"),
         { put, 201, "" },
         entry(put, 409, "AccountBeingCreated"),
      }
      assert.is_false(store:create_container "flows")
      assert.is_true(store:create_container "flows")
      assert.equal("conflict", failure(store.create_container, store, "flows").kind)
      http:finished()
   end)

   it("puts bytes with type, MD5, metadata and conditions", function()
      local store, http = connect { { "PUT " .. E .. "/c/dir/a%20%C3%BC%2B.lua", 201, "",
         { etag = '"0x8D"', ["content-md5"] = "m" } } }
      local made = store:put("c", "dir/a ü+.lua", "hello", { content_type = "text/x-lua",
         metadata = { Is_Directory = "false" }, if_none_match = "*" })
      assert.same({ etag = "0x8D", md5 = "m" }, made)
      local headers = http:got(1).headers
      assert.same({ "BlockBlob", "text/x-lua", "false", "*", crypto.base64(crypto.md5 "hello") },
         { headers["x-ms-blob-type"], headers["content-type"], headers["x-ms-meta-is_directory"],
         headers["if-none-match"], headers["content-md5"] })
   end)

   it("gives bytes and properties", function()
      local store = connect { { "GET " .. E .. "/c/a", 200, "data", { etag = '"1"', ["content-length"] = "4",
         ["x-ms-meta-owner"] = "ada", ["content-type"] = "text/plain" } } }
      local data, info = store:get("c", "a")
      assert.equal("data", data)
      assert.same({ etag = "1", size = 4, content_type = "text/plain", metadata = { owner = "ada" } }, info)
   end)

   it("tells absent blobs from refusals", function()
      local store, http = connect {
         { "HEAD " .. E .. "/c/a", 404, "", { ["x-ms-error-code"] = "BlobNotFound" } },
         entry("DELETE " .. E .. "/c/a", 404, "BlobNotFound"),
         { "DELETE " .. E .. "/c/a", 202, "" },
         entry("GET " .. E .. "/c/a", 404, "BlobNotFound", "The specified blob does not exist."),
         entry("GET " .. E .. "/c/a", 412, "ConditionNotMet"),
         { "HEAD " .. E .. "/c?restype=container", 404, "" },
      }
      assert.is_nil(store:properties("c", "a"))
      assert.is_false(store:delete("c", "a"))
      assert.is_true(store:delete("c", "a"))
      local err = failure(store.get, store, "c", "a")
      assert.equal("not_found", err.kind)
      assert.equal("The specified blob does not exist.", err.message)
      assert.equal("b-1", err.request_id)
      assert.equal("conflict", failure(store.get, store, "c", "a", { if_match = '"x"' }).kind)
      assert.is_false(store:container_exists "c")
      http:finished()
   end)

   it("shows what the service signed when the key is wrong; exit 4", function()
      local body = BOM .. "<Error><Code>AuthenticationFailed</Code><Message>Server failed to "
         .. "authenticate the request.\nRequestId:1</Message><AuthenticationErrorDetail>Server used "
         .. "following string to sign: 'GET'.</AuthenticationErrorDetail></Error>"
      local store = connect { { "GET " .. E .. "/c/a", 403, body,
         { ["x-ms-error-code"] = "AuthenticationFailed" } } }
      local err = failure(store.get, store, "c", "a")
      assert.equal(4, error_.exit_code(err))
      assert.matches("string to sign: 'GET'", err.message)
      assert.matches("key is wrong", err.advice)
   end)

   it("advises where keys are not permitted, and where a data role is missing", function()
      local store = connect { entry("GET " .. E .. "/c/a", 403, "KeyBasedAuthenticationNotPermitted"),
         entry("GET " .. E .. "/c/a", 403, "AuthorizationPermissionMismatch") }
      assert.matches("allowSharedKeyAccess", failure(store.get, store, "c", "a").advice)
      assert.matches("Storage Blob Data Contributor", failure(store.get, store, "c", "a").advice)
   end)

   it("lists through all pages: markers are sent back encoded, names decoded where they say so", function()
      local first = E .. "/c?comp=list&include=metadata&maxresults=2&prefix=x%2F&restype=container"
      local second = E .. "/c?comp=list&include=metadata&marker=2%21100%21MDA-&maxresults=2&prefix=x%2F"
         .. "&restype=container"
      local third = second:gsub("MDA%-", "B"):gsub("marker=2%%21100%%21B", "marker=B")
      local store, http = connect {
         { "GET " .. first, 200, page(item("x/a&amp;b", 3) .. item("x/b", 0), "2!100!MDA-") },
         { "GET " .. second, 200, page("", "B") },
         { "GET " .. third, 200,
            page '<Blob><Name Encoded="true">x%2F%EF%BF%BF</Name><Properties /></Blob>' },
      }
      local blobs = store:list("c", { prefix = "x/", page = 2, metadata = true })
      assert.same({ "x/a&b", "x/b", "x/\u{FFFF}" }, { blobs[1].name, blobs[2].name, blobs[3].name })
      assert.same({ 3, "0x8D", "text/x-lua", "false" }, { blobs[1].size, blobs[1].etag, blobs[1].content_type,
         blobs[1].metadata.is_directory })
      assert.is_nil(blobs[1].md5)
      http:finished()
   end)

   it("gives the prefixes of a folder view", function()
      local store = connect { { "GET " .. E .. "/c", 200,
         page("<BlobPrefix><Name>dir/</Name></BlobPrefix>" .. item("z", 1)) } }
      local blobs, prefixes = store:list("c", { delimiter = "/" })
      assert.same({ "dir/" }, prefixes)
      assert.equal("z", blobs[1].name)
   end)

   it("says when a list is not one", function()
      local store = connect { { "GET " .. E .. "/c", 200, "<html></html>" } }
      assert.equal("NotXML", failure(store.list, store, "c").code)
   end)

   it("works with a service that has the account in its path", function()
      local store, http = connect({ { "GET http://127.0.0.1:10000/acct/c/a", 200, "x" } },
         { blob_endpoint = "http://127.0.0.1:10000/acct" })
      store:get("c", "a")
      http:finished()
   end)

   it("uses tokens when it is given a credential in place of a key", function()
      local credential = fake_http.credential "blob-token"
      local store, http = connect({ { "GET " .. E .. "/c/a", 200, "x" } }, nil, credential)
      store:get("c", "a")
      assert.equal("Bearer blob-token", http:got(1).headers.authorization)
      assert.equal("https://storage.azure.com/.default", credential.asked[1])
   end)

   it("asks for a key when there is none", function()
      local config = fake_http.config(fake_http.new {})
      local err = failure(blob.connect, config, "acct")
      assert.equal("usage", err.kind)
      assert.matches("AZURE_STORAGE_KEY", err.advice)
   end)
end)

describe("aci.blob files", function()
   local folder
   before_each(function() folder = fs.tempdir() end)
   after_each(function() fs.remove_tree(folder) end)

   it("streams a small file in one request", function()
      local path = folder .. "/f"
      fs.write(path, "content")
      local store, http = connect { { "PUT " .. E .. "/c/f", 201, "", { etag = '"e"' } } }
      assert.equal("e", store:upload("c", "f", path).etag)
      assert.same({ file = path }, http:got(1).body)
   end)

   it("sends a large file in blocks with ids of one length and commits them in order", function()
      local path = folder .. "/f"
      fs.write(path, "aaaabbbbcc")
      local function block(url) return { "PUT " .. url, 201, "" } end
      local url = E .. "/c/f"
      local store, http = connect { block(url), block(url), block(url), block(url) }
      store:upload("c", "f", path, { single = 4, block = 4, at_once = 2, content_type = "text/plain" })
      local sent, ids = {}, {}
      for i = 1, 3 do
         local got = http:got(i)
         sent[got.body] = got.url:match "blockid=([^&]+)"
         assert.equal(crypto.base64(crypto.md5(got.body)), got.headers["content-md5"])
      end
      local last = http:got(4)
      assert.matches("comp=blocklist$", last.url)
      assert.equal("text/plain", last.headers["x-ms-blob-content-type"])
      for id in last.body:gmatch "<Latest>(.-)</Latest>" do ids[#ids + 1] = require("aci.http").escape(id) end
      assert.same({ sent.aaaa, sent.bbbb, sent.cc }, ids)
      assert.equal(#ids[1], #ids[3])
   end)

   it("says when the file is not there, before any request", function()
      local store, http = connect {}
      assert.equal("not_found", failure(store.upload, store, "c", "f", folder .. "/none").kind)
      assert.equal(0, #http.requests)
   end)

   it("downloads to a file that appears when it is whole", function()
      local path = folder .. "/got"
      local store = connect {
         { "GET " .. E .. "/c/f", 200, "the bytes", { ["content-length"] = "9" } },
         { "GET " .. E .. "/c/g", 404, "", { ["x-ms-error-code"] = "BlobNotFound" } },
      }
      assert.equal(9, store:download("c", "f", path).size)
      assert.equal("the bytes", fs.read(path))
      assert.equal("not_found", failure(store.download, store, "c", "g", folder .. "/none").kind)
      assert.same({ "got" }, fs.list(folder))
   end)
end)
