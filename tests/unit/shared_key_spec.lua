local auth = require "aci.auth"
local clock = require "aci.clock"
local crypto = require "aci.crypto"
local secret = require "aci.secret"
local shared_key = require "aci.auth.shared_key"

-- The strings are those that Azurite 3.37 accepted (azure/dataplane.md 3.2).
local DATE, HOST = "Mon, 01 Jun 2026 12:00:00 GMT", "http://127.0.0.1:10000"
local A = "devstoreaccount1"

local function signed(method, url, headers)
   headers["x-ms-date"], headers["x-ms-version"] = DATE, "2023-11-03"
   return shared_key.string_to_sign(A, method, url, headers)
end

local function empty(n) return ("\n"):rep(n) end

describe("aci.auth.shared_key", function()
   it("signs a put: length, MD5, type, the x-ms headers in order, the account twice in path style", function()
      assert.equal("PUT" .. empty(3) .. "12\n5NfxtO0uQtFYmPSyewGdpA==\ntext/plain; charset=utf-8" .. empty(7)
         .. "x-ms-blob-type:BlockBlob\nx-ms-date:" .. DATE .. "\nx-ms-meta-owner:ada\n"
         .. "x-ms-version:2023-11-03\n/devstoreaccount1/devstoreaccount1/vectors/a.txt",
         signed("PUT", HOST .. "/devstoreaccount1/vectors/a.txt", { ["content-length"] = "12",
            ["content-md5"] = "5NfxtO0uQtFYmPSyewGdpA==", ["content-type"] = "text/plain; charset=utf-8",
            ["x-ms-blob-type"] = "BlockBlob", ["x-ms-meta-owner"] = "ada" }))
   end)

   it("signs a length of 0 as nothing", function()
      assert.equal("PUT" .. empty(12) .. "x-ms-blob-type:BlockBlob\nx-ms-date:" .. DATE
         .. "\nx-ms-version:2023-11-03\n/devstoreaccount1/devstoreaccount1/vectors/empty",
         signed("PUT", HOST .. "/devstoreaccount1/vectors/empty",
            { ["content-length"] = "0", ["x-ms-blob-type"] = "BlockBlob" }))
   end)

   it("sorts the query by name and signs its values decoded", function()
      assert.equal("GET" .. empty(12) .. "x-ms-date:" .. DATE .. "\nx-ms-version:2023-11-03\n"
         .. "/devstoreaccount1/devstoreaccount1/vectors\ncomp:list\ndelimiter:/\nmaxresults:2\n"
         .. "prefix:dir/a b\nrestype:container",
         signed("GET", HOST .. "/devstoreaccount1/vectors?restype=container&comp=list&prefix=dir%2Fa%20b"
            .. "&delimiter=%2F&maxresults=2", {}))
      assert.matches("\nprefix:\u{e9}t\u{e9}/%%%+\nrestype:container$",
         signed("GET", HOST .. "/x?restype=container&prefix=%C3%A9t%C3%A9%2F%25%2B", {}))
   end)

   it("signs the path as it is sent", function()
      assert.matches("/devstoreaccount1/vectors/%%C3%%A9t%%C3%%A9/a%%20b%+c%.txt$",
         signed("PUT", HOST .. "/devstoreaccount1/vectors/%C3%A9t%C3%A9/a%20b+c.txt", {}))
   end)

   it("puts conditions and Range in their slots, x-ms-range among the others", function()
      assert.equal("GET" .. empty(8) .. "*" .. empty(3) .. "bytes=0-4\nx-ms-date:" .. DATE
         .. "\nx-ms-version:2023-11-03\n/devstoreaccount1/devstoreaccount1/vectors/a.txt",
         signed("GET", HOST .. "/devstoreaccount1/vectors/a.txt",
            { range = "bytes=0-4", ["if-match"] = "*" }))
      assert.matches("\n\nx%-ms%-date:.*\nx%-ms%-range:bytes=0%-4\nx%-ms%-version",
         signed("GET", HOST .. "/devstoreaccount1/vectors/a.txt", { ["x-ms-range"] = "bytes=0-4" }))
   end)

   it("names the account once where it is in the host", function()
      assert.matches("\n/devstoreaccount1/vectors/a%.txt$",
         signed("GET", "https://devstoreaccount1.blob.core.windows.net/vectors/a.txt", {}))
      assert.matches("\n/devstoreaccount1/$",
         signed("GET", "https://devstoreaccount1.blob.core.windows.net", {}))
   end)

   it("sorts '_' before digits, as the service does", function()
      local text = signed("GET", HOST .. "/x", { ["x-ms-meta-a0"] = "1", ["x-ms-meta-a_b"] = "2" })
      assert.is_true(text:find("x-ms-meta-a_b", 1, true) < text:find("x-ms-meta-a0", 1, true))
   end)

   it("adds date and signature made with the decoded key", function()
      local key = crypto.base64 "0123456789abcdef0123456789abcdef"
      local signer = auth.shared_key { account = A, key = secret.new(key) }
      local headers = signer:sign("GET", HOST .. "/devstoreaccount1/c", { ["x-ms-version"] = "2023-11-03" })
      assert.is_true(math.abs(clock.parse_http_date(headers["x-ms-date"]) - clock.now()) < 5)
      local expected = crypto.base64(crypto.hmac_sha256("0123456789abcdef0123456789abcdef",
         shared_key.string_to_sign(A, "GET", HOST .. "/devstoreaccount1/c", {
            ["x-ms-version"] = "2023-11-03", ["x-ms-date"] = headers["x-ms-date"] })))
      assert.equal("SharedKey devstoreaccount1:" .. expected, headers.authorization)
   end)
end)
