--- What our client relies on in Blob storage, held against the local cloud and a real Azurite: the same
-- checks, so that the one cannot drift from the other. BLOB_ENDPOINT, BLOB_ACCOUNT and BLOB_KEY name a
-- third service to be held to them (a real storage account).
local blob    = require "aci.blob"
local clock   = require "aci.clock"
local crypto  = require "aci.crypto"
local errors  = require "aci.error"
local fs      = require "aci.fs"
local rows    = require "tests.support.blobrows"
local secret  = require "aci.secret"
local sides   = require "tests.support.sides"
local support = require "tests.support.blob"
local task    = require "aci.task"

local count = 0

local MISSING = "vendor/peers azurite installs the real one"
local REQUESTS = { "signing", "blobs", "lists", "lesser" }

local ledger = sides.open("Blob storage", "Azurite")
local both = {}

local function refusal(f, ...)
   local ok, err = pcall(f, ...)
   assert.is_false(ok)
   assert.is_true(errors.is(err), tostring(err))
   return err
end

local all_bytes = {}
for i = 0, 255 do all_bytes[i + 1] = string.char(i) end
all_bytes = table.concat(all_bytes)

--- @param side of the table; nil: the checks are no rows
local function checks(start, side)
   local backend, store, container, folder

   setup(function()
      backend = start()
      store = backend and backend.store
      if side then both[side] = backend end
      folder = assert(fs.tempdir())
   end)
   teardown(function()
      if backend then backend.stop() end
      fs.remove_tree(folder)
   end)

   --- Each check has a container of its own.
   local function check(name, body)
      it(name, function()
         if not backend then pending(MISSING) return end
         count = count + 1
         container = ("spec-%d-%s"):format(count, crypto.hex(crypto.random(3)))
         assert.is_true(store:create_container(container))
         if side then ledger:hold(side, "client: " .. name, body) else body() end
         store:delete_container(container)
      end)
   end

   local function write(name, data)
      local path = folder .. "/" .. name
      assert(fs.write(path, data))
      return path
   end

   local function names(blobs)
      local list = {}
      for i, each in ipairs(blobs) do list[i] = each.name end
      table.sort(list)
      return list
   end

   check("makes a container once", function()
      assert.is_false(store:create_container(container))
      assert.is_true(store:container_exists(container))
      assert.is_false(store:container_exists(container .. "-not"))
   end)

   check("refuses a container's name that is none", function()
      local err = refusal(store.create_container, store, "Bad--Name")
      assert.equal("invalid", err.kind)
      assert.is_string(err.request_id)
   end)

   check("keeps every byte", function()
      store:put(container, "bytes", all_bytes)
      store:put(container, "none", "")
      local data, info = store:get(container, "bytes")
      assert.equal(all_bytes, data)
      assert.equal(256, info.size)
      assert.equal("", (store:get(container, "none")))
      assert.equal(0, store:properties(container, "none").size)
   end)

   check("keeps type and metadata", function()
      store:put(container, "m", "x", { content_type = "text/x-lua; charset=utf-8",
         metadata = { is_directory = "false", a0 = "1", a_b = "2" } })
      local info = store:properties(container, "m")
      assert.equal("text/x-lua; charset=utf-8", info.content_type)
      assert.same({ is_directory = "false", a0 = "1", a_b = "2" }, info.metadata)
      local listed = store:list(container, { metadata = true })[1]
      assert.same({ is_directory = "false", a0 = "1", a_b = "2" }, listed.metadata)
      assert.equal(info.etag, listed.etag)
   end)

   local odd = { "a b+c%.txt", "a&b<c>'\".txt", "plus+and=equals;~,", "UPPER",
      "dir/sub/\u{e9}\u{65e5}\u{672c}.txt" }
   for _, name in ipairs(odd) do
      check("takes the name " .. name, function()
         store:put(container, name, name)
         assert.equal(name, (store:get(container, name)))
         assert.same({ name }, names(store:list(container)))
         assert.same({ name }, names((store:list(container, { prefix = name:sub(1, 3) }))))
         assert.is_true(store:delete(container, name))
      end)
   end

   check("uploads and downloads files, whole and in blocks, byte for byte", function()
      local data = crypto.random(300 * 1024)
      local path = write("data", data)
      store:upload(container, "whole", path)
      store:upload(container, "blocks", path, { single = 1024, block = 64 * 1024, at_once = 3,
         content_type = "application/x-tar", metadata = { k = "v" } })
      for _, name in ipairs { "whole", "blocks" } do
         local target = folder .. "/back-" .. name
         assert.equal(#data, store:download(container, name, target).size)
         assert.equal(crypto.hex(crypto.sha256(data)), crypto.hex(crypto.sha256(fs.read(target))))
      end
      local info = store:properties(container, "blocks")
      assert.same({ "application/x-tar", "v" }, { info.content_type, info.metadata.k })
   end)

   check("uploads an empty file", function()
      store:upload(container, "empty", write("empty", ""))
      assert.equal(0, store:download(container, "empty", folder .. "/empty-back").size)
      assert.equal("", fs.read(folder .. "/empty-back"))
   end)

   check("lists through continuations", function()
      local wanted = {}
      for i = 1, 11 do
         wanted[i] = ("flow/%02d.lua"):format(i)
         store:put(container, wanted[i], tostring(i))
      end
      store:put(container, "flow2/other", "")
      assert.same(wanted, names((store:list(container, { prefix = "flow/", page = 3 }))))
      assert.equal(12, #store:list(container, { page = 5 }))
      assert.equal(0, #store:list(container, { prefix = "nothing" }))
      local sizes = store:list(container, { prefix = "flow/1" })
      assert.same({ 2, 2 }, { sizes[1].size, sizes[2].size })
   end)

   check("shows folders", function()
      for _, name in ipairs { "a", "d1/x", "d1/y", "d2/e/z" } do store:put(container, name, "") end
      local blobs, prefixes = store:list(container, { delimiter = "/" })
      table.sort(prefixes)
      assert.same({ "a" }, names(blobs))
      assert.same({ "d1/", "d2/" }, prefixes)
      assert.same({ "d1/x", "d1/y" }, names((store:list(container, { delimiter = "/", prefix = "d1/" }))))
   end)

   check("overwrites with a new ETag, and on conditions only", function()
      local first = store:put(container, "c", "1")
      local second = store:put(container, "c", "2")
      assert.not_equal(first.etag, second.etag)
      local exists = refusal(store.put, store, container, "c", "3", { if_none_match = "*" })
      assert.equal("conflict", exists.kind)
      assert.equal("BlobAlreadyExists", exists.code)
      local changed = refusal(store.put, store, container, "c", "3", { if_match = '"' .. first.etag .. '"' })
      assert.equal("conflict", changed.kind)
      assert.equal(412, changed.status)
      store:put(container, "c", "3", { if_match = '"' .. second.etag .. '"' })
      assert.equal("3", (store:get(container, "c")))
   end)

   check("says that nothing changed", function()
      local made = store:put(container, "c", "1")
      assert.is_nil((store:get(container, "c", { if_none_match = '"' .. made.etag .. '"' })))
   end)

   check("tells what is absent", function()
      assert.is_nil(store:properties(container, "none"))
      assert.is_false(store:delete(container, "none"))
      local err = refusal(store.get, store, container, "none")
      assert.same({ "not_found", "BlobNotFound", 404 }, { err.kind, err.code, err.status })
      err = refusal(store.download, store, container, "none", folder .. "/none")
      assert.equal("not_found", err.kind)
      assert.is_nil(fs.stat(folder .. "/none"))
      assert.equal("ContainerNotFound", refusal(store.put, store, container .. "x", "b", "1").code)
      assert.equal("ContainerNotFound", refusal(store.list, store, container .. "x").code)
   end)

   check("deletes once", function()
      store:put(container, "d", "1")
      assert.is_true(store:delete(container, "d"))
      assert.is_false(store:delete(container, "d"))
      assert.same({}, names(store:list(container)))
   end)

   check("refuses bytes that do not have the MD5 that was announced", function()
      local answer = store:send { method = "PUT", container = container, name = "m", body = "abc",
         headers = { ["x-ms-blob-type"] = "BlockBlob", ["content-md5"] = crypto.base64(crypto.md5 "abd") },
         accept = { [400] = true } }
      assert.equal("Md5Mismatch", answer.headers["x-ms-error-code"])
      assert.is_nil(store:properties(container, "m"))
   end)

   check("refuses a block list that names an unknown block", function()
      local answer = store:send { method = "PUT", container = container, name = "b",
         query = { comp = "blocklist" }, headers = { ["content-type"] = "application/xml" },
         body = "<?xml version=\"1.0\" encoding=\"utf-8\"?><BlockList><Latest>AAAA</Latest></BlockList>",
         accept = { [400] = true } }
      assert.equal("InvalidBlockList", answer.headers["x-ms-error-code"])
   end)

   check("takes many at once", function()
      local puts = {}
      for i = 1, 24 do puts[i] = function() return store:put(container, "n" .. i, ("x"):rep(i)).etag end end
      assert.equal(24, #task.all(puts))
      assert.equal(24, #store:list(container))
   end)

   check("refuses a wrong key, and nothing is written", function()
      local stranger = backend.with_key(crypto.base64(crypto.random(64)))
      local err = refusal(stranger.put, stranger, container, "k", "1")
      assert.equal(403, err.status)
      assert.is_true(err.kind == "auth" or err.kind == "permission")
      assert.matches("key is wrong", err.advice)
      assert.is_nil(store:properties(container, "k"))
      assert.equal(403, refusal(stranger.list, stranger, container).status)
   end)

   --- A client of somebody who has only the address.
   local function holder(link)
      return blob.connect(backend.config, nil, link)
   end

   local function link_of(name, options, change)
      local link = secret.reveal(store:sas(container, name, options))
      return secret.new(change and assert(change(link)) or link)
   end

   local function not_allowed(f, ...)
      local err = refusal(f, ...)
      assert.same({ 403, "AuthorizationPermissionMismatch" }, { err.status, err.code })
      assert.matches("the SAS allows", err.advice)
   end

   check("a SAS of a blob reads that blob, as it says, and no other", function()
      local name = "dir/a b+%\u{e9}.txt"
      store:put(container, name, "shared")
      store:put(container, "other", "not shared")
      local guest = holder(link_of(name))
      local data, info = guest:get(container, name)
      assert.same({ "shared", 6 }, { data, info.size })
      assert.equal(6, guest:properties(container, name).size)
      assert.equal(6, guest:download(container, name, folder .. "/shared").size)
      assert.equal(403, refusal(guest.get, guest, container, "other").status)
      not_allowed(guest.put, guest, container, name, "changed")
      not_allowed(guest.delete, guest, container, name)
      assert.equal("shared", (store:get(container, name)))
   end)

   check("a SAS of a container lists, writes, uploads and deletes, as its letters say", function()
      local guest = holder(link_of(nil, { permissions = "racwdl" }))
      guest:put(container, "one", "1")
      guest:put(container, "one", "2", { metadata = { a = "b" } })
      guest:upload(container, "two", write("two", ("x"):rep(5000)), { single = 1024, block = 2048, at_once = 2 })
      assert.same({ "one", "two" }, names((guest:list(container, { page = 1 }))))
      assert.is_true(guest:delete(container, "one"))
      local reader = holder(link_of(nil))
      assert.same({ "two" }, names((reader:list(container))))
      not_allowed(reader.delete, reader, container, "two")
      local maker = holder(link_of(nil, { permissions = "c" }))
      maker:put(container, "new", "1")
      not_allowed(maker.put, maker, container, "new", "2")
      not_allowed(maker.list, maker, container)
   end)

   check("a SAS works as its query alone, for this address, and with words about the blob", function()
      store:put(container, "b", "x")
      local query = secret.reveal(link_of("b", { ip = "127.0.0.1", starts = clock.now() - 900,
         cache_control = "no-cache", content_disposition = 'attachment; filename="b c"', content_type = "text/x-b" }))
         :match "%?.*"
      assert.equal("x", (blob.connect(backend.config, backend.account, secret.new(query)):get(container, "b")))
   end)

   check("a SAS that has ended, has not begun or was changed is refused", function()
      store:put(container, "b", "x")
      local short = link_of("b", { expires = math.floor(clock.now()) + 2 })
      local function says(words, link)
         local guest = holder(link)
         local err = refusal(guest.get, guest, container, "b")
         assert.equal(403, err.status)
         assert.matches(words, err.advice)
      end
      local changed = "was changed, does not count yet"
      says(changed, link_of("b", { starts = clock.now() + 600 }))
      says(changed, link_of("b", nil, function(link) return (link:gsub("sp=r", "sp=rw")) end))
      says(changed, link_of("b", nil, function(link) return (link:gsub("se=%d+", "se=2099")) end))
      says(changed, link_of("b", nil, function(link) return (link:gsub("sr=b", "sr=c")) end))
      says(changed, link_of("b", nil, function(link)
         local first = link:match "&sig=(.)"
         return (link:gsub("&sig=.", "&sig=" .. (first == "A" and "B" or "A")))
      end))
      says(changed, link_of("c", nil, function(link) return (link:gsub("/c%?", "/b?")) end))
      task.sleep(3)
      says("the SAS ended at 20", short)
   end)

   check("a SAS for https is refused over http", function()
      store:put(container, "b", "x")
      local guest = holder(link_of("b", { protocol = "https" }))
      if store.endpoint:find "^https:" then
         assert.equal("x", (guest:get(container, "b")))
      else
         local err = refusal(guest.get, guest, container, "b")
         assert.equal("AuthorizationProtocolMismatch", err.code)
         assert.matches("https only", err.advice)
      end
   end)

   --- Each request of these is a row.
   for _, file in ipairs(side and REQUESTS or {}) do
      for _, part in ipairs(require("tests.contract.blob." .. file)) do
         it("request by request: " .. part[1], function()
            if not backend then pending(MISSING) return end
            backend.rows = backend.rows or rows.open(side, ledger, backend)
            backend.rows:part(part[1])
            part[2](backend.rows)
         end)
      end
   end
end

describe("Blob storage in the local cloud", function() checks(support.local_cloud, "here") end)
describe("Blob storage in Azurite", function() checks(support.azurite, "there") end)
if os.getenv "BLOB_ENDPOINT" then
   describe("Blob storage at BLOB_ENDPOINT", function() checks(support.named) end)
end

describe("Blob storage, both", function()
   it("give the same answers", function()
      if not both.there then pending(MISSING) return end
      ledger:compare()
   end)
end)
