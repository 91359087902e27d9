local calls   = require "tests.support.blobcalls"
local clock   = require "aci.clock"
local crypto  = require "aci.crypto"
local fs      = require "aci.fs"
local roles   = require "sim.roles"
local support = require "tests.support.cloud"
local task    = require "aci.task"

local READER = "2a2b9908-6ea1-4ae2-8e65-a410df84e7d1"
local CONTRIBUTOR = "ba92f5b4-2d11-453d-a403-e96b0029c9fe"

describe("Blob storage of the local cloud", function()
   local cloud, account

   setup(function()
      cloud = support.inside { factor = 0 }
      cloud:prepare("rg", "Microsoft.Storage")
      account = calls.open(cloud, "accountone", { allowBlobPublicAccess = true })
      assert.equal(201, (account:ask("PUT", "/box?restype=container")))
   end)
   teardown(function() cloud:close() end)

   local function refused(status, _, headers, tree)
      return { status, headers["x-ms-error-code"], calls.at(tree, "Code") }
   end

   local function twice(status, code)
      return { status, code, code }
   end

   describe("knows who asks", function()
      it("by both keys of the account", function()
         for _, key in ipairs(account.keys) do
            assert.equal(200, (account:ask("GET", "/box?restype=container", { key = key })))
         end
      end)

      it("and prints what it signed when a signature is wrong", function()
         local status, text, headers, tree = account:ask("GET", "/box?restype=container&comp=list&prefix=a%20b",
            { key = crypto.base64(crypto.random(64)) })
         assert.same(twice(403, "AuthenticationFailed"), refused(status, text, headers, tree))
         local detail = calls.at(tree, "AuthenticationErrorDetail")
         assert.matches("^The MAC signature found in the HTTP request '%S+' is not the same as any computed "
            .. "signature%. Server used following string to sign: 'GET\n\n\n\n\n\n\n\n\n\n\n\nx%-ms%-date:", detail)
         assert.truthy(detail:find("\n/accountone/box\ncomp:list\nprefix:a b\nrestype:container'.", 1, true))
         assert.equal("\xEF\xBB\xBF<?xml version=\"1.0\" encoding=\"utf-8\"?><Error><Code>",
            text:match "^.-<Code>")
         assert.matches("RequestId:%S+\nTime:%d+%-%d+%-%d+T%d+:%d+:%d+%.%d%d%d%d%d%d%dZ$", calls.at(tree, "Message"))
      end)

      it("and takes no change after the signature", function()
         assert.equal(201, (account:put("/box/changed", "x")))
         assert.equal(403, (account:ask("PUT", "/box/changed", { body = "x", headers = {
            ["x-ms-blob-type"] = "BlockBlob" }, change = function(h) h["x-ms-meta-a"] = "b" end })))
         assert.equal(403, (account:ask("PUT", "/box/changed", { body = "x", headers = {
            ["x-ms-blob-type"] = "BlockBlob" }, change = function(h) h["content-type"] = "text/plain" end })))
      end)

      it("and when", function()
         local old = clock.http_date(clock.now() - 16 * 60)
         local status, text, headers, tree = account:ask("GET", "/box?restype=container", { headers = {
            ["x-ms-date"] = old } })
         assert.same(twice(403, "AuthenticationFailed"), refused(status, text, headers, tree))
         assert.equal(("Request date header too old: '%s'"):format(old), calls.at(tree, "AuthenticationErrorDetail"))
         assert.equal(200, (account:ask("GET", "/box?restype=container", { headers = {
            ["x-ms-date"] = clock.http_date(clock.now() - 14 * 60) } })))
         assert.equal(403, (account:ask("GET", "/box?restype=container", { headers = { ["x-ms-date"] = "now" } })))
         assert.equal(403, (account:ask("GET", "/box?restype=container", { headers = { ["x-ms-date"] = false } })))
      end)

      it("and in which version it speaks", function()
         for _, version in ipairs { "2013-08-15", "2023-11-04", "x" } do
            local status, text, headers, tree = account:ask("GET", "/box?restype=container", { headers = {
               ["x-ms-version"] = version } })
            assert.same(twice(400, "InvalidHeaderValue"), refused(status, text, headers, tree))
            assert.equal(version, calls.at(tree, "HeaderValue"))
         end
         assert.equal(400, (account:ask("GET", "/box?restype=container", { headers = { ["x-ms-version"] = false } })))
         for _, version in ipairs { "2015-02-21", "2026-10-06" } do
            local status, _, headers = account:ask("GET", "/box?restype=container", { headers = {
               ["x-ms-version"] = version, ["x-ms-client-request-id"] = "mine" } })
            assert.same({ 200, version, "mine" }, { status, headers["x-ms-version"],
               headers["x-ms-client-request-id"] })
         end
      end)

      it("and refuses another account's name, other schemes, and unknown accounts", function()
         local other = calls.open(cloud, "accounttwo")
         assert.equal(403, (account:ask("GET", "/box?restype=container", { account = "accounttwo",
            key = other.keys[1] })))
         assert.equal(403, (account:ask("GET", "/box?restype=container", { change = function(h)
            h.authorization = "Basic abc" end })))
         assert.same(twice(404, "ResourceNotFound"), refused(account:ask("GET", "/box?restype=container", {
            host = "nosuchaccount" })))
         assert.equal(404, (account:ask("HEAD", "/cli", { host = "nosuchaccount", key = false })))
      end)

      it("and uses no key where the account does not want it", function()
         local keyless = calls.open(cloud, "accountkeyless", { allowSharedKeyAccess = false })
         assert.same(twice(403, "KeyBasedAuthenticationNotPermitted"), refused(keyless:ask("GET", "/?comp=list")))
         assert.same(twice(403, "KeyBasedAuthenticationNotPermitted"), refused(keyless:ask("GET", "/c/b?"
            .. keyless:sas("/c/b", { sp = "r", sr = "b" }), { key = false })))
      end)

      it("by a token, with a role of the data", function()
         account:put("/box/by-token", "x")
         local function with(role, scope)
            local client = cloud:client("token", role, scope or account.id)
            return cloud:token("https://storage.azure.com", client.id, client.secret)
         end
         local reader, writer = with(READER), with(CONTRIBUTOR)
         local owner = with(roles.OWNER)
         local wrong = twice(403, "AuthorizationPermissionMismatch")
         local blob = { headers = { ["x-ms-blob-type"] = "BlockBlob" } }
         local function ask(method, path, token, headers)
            return account:ask(method, path, { token = token, headers = headers, body = "" })
         end
         assert.equal(200, (ask("GET", "/box/by-token", reader)))
         assert.equal(200, (ask("GET", "/box?restype=container&comp=list", reader)))
         assert.equal(200, (ask("GET", "/?comp=list", reader)))
         assert.same(wrong, refused(ask("PUT", "/box/by-token", reader, blob.headers)))
         assert.same(wrong, refused(ask("DELETE", "/box/by-token", reader)))
         assert.same(wrong, refused(ask("PUT", "/boxes?restype=container", reader)))
         assert.same(wrong, refused(ask("GET", "/box/by-token", owner)))
         assert.same(wrong, refused(ask("PUT", "/boxes?restype=container", owner)))
         assert.equal(201, (ask("PUT", "/box/by-token", writer, blob.headers)))
         assert.equal(201, (ask("PUT", "/boxes?restype=container", writer)))
         assert.equal(202, (ask("DELETE", "/box/by-token", writer)))
         local narrow = with(READER, account.id .. "/blobServices/default/containers/box")
         assert.equal(200, (ask("GET", "/box?restype=container&comp=list", narrow)))
         assert.same(wrong, refused(ask("GET", "/boxes?restype=container&comp=list", narrow)))
      end)

      it("and challenges tokens that are not for it", function()
         local arm = cloud:token "https://management.azure.com"
         local status, text, headers, tree = account:ask("GET", "/box?restype=container", { token = arm })
         assert.same(twice(401, "InvalidAuthenticationInfo"), refused(status, text, headers, tree))
         assert.equal(("Bearer authorization_uri=https://login.microsoftonline.com/%s/oauth2/authorize "
            .. "resource_id=https://storage.azure.com"):format(cloud.owner.tenant), headers["www-authenticate"])
         assert.equal(401, (account:ask("GET", "/box?restype=container", { token = "nonsense" })))
         assert.same(twice(401, "NoAuthenticationInformation"), refused(account:ask("GET", "/box?restype=container", {
            key = false })))
         assert.equal(400, (account:ask("GET", "/box?restype=container", { token = arm,
            headers = { ["x-ms-version"] = "2017-04-17" } })))
      end)

      it("and lets anybody read what is public", function()
         assert.equal(201, (account:ask("PUT", "/public?restype=container", { headers = {
            ["x-ms-blob-public-access"] = "blob" } })))
         account:put("/public/b", "x")
         assert.equal(200, (account:ask("GET", "/public/b", { key = false })))
         assert.equal(401, (account:ask("GET", "/public?restype=container&comp=list", { key = false })))
         assert.equal(401, (account:ask("DELETE", "/public/b", { key = false })))
         local private = calls.open(cloud, "accountprivate", { allowBlobPublicAccess = false })
         assert.same(twice(409, "PublicAccessNotPermitted"), refused(private:ask("PUT", "/public?restype=container", {
            headers = { ["x-ms-blob-public-access"] = "blob" } })))
      end)

      it("reads from the secondary, and writes nothing there", function()
         assert.equal(200, (account:ask("GET", "/box?restype=container", { host = "accountone-secondary" })))
         assert.same(twice(403, "InsufficientAccountPermissions"), refused(account:ask("DELETE", "/box/b", {
            host = "accountone-secondary" })))
      end)
   end)

   describe("takes a SAS", function()
      local function ask(method, path, query, more)
         local options = more or {}
         options.key = false
         options.headers = options.headers or {}
         options.headers["x-ms-version"], options.headers["x-ms-date"] = false, false
         return account:ask(method, path .. (path:find("?", 1, true) and "&" or "?") .. query, options)
      end
      local BLOCK = { headers = { ["x-ms-blob-type"] = "BlockBlob" }, body = "new" }

      before_each(function() account:put("/box/sas.txt", "shared") end)

      it("of a blob, for what it says", function()
         local sas = account:sas("/box/sas.txt", { sp = "r", sr = "b", rsct = "text/x-other" })
         local status, text, headers = ask("GET", "/box/sas.txt", sas)
         assert.same({ 200, "shared", "text/x-other" }, { status, text, headers["content-type"] })
         for _, time in ipairs { "2090-01-01", "2090-01-01T00:00Z", "2090-01-01T00:00:00Z" } do
            assert.equal(200, (ask("GET", "/box/sas.txt", account:sas("/box/sas.txt", { sp = "r", sr = "b",
               se = time }))), time)
         end
         assert.equal(403, (ask("GET", "/box/other.txt", sas)))
         assert.same(twice(403, "AuthorizationPermissionMismatch"), refused(ask("DELETE", "/box/sas.txt", sas)))
      end)

      it("of a container; with c only what is new may be written", function()
         local sas = account:sas("/box", { sp = "rcl", sr = "c", sip = "127.0.0.1", spr = "https" })
         assert.equal(200, (ask("GET", "/box?restype=container&comp=list", sas)))
         assert.equal(201, (ask("PUT", "/box/sas-new", sas, BLOCK)))
         assert.same(twice(403, "AuthorizationPermissionMismatch"), refused(ask("PUT", "/box/sas-new", sas, BLOCK)))
         assert.equal(202, (account:ask("DELETE", "/box/sas-new")))
         assert.equal(403, (ask("GET", "/?comp=list", sas)))
      end)

      it("but no header of several lines in it", function()
         assert.same(twice(400, "InvalidQueryParameterValue"), refused(ask("GET", "/box/sas.txt",
            account:sas("/box/sas.txt", { sp = "r", sr = "b", rscc = "a\r\nset-cookie: b" }))))
      end)

      it("and refuses times, orders, addresses and signatures that do not hold", function()
         local function refusal(fields, change)
            fields.sr, fields.sp = fields.sr or "b", fields.sp or "r"
            local sas = account:sas("/box/sas.txt", fields)
            return refused(ask("GET", "/box/sas.txt", change and change(sas) or sas))
         end
         local failed = twice(403, "AuthenticationFailed")
         assert.same(failed, refusal { se = "2020-01-01T00:00:00Z" })
         assert.same(failed, refusal { se = "tomorrow" })
         assert.same(failed, refusal { st = "2090-01-01T00:00:00Z" })
         assert.same(failed, refusal { sp = "wr" })
         assert.same(failed, refusal({}, function(sas) return (sas:gsub("sp=r", "sp=rw")) end))
         assert.same(twice(403, "AuthorizationSourceIPMismatch"), refusal { sip = "10.0.0.1" })
         assert.equal(501, (ask("GET", "/box/sas.txt", account:sas("/box/sas.txt", { sp = "r", sr = "b",
            si = "policy" }))))
         assert.equal(501, (ask("GET", "/box/sas.txt", "ss=b&srt=o&sp=r&sv=2023-11-03&se=x&sig=x")))
      end)
   end)

   describe("keeps containers", function()
      it("with metadata, an ETag and a date", function()
         assert.equal(201, (account:ask("PUT", "/meta?restype=container", { headers = { ["x-ms-meta-a"] = "1" } })))
         local status, _, headers = account:ask("HEAD", "/meta?restype=container")
         assert.same({ 200, "1", "available" }, { status, headers["x-ms-meta-a"], headers["x-ms-lease-state"] })
         assert.matches('^"0x8%x+"$', headers.etag)
         assert.is_truthy(clock.parse_http_date(headers["last-modified"]))
         assert.equal(200, (account:ask("PUT", "/meta?restype=container&comp=metadata", { headers = {
            ["x-ms-meta-b"] = "2" } })))
         local _, _, changed = account:ask("GET", "/meta?restype=container&comp=metadata")
         assert.same({ nil, "2" }, { changed["x-ms-meta-a"], changed["x-ms-meta-b"] })
         assert.not_equal(headers.etag, changed.etag)
      end)

      it("of good names, once", function()
         assert.same(twice(409, "ContainerAlreadyExists"), refused(account:ask("PUT", "/box?restype=container")))
         for _, name in ipairs { "Box", "b--x", "-bx", "bx-", "b_x", "b.x" } do
            assert.same(twice(400, "InvalidResourceName"), refused(account:ask("PUT", "/" .. name
               .. "?restype=container")), name)
         end
         for _, name in ipairs { "ab", ("x"):rep(64) } do
            assert.same(twice(400, "OutOfRangeInput"), refused(account:ask("PUT", "/" .. name
               .. "?restype=container")), name)
         end
      end)

      it("that the management plane sees, and the other way round", function()
         local base = account.path .. "/blobServices/default/containers/"
         assert.equal(200, (cloud:arm("GET", base .. "box", "2022-09-01")))
         assert.equal(201, (cloud:arm("PUT", base .. "by-arm", "2022-09-01", { properties = {} })))
         assert.equal(201, (account:put("/by-arm/blob", "x")))
         assert.equal(200, (cloud:arm("DELETE", base .. "by-arm", "2022-09-01")))
         assert.same(twice(404, "ContainerNotFound"), refused(account:ask("GET", "/by-arm/blob")))
         assert.same({}, cloud.state.db:rows("SELECT * FROM blobs WHERE container LIKE '%/by-arm'"))
      end)

      it("whose names are not free for a while", function()
         local slow = support.inside { factor = 0.01 }
         slow:prepare("rg", "Microsoft.Storage")
         local there = calls.open(slow, "accountslow")
         task.sleep(0.3)
         there:ask("PUT", "/box?restype=container")
         there:put("/box/b", "x")
         assert.equal(202, (there:ask("DELETE", "/box?restype=container")))
         assert.same(twice(409, "ContainerBeingDeleted"), refused(there:ask("PUT", "/box?restype=container")))
         assert.same(twice(404, "ContainerNotFound"), refused(there:ask("GET", "/box/b")))
         local status, body = slow:arm("PUT", there.path .. "/blobServices/default/containers/box", "2022-09-01", {
            properties = {} })
         assert.same({ 409, "ContainerOperationFailure" }, { status, body.error.code })
         task.sleep(0.35)
         assert.equal(201, (there:ask("PUT", "/box?restype=container")))
         assert.same(twice(404, "BlobNotFound"), refused(there:ask("GET", "/box/b")))
         slow:close()
      end)

      it("and lists them", function()
         local _, text, _, tree = account:ask("GET", "/?comp=list&prefix=me&include=metadata&maxresults=10")
         assert.matches('<EnumerationResults ServiceEndpoint="https://accountone%.blob%.core%.windows%.net/">'
            .. "<Prefix>me</Prefix><MaxResults>10</MaxResults><Containers>", text)
         local found = calls.all(tree, "Containers", "Container")
         assert.same({ 1, "meta", "2" }, { #found, calls.at(found[1], "Name"), calls.at(found[1], "Metadata", "b") })
      end)
   end)

   describe("keeps blobs", function()
      it("with what was said of them", function()
         local md5 = crypto.base64(crypto.md5 "hello, world")
         local status, _, made = account:put("/box/a.txt", "hello, world", { ["content-type"] = "text/plain",
            ["x-ms-blob-cache-control"] = "no-store", ["x-ms-blob-content-disposition"] = "inline",
            ["content-md5"] = md5, ["x-ms-meta-owner"] = "ada" })
         assert.same({ 201, md5, "true" }, { status, made["content-md5"], made["x-ms-request-server-encrypted"] })
         local _, text, headers = account:ask("GET", "/box/a.txt")
         assert.same({ "hello, world", "text/plain", "no-store", "inline", md5, "ada", "BlockBlob", made.etag,
            "bytes" }, { text, headers["content-type"], headers["cache-control"], headers["content-disposition"],
               headers["content-md5"], headers["x-ms-meta-owner"], headers["x-ms-blob-type"], headers.etag,
               headers["accept-ranges"] })
         local head, none, same = account:ask("HEAD", "/box/a.txt")
         assert.same({ 200, nil, "12", made.etag }, { head, none, same["content-length"], same.etag })
      end)

      it("and says what is absent without a body to HEAD", function()
         local status, text, headers = account:ask("HEAD", "/box/none")
         assert.same({ 404, nil, "BlobNotFound" }, { status, text, headers["x-ms-error-code"] })
         assert.same(twice(404, "BlobNotFound"), refused(account:ask("DELETE", "/box/none")))
      end)

      it("of any name, with its slashes", function()
         for _, path in ipairs { "/box/a//b", "/box/dir/", "/box/%C3%A9%2Fx", "/box/a%20b%2Bc+d" } do
            assert.equal(201, (account:put(path, path)), path)
            assert.equal(path, select(2, account:ask("GET", path)), path)
            assert.equal(202, (account:ask("DELETE", path)), path)
         end
         assert.equal(201, (account:put("/box/" .. ("n"):rep(1024), "")))
         assert.equal(202, (account:ask("DELETE", "/box/" .. ("n"):rep(1024))))
         assert.same(twice(400, "OutOfRangeInput"), refused(account:put("/box/" .. ("n"):rep(1025), "")))
         assert.same(twice(400, "InvalidUri"), refused(account:put("/box/" .. ("d/"):rep(254) .. "x", "")))
         assert.same(twice(400, "InvalidUri"), refused(account:put("/box/%FF", "")))
      end)

      it("and refuses what does not fit", function()
         assert.same(twice(400, "MissingRequiredHeader"), refused(account:ask("PUT", "/box/x", { body = "x" })))
         assert.same(twice(400, "InvalidHeaderValue"), refused(account:put("/box/x", "x", {
            ["x-ms-blob-type"] = "Blob" })))
         assert.equal(501, (account:put("/box/x", "x", { ["x-ms-blob-type"] = "PageBlob" })))
         assert.equal(501, (account:put("/box/x", "", { ["x-ms-copy-source"] = "https://else" })))
         assert.same(twice(400, "Md5Mismatch"), refused(account:put("/box/x", "x", {
            ["content-md5"] = crypto.base64(crypto.md5 "y") })))
         assert.same(twice(400, "InvalidMd5"), refused(account:put("/box/x", "x", { ["content-md5"] = "eHl6" })))
         assert.same(twice(400, "Crc64Mismatch"), refused(account:put("/box/x", "x", {
            ["x-ms-content-crc64"] = "iJh5CoYUi64=" })))
         assert.same(twice(400, "InvalidHeaderValue"), refused(account:put("/box/x", "123456789", {
            ["x-ms-content-crc64"] = "iJh5CoYUi64=", ["content-md5"] = crypto.base64(crypto.md5 "123456789") })))
         assert.same(twice(400, "InvalidMetadata"), refused(account:put("/box/x", "x", { ["x-ms-meta-a-b"] = "1" })))
         assert.same(twice(400, "InvalidMetadata"), refused(account:put("/box/x", "x", { ["x-ms-meta-1a"] = "1" })))
         assert.same(twice(400, "MetadataTooLarge"), refused(account:put("/box/x", "x", {
            ["x-ms-meta-a"] = ("m"):rep(8192) })))
         assert.same(twice(412, "LeaseNotPresentWithBlobOperation"), refused(account:put("/box/x", "x", {
            ["x-ms-lease-id"] = crypto.uuid4() })))
         assert.same(twice(400, "InvalidQueryParameterValue"), refused(account:ask("GET", "/box/a.txt?comp=bogus")))
         assert.equal(501, (account:ask("PUT", "/box/a.txt?comp=tier")))
         assert.equal(501, (account:ask("GET", "/box/a.txt?snapshot=2020-01-01T00:00:00.0000000Z")))
         assert.same(twice(411, "MissingContentLengthHeader"), refused(account:ask("PUT", "/box/x", { no_length = true,
            headers = { ["x-ms-blob-type"] = "BlockBlob", ["transfer-encoding"] = "chunked" } })))
         assert.same(twice(413, "RequestBodyTooLarge"), refused(account:put("/box/x", "x", {
            ["x-ms-version"] = "2015-02-21", ["content-length"] = tostring(65 * 1024 * 1024) })))
         assert.same(twice(404, "BlobNotFound"), refused(account:ask("GET", "/box/x")))
      end)

      it("with CRC-64 checked where it is given", function()
         local status, _, headers = account:put("/box/crc", "123456789", { ["x-ms-content-crc64"] = "iJh5CoYUi64=" })
         assert.same({ 201, "iJh5CoYUi64=" }, { status, headers["x-ms-content-crc64"] })
         assert.equal(201, (account:put("/box/crc", "hello, world", { ["x-ms-content-crc64"] = "zygXiHyzYYo=" })))
         assert.equal(201, (account:put("/box/crc", "", { ["x-ms-content-crc64"] = "AAAAAAAAAAA=" })))
      end)

      it("and gives parts of them", function()
         account:put("/box/range", "0123456789")
         local whole = crypto.base64(crypto.md5 "0123456789")
         local status, text, headers = account:ask("GET", "/box/range", { headers = { ["x-ms-range"] = "bytes=2-4" } })
         assert.same({ 206, "234", "bytes 2-4/10", "3", nil, whole }, { status, text, headers["content-range"],
            headers["content-length"], headers["content-md5"], headers["x-ms-blob-content-md5"] })
         assert.equal("789", select(2, account:ask("GET", "/box/range", { headers = { range = "bytes=7-" } })))
         assert.equal("89", select(2, account:ask("GET", "/box/range", { headers = { ["x-ms-range"] =
            "bytes=8-100", range = "bytes=0-1" } })))
         local _, _, checked = account:ask("GET", "/box/range", { headers = { ["x-ms-range"] = "bytes=0-1",
            ["x-ms-range-get-content-md5"] = "true" } })
         assert.equal(crypto.base64(crypto.md5 "01"), checked["content-md5"])
         local past, err, given, tree = account:ask("GET", "/box/range", { headers = { range = "bytes=10-" } })
         assert.same(twice(416, "InvalidRange"), refused(past, err, given, tree))
         assert.equal("bytes */10", given["content-range"])
         assert.equal(501, (account:ask("GET", "/box/range", { headers = { range = "bytes=-5" } })))
         assert.equal(501, (account:ask("GET", "/box/range", { headers = { range = "bytes=5-1" } })))
      end)

      it("that are empty: no range of them can be had", function()
         account:put("/box/empty", "")
         local status, _, headers = account:ask("GET", "/box/empty", { headers = { ["x-ms-range"] = "bytes=0-10" } })
         assert.same({ 416, "bytes */0" }, { status, headers["content-range"] })
         local whole, text = account:ask("GET", "/box/empty")
         assert.same({ 200, "" }, { whole, text })
      end)

      it("and holds to conditions", function()
         local _, _, first = account:put("/box/cond", "1")
         local same, past = first.etag, "Mon, 01 Jun 2020 12:00:00 GMT"
         local failed = twice(412, "ConditionNotMet")
         assert.same(twice(409, "BlobAlreadyExists"), refused(account:put("/box/cond", "2", {
            ["if-none-match"] = "*" })))
         assert.same(failed, refused(account:put("/box/cond", "2", { ["if-match"] = '"0x8"' })))
         assert.same(failed, refused(account:put("/box/cond-none", "2", { ["if-match"] = "*" })))
         assert.same(failed, refused(account:put("/box/cond", "2", { ["if-unmodified-since"] = past })))
         assert.same(failed, refused(account:ask("DELETE", "/box/cond", { headers = { ["if-match"] = '"0x8"' } })))
         assert.equal(201, (account:put("/box/cond", "1", { ["if-match"] = same })))
         local _, _, now = account:ask("HEAD", "/box/cond")
         local status, text = account:ask("GET", "/box/cond", { headers = { ["if-none-match"] = now.etag } })
         assert.same({ 304 }, { status, text })
         assert.equal(200, (account:ask("GET", "/box/cond", { headers = { ["if-none-match"] = same } })))
         assert.equal(304, (account:ask("GET", "/box/cond", { headers = { ["if-modified-since"] =
            now["last-modified"] } })))
         assert.same(twice(400, "UnsatisfiableCondition"), refused(account:ask("GET", "/box/cond", { headers = {
            ["if-none-match"] = "*" } })))
         assert.equal(200, (account:ask("GET", "/box/cond", { headers = { ["if-unmodified-since"] = "null" } })))
      end)

      it("and changes metadata and properties of what stays", function()
         account:put("/box/props", "x", { ["content-type"] = "a/b", ["x-ms-meta-a"] = "1" })
         assert.equal(200, (account:ask("PUT", "/box/props?comp=metadata", { headers = { ["x-ms-meta-b"] = "2" } })))
         assert.equal(200, (account:ask("PUT", "/box/props?comp=properties", { headers = {
            ["x-ms-blob-content-type"] = "c/d" } })))
         local _, text, headers = account:ask("GET", "/box/props")
         assert.same({ "x", "c/d", nil, "2", nil }, { text, headers["content-type"], headers["x-ms-meta-a"],
            headers["x-ms-meta-b"], headers["content-md5"] })
      end)

      it("and throws their bytes away when nothing needs them", function()
         local files = cloud.cloud.blob_folder
         local before = #fs.list(files)
         account:put("/box/bytes", "1")
         account:put("/box/bytes", "2")
         account:put("/box/bytes", "3", { ["if-none-match"] = "*" })
         cloud.cloud:run_due()
         assert.equal(before + 1, #fs.list(files))
         account:ask("DELETE", "/box/bytes")
         cloud.cloud:run_due()
         assert.equal(before, #fs.list(files))
      end)
   end)

   describe("joins blocks", function()
      local function id(text) return crypto.base64(text) end
      local function block(path, text, body)
         return account:ask("PUT", path .. "?comp=block&blockid=" .. require("aci.http").escape(id(text)), {
            body = body })
      end
      local function list(path, parts, headers)
         local lines = {}
         for index, part in ipairs(parts) do
            lines[index] = ("<%s>%s</%s>"):format(part[1], id(part[2]), part[1])
         end
         return account:ask("PUT", path .. "?comp=blocklist", { headers = headers,
            body = '<?xml version="1.0" encoding="utf-8"?><BlockList>' .. table.concat(lines) .. "</BlockList>" })
      end

      it("in the order of the list, from old ones and new ones", function()
         assert.equal(201, (block("/box/joined", "0001", "one")))
         assert.equal(201, (block("/box/joined", "0002", "two")))
         assert.same(twice(404, "BlobNotFound"), refused(account:ask("GET", "/box/joined")))
         local status, _, headers = list("/box/joined", { { "Latest", "0002" }, { "Latest", "0001" } }, {
            ["x-ms-blob-content-type"] = "text/plain", ["x-ms-meta-a"] = "1" })
         assert.equal(201, status)
         local _, text, got = account:ask("GET", "/box/joined")
         assert.same({ "twoone", "text/plain", "1", headers.etag, nil }, { text, got["content-type"],
            got["x-ms-meta-a"], got.etag, got["content-md5"] })
         block("/box/joined", "0003", "three")
         assert.equal(201, (list("/box/joined", { { "Committed", "0001" }, { "Uncommitted", "0003" },
            { "Latest", "0002" } })))
         assert.equal("onethreetwo", select(2, account:ask("GET", "/box/joined")))
         local _, _, _, tree = account:ask("GET", "/box/joined?comp=blocklist&blocklisttype=all")
         local committed = calls.all(tree, "CommittedBlocks", "Block")
         assert.same({ 3, id "0001", "3" }, { #committed, calls.at(committed[1], "Name"),
            calls.at(committed[1], "Size") })
      end)

      it("and refuses blocks that do not fit", function()
         assert.equal(400, (block("/box/refused", "0001", "")))
         assert.equal(201, (block("/box/refused", "0001", "x")))
         assert.same(twice(400, "InvalidBlobOrBlock"), refused(block("/box/refused", "0000001", "x")))
         assert.same(twice(400, "OutOfRangeInput"), refused(block("/box/refused2", ("x"):rep(65), "x")))
         assert.same(twice(400, "InvalidQueryParameterValue"), refused(account:ask("PUT",
            "/box/refused?comp=block&blockid=%23%23", { body = "x" })))
         assert.same(twice(400, "InvalidBlockList"), refused(list("/box/refused", { { "Latest", "0009" } })))
         assert.same(twice(400, "InvalidBlockList"), refused(list("/box/refused", { { "Committed", "0001" } })))
         assert.same(twice(400, "InvalidXmlDocument"), refused(account:ask("PUT", "/box/refused?comp=blocklist", {
            body = "<BlockList>" })))
      end)
   end)

   describe("lists blobs", function()
      setup(function()
         account:ask("PUT", "/list?restype=container")
         for _, name in ipairs { "a", "b/1", "b/2", "b/c/3", "c", "Z", "_x" } do
            account:put("/list/" .. name, name, { ["x-ms-meta-k"] = name:sub(1, 1) })
         end
      end)

      local function names(tree)
         local found = {}
         for index, node in ipairs(calls.all(tree, "Blobs")) do
            found[index] = calls.at(node, "Name")
         end
         return found
      end

      it("by name, in one line behind a byte order mark", function()
         local _, text, headers, tree = account:ask("GET", "/list?restype=container&comp=list&include=metadata")
         assert.equal("application/xml", headers["content-type"])
         assert.equal('\xEF\xBB\xBF<?xml version="1.0" encoding="utf-8"?><EnumerationResults ServiceEndpoint="https://'
            .. 'accountone.blob.core.windows.net/" ContainerName="list"><Blobs>', text:match "^.-<Blobs>")
         assert.same({ "Z", "_x", "a", "b/1", "b/2", "b/c/3", "c" }, names(tree))
         assert.matches("<NextMarker /></EnumerationResults>$", text)
         local first = calls.all(tree, "Blobs", "Blob")[1]
         assert.same({ "1", "BlockBlob", "Z" }, { calls.at(first, "Properties", "Content-Length"),
            calls.at(first, "Properties", "BlobType"), calls.at(first, "Metadata", "k") })
         assert.matches("^0x8%x+$", calls.at(first, "Properties", "Etag"))
      end)

      it("below a prefix, folders among them", function()
         local function ask(query)
            return names(select(4, account:ask("GET", "/list?restype=container&comp=list" .. query)))
         end
         assert.same({ "Z", "_x", "a", "b/", "c" }, ask "&delimiter=%2F")
         assert.same({ "b/1", "b/2", "b/c/" }, ask "&delimiter=%2F&prefix=b%2F")
         assert.same({ "b/" }, ask "&delimiter=%2F&prefix=b")
         assert.same({ "b/1", "b/2", "b/c/3" }, ask "&prefix=b")
         assert.same({}, ask "&prefix=none")
         account:put("/list/%C3%BF1", "")
         assert.same({ "\u{FF}1" }, ask "&prefix=%C3%BF")
         assert.same({ "\u{FF}1" }, ask "&prefix=%C3%BF&delimiter=%2F")
         account:ask("DELETE", "/list/%C3%BF1")
      end)

      it("page by page", function()
         for _, query in ipairs { "", "&delimiter=%2F", "&prefix=b", "&prefix=b%2F&delimiter=%2F" } do
            local url = "/list?restype=container&comp=list" .. query
            local wanted, found, marker = names(select(4, account:ask("GET", url))), {}, ""
            repeat
               local _, _, _, tree = account:ask("GET", url .. "&maxresults=1&marker="
                  .. require("aci.http").escape(marker))
               assert.equal(1, #names(tree))
               found[#found + 1] = names(tree)[1]
               marker = calls.at(tree, "NextMarker")
               assert.is_true(marker == "" or marker:find "^2!%d+!" ~= nil)
            until marker == ""
            assert.same(wanted, found, query)
         end
      end)

      it("and refuses sizes and markers that are none", function()
         local url = "/list?restype=container&comp=list"
         assert.same(twice(400, "OutOfRangeQueryParameterValue"), refused(account:ask("GET", url .. "&maxresults=0")))
         assert.same(twice(400, "InvalidQueryParameterValue"), refused(account:ask("GET", url .. "&maxresults=x")))
         assert.same(twice(400, "InvalidQueryParameterValue"), refused(account:ask("GET", url .. "&marker=b%2F1")))
         local _, _, _, tree = account:ask("GET", url .. "&maxresults=1")
         local marker = calls.at(tree, "NextMarker")
         assert.same(twice(400, "InvalidQueryParameterValue"), refused(account:ask("GET", url .. "&prefix=b&marker="
            .. require("aci.http").escape(marker))))
         assert.equal(501, (account:ask("GET", url .. "&include=uncommittedblobs")))
      end)

      it("with names that XML cannot hold", function()
         account:put("/list/dir1%2Ffile%EF%BF%BF.blob", "")
         account:put("/list/dir1%2Fbell%07", "")
         local _, text = account:ask("GET", "/list?restype=container&comp=list&prefix=dir1")
         assert.truthy(text:find('<Name Encoded="true">dir1%2Ffile%EF%BF%BF.blob</Name>', 1, true))
         assert.truthy(text:find('<Name Encoded="true">dir1%2Fbell%07</Name>', 1, true))
         account:ask("DELETE", "/list/dir1%2Ffile%EF%BF%BF.blob")
         account:ask("DELETE", "/list/dir1%2Fbell%07")
      end)

      it("through more than one batch", function()
         account:ask("PUT", "/many?restype=container")
         for i = 1, 620 do
            account:put(("/many/%s/%04d"):format(i <= 610 and "first" or "second", i), "")
         end
         local _, _, _, tree = account:ask("GET", "/many?restype=container&comp=list")
         assert.equal(620, #names(tree))
         assert.same({ "first/", "second/" }, names(select(4, account:ask("GET",
            "/many?restype=container&comp=list&delimiter=%2F"))))
      end)
   end)

   it("says which operations it does not play", function()
      local status, text = account:ask("PUT", "/box/a.txt?comp=lease")
      assert.equal(501, status)
      assert.truthy(text:find("comp=lease", 1, true))
      assert.equal(501, (account:ask("POST", "/?restype=service&comp=userdelegationkey")))
      assert.equal(501, (account:ask("GET", "/rootblob")))
   end)
end)
