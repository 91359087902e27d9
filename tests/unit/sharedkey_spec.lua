local crypto = require "aci.crypto"
local json = require "aci.json"

local vectors = json.decode(assert(io.open("tests/vectors/sharedkey.json")):read "a")

local function text_of(headers, target)
   target = target or "/c"
   return crypto.shared_key_string { method = "GET", account = "a", target = target, headers = headers }
end

describe("crypto.shared_key_string", function()
   for _, vector in ipairs(vectors.vectors) do
      it("signs what a real service accepted: " .. vector.name, function()
         local text = crypto.shared_key_string { method = vector.method, target = vector.target,
            account = vector.account or vectors.account, headers = vector.headers }
         assert.equal(vector.text, text)
         assert.equal(vector.signature,
            crypto.base64(crypto.hmac_sha256(crypto.unbase64(vectors.key), text)))
      end)
   end

   it("has at least the recorded number of vectors", function()
      assert.is_true(#vectors.vectors >= 15)
   end)

   it("takes header names in any case and trims x-ms values", function()
      assert.equal("GET\n\n\n\n\ntext/plain\n\n\n\n\n\n\nx-ms-meta-a:b  c\nx-ms-version:1\n/a/c",
         text_of { ["CONTENT-Type"] = "text/plain", ["X-Ms-Version"] = "1", ["x-ms-meta-A"] = " b  c\t" })
   end)

   it("sorts '_' of metadata names before digits", function()
      assert.equal("x-ms-meta-a_b:2\nx-ms-meta-a0:1\nx-ms-meta-ab:3\nx-ms-metb:4\n",
         text_of({ ["x-ms-meta-a0"] = "1", ["x-ms-meta-a_b"] = "2", ["x-ms-meta-ab"] = "3",
            ["x-ms-metb"] = "4" }):match "x%-ms.*\n")
   end)

   it("leaves Date out only where x-ms-date is there, and a length only of 0", function()
      assert.equal("GET\n\n\n10\n\n\nnow\n\n\n\n\n\n/a/c",
         text_of { date = "now", ["content-length"] = "10" })
      assert.equal("GET\n\n\n\n\n\n\n\n\n\n\n\nx-ms-date:then\n/a/c",
         text_of { date = "now", ["x-ms-date"] = "then", ["content-length"] = "0" })
   end)

   it("sorts and joins the values of one parameter", function()
      local start = "GET\n\n\n\n\n\n\n\n\n\n\n\n"
      assert.equal(start .. "/a/c\nb:1,2\nc:\nd:", text_of({}, "/c?d&B=2&c=&b=1"))
      assert.equal(start .. "/a/c\nb:%zz+", text_of({}, "/c?&b=%zz+&"))
      assert.equal(start .. "/a/", text_of({}, ""))
      assert.equal(start .. "/a/\nb:=", text_of({}, "?b=="))
      assert.equal(start .. "/a/c", text_of({}, "/c?"))
   end)

   it("refuses what it cannot sign", function()
      assert.has_error(function() crypto.shared_key_string { method = "GET", account = "a" } end)
      assert.has_error(function() text_of { [1] = "x" } end)
      assert.has_error(function() text_of { a = 1 } end)
      assert.has_error(function() text_of "x" end)
      assert.has_error(function() crypto.shared_key_string { methode = "GET" } end)
   end)
end)
