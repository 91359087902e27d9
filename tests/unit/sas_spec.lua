--- Service SAS: what is signed, what the options may say, and the client that has one in place of a key.
local auth = require "aci.auth"
local blob = require "aci.blob"
local clock = require "aci.clock"
local crypto = require "aci.crypto"
local error_ = require "aci.error"
local fake_http = require "tests.support.fake_http"
local http = require "aci.http"
local json = require "aci.json"
local secret = require "aci.secret"
local failure = require "tests.support.failure"

local recorded = json.decode(assert(io.open("tests/vectors/sas.json")):read "a")
local KEY = recorded.key
local E = "https://acct.blob.core.windows.net"

local function connect(script, key, account)
   local fake = fake_http.new(script)
   return blob.connect(fake_http.config(fake), account, key), fake
end

--- The address and the fields of a SAS.
local function parts(link)
   assert.is_true(secret.is(link))
   local url, query = secret.reveal(link):match "^([^?]+)%?(.+)$"
   local fields = {}
   for name, value in query:gmatch "([^&=]+)=([^&]*)" do
      assert.is_nil(fields[name])
      fields[name] = http.unescape(value)
   end
   return url, fields, query
end

describe("crypto.service_sas_string", function()
   for _, vector in ipairs(recorded.vectors) do
      it("signs what a real service accepted: " .. vector.name, function()
         local text = crypto.service_sas_string(vector.sas)
         assert.equal(vector.text, text)
         assert.equal(vector.signature, crypto.base64(crypto.hmac_sha256(crypto.unbase64(KEY), text)))
      end)
   end

   it("has sixteen lines, each field at its place", function()
      local fields = { account = "a-secondary", container = "c", blob = "d/e f" }
      for _, name in ipairs { "sp", "st", "se", "si", "sip", "spr", "sv", "sr", "ses", "rscc", "rscd", "rsce", "rscl",
         "rsct" } do fields[name] = name end
      assert.equal("sp\nst\nse\n/blob/a/c/d/e f\nsi\nsip\nspr\nsv\nsr\n\nses\nrscc\nrscd\nrsce\nrscl\nrsct",
         crypto.service_sas_string(fields))
   end)

   it("refuses a line break, with which one field could be taken for another, and what it does not know", function()
      for _, name in ipairs { "sp", "container", "blob", "account", "rsct" } do
         local fields = { account = "a", container = "c" }
         fields[name] = "x\ny"
         assert.has_error(function() crypto.service_sas_string(fields) end, "a line break in what is to be signed")
      end
      assert.has_error(function() crypto.service_sas_string { account = "a" } end, "option 'container' is missing")
      assert.has_error(function() crypto.service_sas_string { account = "a", container = "c", sig = "x" } end)
   end)
end)

