local crypto = require "aci.crypto"
local secret = require "aci.secret"
local errors = require "aci.error"
local json = require "aci.json"

local hex, unhex = crypto.hex, crypto.unhex

local function refused(value, err)
   assert.is_nil(value)
   assert.is_true(errors.is(err, "invalid"))
   return err.message
end

describe("digests", function()
   it("match FIPS 180 and RFC 1321", function()
      local long = "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"
      assert.equal("900150983cd24fb0d6963f7d28e17f72", hex(crypto.md5 "abc"))
      assert.equal("d41d8cd98f00b204e9800998ecf8427e", hex(crypto.md5 ""))
      assert.equal("a9993e364706816aba3e25717850c26c9cd0d89d", hex(crypto.sha1 "abc"))
      assert.equal("84983e441c3bd26ebaae4aa1f95129e5e54670f1", hex(crypto.sha1(long)))
      assert.equal("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
         hex(crypto.sha256 "abc"))
      assert.equal("248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1",
         hex(crypto.sha256(long)))
      assert.equal("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
         hex(crypto.sha256 ""))
      assert.equal("cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0",
         hex(crypto.sha256(("a"):rep(1000000))))
      assert.equal("ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"
         .. "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f", hex(crypto.sha512 "abc"))
   end)

   it("are the same of pieces, and may go on", function()
      for _, kind in ipairs { "md5", "sha1", "sha256", "sha512" } do
         local sum = crypto.digest(kind)
         assert.equal(crypto[kind] "", sum:value())
         assert.equal(sum, sum:add "ab")
         assert.equal(crypto[kind] "ab", sum:value())
         assert.equal(crypto[kind] "abc", sum:add(""):add(secret.new "c"):value())
      end
      assert.has_error(function() crypto.digest "md4" end)
      assert.has_error(function() crypto.digest "md5":add(1, nil) end)
      assert.has_error(function() getmetatable(crypto.digest "md5").add({}, "x") end)
   end)

   it("match RFC 4231 with a key", function()
      local cases = {
         { ("\x0b"):rep(20), "Hi There",
            "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7" },
         { "Jefe", "what do ya want for nothing?",
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843" },
         { ("\xaa"):rep(20), ("\xdd"):rep(50),
            "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe" },
         { unhex "0102030405060708090a0b0c0d0e0f10111213141516171819", ("\xcd"):rep(50),
            "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b" },
         { ("\x0c"):rep(20), "Test With Truncation", "a3b6167473100ee06e0c796c2955552b" },
         { ("\xaa"):rep(131), "Test Using Larger Than Block-Size Key - Hash Key First",
            "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54" },
         { ("\xaa"):rep(131), "This is a test using a larger than block-size key and a larger than "
            .. "block-size data. The key needs to be hashed before being used by the HMAC algorithm.",
            "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2" },
      }
      for _, case in ipairs(cases) do
         local of_text = hex(crypto.hmac_sha256(case[1], case[2]))
         assert.equal(case[3], of_text:sub(1, #case[3]), "the fifth shows its first 128 bits only")
         assert.equal(of_text, hex(crypto.hmac_sha256(secret.new(case[1]), secret.new(case[2]))))
      end
      assert.equal(32, #crypto.hmac_sha256("", ""))
   end)

   it("refuse what is no text", function()
      assert.has_error(function() crypto.sha256(1) end)
      assert.has_error(function() crypto.hmac_sha256("k") end)
   end)
end)

describe("encodings", function()
   it("match RFC 4648", function()
      local cases = { [""] = "", f = "Zg==", fo = "Zm8=", foo = "Zm9v", foob = "Zm9vYg==",
         fooba = "Zm9vYmE=", foobar = "Zm9vYmFy" }
      for plain, text in pairs(cases) do
         assert.equal(text, crypto.base64(plain))
         assert.equal(plain, crypto.unbase64(text))
         assert.equal((text:gsub("=", "")), crypto.base64url(plain))
         assert.equal(plain, crypto.unbase64url((text:gsub("=", ""))))
         assert.equal(plain, crypto.unbase64url(text))
      end
      assert.equal("666f6f626172", hex "foobar")
      assert.equal("foobar", unhex "666F6f626172")
      assert.equal("-__-", crypto.base64url "\xfb\xff\xfe")
      assert.equal("+//+", crypto.base64 "\xfb\xff\xfe")
   end)

   it("come back for every length and byte", function()
      local bytes = {}
      for i = 0, 255 do
         bytes[#bytes + 1] = string.char(i)
         local text = table.concat(bytes)
         assert.equal(text, crypto.unbase64(crypto.base64(text)))
         assert.equal(text, crypto.unbase64url(crypto.base64url(text)))
         assert.equal(text, unhex(hex(text)))
      end
   end)

   it("refuse what they would not have written", function()
      for _, text in ipairs { "Zg", "Zg=", "Zg===", "Z===", "====", "=", "Zm9v=", "Zm9v\n", " Zm9v", "Zm9-",
         "Zh==", "Zm9=", "Zg==Zg==", "Zm 9", "Zm9v\0" } do
         assert.equal("the text is not base64", refused(crypto.unbase64(text)), text)
      end
      for _, text in ipairs { "Z", "Zm9+", "Zm9/", "Zh", "Zg=", "Zm9v=", "Zm9vY" } do
         assert.equal("the text is not base64url", refused(crypto.unbase64url(text)), text)
      end
      for _, text in ipairs { "6", "6g", "0x66", "66 6", "\xe966" } do
         assert.equal("the text is not hex", refused(unhex(text)), text)
      end
   end)

   it("keep secrets secret", function()
      local key = secret.new "k\0y"
      for to, from in pairs { hex = "unhex", base64 = "unbase64", base64url = "unbase64url" } do
         local text = crypto[to](key)
         assert.is_true(secret.is(text))
         assert.equal(crypto[to]("k\0y"), secret.reveal(text))
         local back = crypto[from](text)
         assert.is_true(secret.is(back))
         assert.is_true(back == key)
      end
   end)
end)

describe("identifiers", function()
   it("match RFC 4122's version 5 for the DNS namespace", function()
      -- The value Python's uuid module documents for this name.
      assert.equal("886313e1-3b8a-5372-9b90-0c9aee199e5d",
         crypto.uuid5("6ba7b810-9dad-11d1-80b4-00c04fd430c8", "python.org"))
      assert.equal("2ed6657d-e927-568b-95e1-2665a8aea6a2",
         crypto.uuid5("6BA7B810-9DAD-11D1-80B4-00C04FD430C8", "www.example.com"))
      for _, namespace in ipairs { "", "6ba7b810", "6ba7b8109dad-11d1-80b4-00c04fd430c8-",
         "6ba7b810-9dad-11d1-80b4-00c04fd430cg", "6ba7b810-9dad-11d1-80b4-00c04fd430c8 " } do
         assert.has_error(function() crypto.uuid5(namespace, "x") end)
      end
   end)

   it("are random in version 4", function()
      local seen = {}
      for _ = 1, 1000 do
         local id = crypto.uuid4()
         assert.truthy(id:match "^%x+%-%x%x%x%x%-4%x%x%x%-[89ab]%x%x%x%-%x+$")
         assert.equal(36, #id)
         assert.is_nil(seen[id])
         seen[id] = true
      end
   end)

   it("random bytes have the length asked for", function()
      assert.equal("", crypto.random(0))
      assert.equal(100000, #crypto.random(100000))
      assert.not_equal(crypto.random(16), crypto.random(16))
      assert.has_error(function() crypto.random(-1) end)
      assert.has_error(function() crypto.random(2 ^ 40) end)
   end)

   it("equal compares bytes", function()
      assert.is_true(crypto.equal("a", secret.new "a"))
      assert.is_false(crypto.equal("a", "b"))
      assert.is_false(crypto.equal("a", "aa"))
      assert.is_true(crypto.equal("", ""))
   end)
end)

-- PEM from the numbers of a JSON web key, in DER by hand, so that no key in PEM need lie here.
local function der(tag, body)
   local length = #body < 128 and string.char(#body) or "\x82" .. (">I2"):pack(#body)
   return tag .. length .. body
end

local function integer(text)
   local bytes = crypto.unbase64url(text)
   return der("\2", bytes:byte() > 127 and "\0" .. bytes or bytes)
end

local function pem(label, bytes)
   local lines = crypto.base64(bytes):gsub(("."):rep(64), "%0\n")
   return ("-----BEGIN %s-----\n%s\n-----END %s-----\n"):format(label, lines, label)
end

local function private_pem(key)
   return pem("RSA PRIVATE KEY", der("0", "\2\1\0" .. integer(key.n) .. integer(key.e) .. integer(key.d)
      .. integer(key.p) .. integer(key.q) .. integer(key.dp) .. integer(key.dq) .. integer(key.qi)))
end

local function public_pem(key)
   local rsa = unhex "300d06092a864886f70d0101010500" -- rsaEncryption without parameters
   return pem("PUBLIC KEY", der("0", rsa .. der("\3", "\0" .. der("0", integer(key.n) .. integer(key.e)))))
end

describe("RS256", function()
   local vector = json.decode(assert(io.open("tests/vectors/rs256.json")):read "a")

   it("signs as RFC 7515, appendix A.2, and verifies it", function()
      local signature = crypto.unbase64url(vector.signature)
      local private, public = private_pem(vector.key), public_pem(vector.key)
      assert.equal(vector.signature, crypto.base64url(crypto.sign_rs256(private, vector.input)))
      assert.is_true(crypto.verify_rs256(private, vector.input, signature))
      assert.is_true(crypto.verify_rs256(public, vector.input, signature))
      assert.is_false(crypto.verify_rs256(public, vector.input .. "x", signature))
      assert.same({ kty = "RSA", n = vector.key.n, e = vector.key.e }, crypto.public_jwk(public))
      assert.same({ kty = "RSA", n = vector.key.n, e = vector.key.e }, crypto.public_jwk(private))
   end)

   it("signs what it verifies, with key, public half and certificate", function()
      local key = crypto.rsa_key()
      assert.is_true(secret.is(key))
      local input = "header.claims"
      local signature = crypto.sign_rs256(key, input)
      assert.equal(256, #signature)
      assert.is_true(crypto.verify_rs256(key, input, signature))
      assert.is_false(crypto.verify_rs256(key, input .. "x", signature))
      assert.is_false(crypto.verify_rs256(key, input, signature:sub(1, -2) .. "\0\0"))
      assert.is_false(crypto.verify_rs256(key, input, ""))
      assert.is_false(crypto.verify_rs256(crypto.rsa_key(), input, signature))
      local jwk = crypto.public_jwk(key)
      assert.equal("RSA", jwk.kty)
      assert.equal("AQAB", jwk.e)
      assert.equal(256, #crypto.unbase64url(jwk.n))
   end)

   it("refuses keys that it cannot use, without showing them", function()
      local p256 = crypto.key()
      assert.equal("not an RSA key", refused(crypto.sign_rs256(p256, "x")))
      assert.equal("not an RSA key", refused(crypto.verify_rs256(p256, "x", "y")))
      assert.equal("not an RSA key", refused(crypto.public_jwk(p256)))
      for _, text in ipairs { "", "hunter2", pem("PRIVATE KEY", "hunter2") } do
         local message = refused(crypto.sign_rs256(text, "x"))
         assert.truthy(message:find("cannot read the private key", 1, true))
         assert.is_nil(message:find("hunter2", 1, true))
         refused(crypto.verify_rs256(text, "x", "y"))
         refused(crypto.public_jwk(text))
      end
   end)
end)

describe("authorities and certificates", function()
   local ca = crypto.ca { name = "test authority", days = 2 }

   it("are PEM, their keys secrets", function()
      assert.truthy(ca.certificate:match "^%-%-%-%-%-BEGIN CERTIFICATE%-%-%-%-%-")
      assert.is_true(secret.is(ca.key))
      local leaf = crypto.certificate { ca = ca, names = { "localhost", "*.vault.azure.net", "127.0.0.1" } }
      assert.truthy(leaf.certificate:match "BEGIN CERTIFICATE")
      assert.is_true(secret.is(leaf.key))
      assert.not_equal(leaf.certificate, ca.certificate)
   end)

   it("refuse what is no authority and no name", function()
      refused(crypto.certificate { ca = { certificate = "x", key = "y" }, names = { "a" } })
      local mixed = { certificate = ca.certificate, key = crypto.key() }
      refused(crypto.certificate { ca = mixed, names = { "a" } })
      refused(crypto.certificate { ca = ca, names = { "not a name" } })
      refused(crypto.ca { name = "" })
      assert.has_error(function() crypto.certificate { ca = ca, names = {} } end)
      assert.has_error(function() crypto.certificate { ca = ca, names = { 1 } } end)
      assert.has_error(function() crypto.certificate { ca = ca, names = { "a" }, day = 1 } end)
      assert.has_error(function() crypto.certificate { names = { "a" } } end)
      assert.has_error(function() crypto.ca { name = "x", days = 0 } end)
      assert.has_error(function() crypto.ca {} end)
   end)
end)

describe("files with keys and certificates", function()
   local login = assert(crypto.login_certificate { name = "spec", days = 10 })
   local other = assert(crypto.login_certificate { name = "other" })
   local password = secret.new "pä ss"

   it("PKCS#12 gives back what was written, with a password and without", function()
      for _, word in ipairs { password, false } do
         local file = assert(crypto.write_pkcs12(login.key, login.certificate .. other.certificate, word or nil))
         assert.is_true(secret.is(file))
         local bag = assert(crypto.read_pkcs12(file, word or nil))
         assert.is_true(secret.equal(login.key, bag.key))
         assert.equal(login.certificate .. other.certificate, bag.certificates)
      end
   end)

   it("name what is wrong with them", function()
      local file = assert(crypto.write_pkcs12(login.key, login.certificate, password))
      assert.matches("password .* wrong or missing", refused(crypto.read_pkcs12(file, "no")))
      assert.matches("password .* wrong or missing", refused(crypto.read_pkcs12(file)))
      assert.matches("not a PKCS#12 file", refused(crypto.read_pkcs12 "garbage"))
      assert.matches("no private key", refused(crypto.read_pem(login.certificate)))
      assert.matches("no certificate", refused(crypto.read_pem(login.key)))
      assert.matches("belongs to its private key", refused(crypto.read_pem(login.key .. other.certificate)))
      assert.matches("not a certificate", refused(crypto.certificate_facts "-----BEGIN CERTIFICATE-----\nx"))
      assert.error(function() crypto.read_pem("x", ("x"):rep(2000)) end)
   end)

   it("PEM puts the key's own certificate first", function()
      local bag = assert(crypto.read_pem(secret.reveal(login.key) .. other.certificate .. login.certificate))
      assert.equal(login.certificate .. other.certificate, bag.certificates)
      assert.is_true(secret.equal(login.key, bag.key))
   end)

   it("a certificate says when and for whom it is", function()
      local facts = assert(crypto.certificate_facts(
         crypto.login_certificate { name = "an app", days = 3, from = 1577836800 }.certificate))
      assert.same({ 1577836800, 1577836800 + 3 * 86400, "CN=an app,O=acihost" },
         { facts.not_before, facts.not_after, facts.subject })
      assert.equal("\x30\x82", facts.der:sub(1, 2))
   end)
end)

describe("PS256", function()
   it("signs with a new salt each time; any other text or scheme is refused", function()
      local login = assert(crypto.login_certificate { name = "spec" })
      local one, two = crypto.sign_ps256(login.key, "text"), crypto.sign_ps256(login.key, "text")
      assert.not_equal(one, two)
      assert.is_true(crypto.verify_ps256(login.certificate, "text", one))
      assert.is_true(crypto.verify_ps256(login.certificate, "text", two))
      assert.is_false(crypto.verify_ps256(login.certificate, "texT", one))
      assert.is_false(crypto.verify_rs256(login.certificate, "text", one))
      assert.is_false(crypto.verify_ps256(login.certificate, "text", crypto.sign_rs256(login.key, "text")))
   end)
end)