describe("Store:sas", function()
   local store
   before_each(function() store = connect({}, KEY, "acct") end)

   it("gives an address that reads a blob for an hour, by https; a secret", function()
      local link = store:sas("flows", "a b/\u{e9}.lua")
      assert.equal("<secret>", tostring(link))
      local url, fields = parts(link)
      assert.equal(E .. "/flows/a%20b/%C3%A9.lua", url)
      assert.is_true(math.abs(clock.parse_iso(fields.se) - clock.now() - 3600) < 5)
      assert.matches("^%d+%-%d%d%-%d%dT%d%d:%d%d:%d%dZ$", fields.se)
      local signature = fields.sig
      fields.sig, fields.se = nil, nil
      assert.same({ sv = "2023-11-03", sr = "b", sp = "r", spr = "https" }, fields)
      assert.equal(32, #crypto.unbase64(signature))
   end)

   it("signs all that it says, in the service's order", function()
      local options = { permissions = "lwcr", starts = "2026-01-01T00:00:00Z", expires = 4070908800,
         ip = "10.0.0.1-10.0.0.9", protocol = "https,http", cache_control = "no-cache",
         content_disposition = 'attachment; filename="a b"', content_encoding = "gzip", content_language = "nb-NO",
         content_type = "text/x-lua" }
      local url, fields, query = parts(store:sas("flows", nil, options))
      assert.equal(E .. "/flows", url)
      local signature = fields.sig
      fields.sig = nil
      assert.same({ sv = "2023-11-03", sr = "c", sp = "rcwl", st = "2026-01-01T00:00:00Z",
         se = "2099-01-01T00:00:00Z", sip = "10.0.0.1-10.0.0.9", spr = "https,http", rscc = "no-cache",
         rscd = 'attachment; filename="a b"', rsce = "gzip", rscl = "nb-NO", rsct = "text/x-lua" }, fields)
      assert.matches("se=2099%-01%-01T00%%3A00%%3A00Z&", query)
      assert.matches("rscd=attachment%%3B%%20filename%%3D%%22a%%20b%%22&", query)
      assert.equal(crypto.base64(crypto.hmac_sha256(crypto.unbase64(KEY), ("rcwl\n2026-01-01T00:00:00Z\n"
         .. "2099-01-01T00:00:00Z\n/blob/acct/flows\n\n10.0.0.1-10.0.0.9\nhttps,http\n2023-11-03\nc\n\n\nno-cache\n"
         .. 'attachment; filename="a b"\ngzip\nnb-NO\ntext/x-lua'))), signature)
   end)

   it("names what is wrong with an option", function()
      for _, case in ipairs {
         { "b", { permissions = "rx!" }, "not \"!\"" }, { "b", { permissions = "" }, "permissions are letters" },
         { "b", { permissions = 7 }, "permissions are letters" }, { "b", { permissions = "rl" }, "is a container's" },
         { nil, { expires = 1000 }, "expires %(1970%-01%-01T00:16:40Z%) is past" },
         { nil, { expires = "tomorrow" }, "epoch seconds or a time as .* not \"tomorrow\"" },
         { nil, { starts = true }, "starts is epoch seconds" },
         { nil, { starts = 4070908800, expires = 4070908800 }, "is not before expires" },
         { nil, { ip = "10.0.0" }, "ip is an IPv4 address" }, { nil, { ip = "10.0.0.256" }, "ip is an IPv4 address" },
         { nil, { ip = "10.0.0.1-x" }, "ip is an IPv4 address" }, { nil, { ip = "" }, "ip is an IPv4 address" },
         { nil, { protocol = "http" }, "protocol is" },
         { nil, { content_type = "a\r\nset-cookie: b" }, "content_type is text of one line" },
         { nil, { permission = "r" }, 'no option "permission"; did you mean permissions%?' },
      } do
         local err = failure(store.sas, store, "flows", case[1], case[2])
         assert.equal("usage", err.kind)
         assert.matches(case[3], err.message)
      end
   end)

   it("allows http only where the service is reached by it", function()
      local config = fake_http.config(fake_http.new {}, { blob_endpoint = "http://127.0.0.1:10000/acct" })
      local url, fields = parts(blob.connect(config, "acct", KEY):sas("c", "b"))
      assert.equal("http://127.0.0.1:10000/acct/c/b", url)
      assert.equal("https,http", fields.spr)
   end)

   it("needs the account's key", function()
      local by_token = connect({}, fake_http.credential "t", "acct")
      local by_sas = connect({}, store:sas "c")
      for _, without in ipairs { by_token, by_sas } do
         local err = failure(without.sas, without, "c")
         assert.same({ "usage", "NoKey" }, { err.kind, err.code })
         assert.matches("signed with the account's key", err.message)
      end
   end)
end)

describe("a client with a SAS", function()
   local query = "sv=2023-11-03&se=2099-01-01T00%3A00%3A00Z&sr=c&sp=rl&sig=abc%2Bdefghijk%3D"
   local blank = '<?xml version="1.0"?><EnumerationResults><Blobs/><NextMarker/></EnumerationResults>'

   it("sends it and nothing else that proves anything; in a URL that is a secret", function()
      for _, given in ipairs { query, "?" .. query, E .. "/flows?" .. query, secret.new(E .. "/flows?" .. query) } do
         local whole = tostring(secret.is(given) and secret.reveal(given) or given):find "^https" ~= nil
         local store, fake = connect({ { "GET " .. E .. "/flows/x?" .. query, 200, "hello" } }, given,
            not whole and "acct" or nil)
         -- The fake transport compares texts.
         local request = fake.request
         fake.request = function(self, options)
            assert.is_true(secret.is(options.url))
            options.url = secret.reveal(options.url)
            return request(self, options)
         end
         assert.equal("hello", (store:get("flows", "x")))
         assert.equal("acct", store.account)
         assert.is_nil(fake:got(1).headers.authorization)
         assert.is_nil(fake:got(1).headers["x-ms-date"])
      end
   end)

   it("joins it to a query", function()
      local sent
      local store = blob.connect(fake_http.config { request = function(_, options)
         sent = secret.reveal(options.url)
         return { status = 200, headers = {}, body = blank, url = "x" }
      end }, "acct", query)
      store:list("flows", { prefix = "a" })
      assert.equal(E .. "/flows?comp=list&prefix=a&restype=container&" .. query, sent)
   end)

   it("finds the account in the path where the host is an address", function()
      local store = connect({}, "http://127.0.0.1:10000/devstore/flows/a?" .. query)
      assert.same({ "devstore", "http://127.0.0.1:10000/devstore" }, { store.account, store.endpoint })
   end)

   it("is for one account", function()
      local err = failure(connect, {}, E .. "/flows?" .. query, "other")
      assert.equal("usage", err.kind)
      assert.matches("for the storage account acct, not for other", err.message)
   end)

   it("is not taken for a key, nor a key for one", function()
      local key = crypto.base64(("\xB2\x28"):rep(31)) -- ends in letters that look like the name of the signature
      local store = connect({}, "sig=", "acct")
      assert.is_table(store.signer)
      assert.is_table(connect({}, key, "acct").signer)
   end)

   it("says what is wrong with it: ended, changed, not allowed, another address", function()
      local ended = query:gsub("2099", "2020")
      for _, case in ipairs {
         { ended, 403, "AuthenticationFailed", "ended at 2020%-01%-01T00:00:00Z" },
         { ended, 403, "AuthorizationFailure", "ended at 2020" },
         { query, 403, "AuthenticationFailed", "was changed, does not count yet" },
         { query, 403, "AuthorizationPermissionMismatch", "allows rl only" },
         { query .. "&sip=10.0.0.1", 403, "AuthorizationSourceIPMismatch", "for the address 10.0.0.1" },
         { query, 403, "AuthorizationProtocolMismatch", "https only" },
      } do
         local store = blob.connect(fake_http.config { request = function(_, options)
            return { status = case[2], headers = { ["x-ms-error-code"] = case[3] }, body = "", url = options.url }
         end }, "acct", case[1])
         local err = failure(store.get, store, "flows", "x")
         assert.equal(case[3], err.code)
         assert.matches(case[4], err.advice)
         assert.equal(E .. "/flows/x", err.url)
         assert.is_nil(tostring(err):find("abc", 1, true))
      end
   end)

   it("is masked wherever it is said, whole and in parts", function()
      local store = connect({}, query, "acct")
      for _, text in ipairs { "it is " .. query, "it is abc%2Bdefghijk%3D", "it is abc+defghijk=" } do
         assert.is_nil(error_.new { kind = "failed", message = text }.message:find("defghijk", 1, true), text)
      end
      assert.is_nil(require("aci.pretty").format(store):find("defghijk", 1, true))
   end)
end)

describe("a SAS at -vvv", function()
   it("is not shown", function()
      local trace, lines = require "aci.trace", {}
      local config = fake_http.config(nil, { http = nil, notes = {} })
      local store = blob.connect(config, nil, "http://127.0.0.1:1/acct/flows?sv=1&sp=r&sig=abc%2Bdefghijk%3D")
      store.transport = { request = function(_, options)
         options.retry = false
         return http.request(options)
      end }
      trace.to(3, function(line) lines[#lines + 1] = line end)
      local err = failure(store.get, store, "flows", "x")
      trace.to(0)
      local text = table.concat(lines, "\n") .. tostring(err)
      assert.matches("GET http://127.0.0.1:1/acct/flows/x", text, 1, true)
      assert.is_nil(text:find("defghijk", 1, true), text)
   end)
end)

describe("a secret address", function()
   it("takes a query too, and stays a secret", function()
      local response, err = http.request { url = secret.new "http://127.0.0.1:1/x?a=hidden#f", query = { b = "2" },
         retry = false }
      assert.is_nil(response)
      assert.equal("http://127.0.0.1:1/x", err.url)
      assert.is_nil(tostring(err):find("hidden", 1, true))
      assert.is_function(auth.shared_key)
   end)
end)
