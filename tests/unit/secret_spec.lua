local crypto = require "aci.crypto"
local errors = require "aci.error"
local fs = require "aci.fs"
local json = require "aci.json"
local pretty = require "aci.pretty"
local process = require "aci.process"
local secret = require "aci.secret"

describe("aci.secret", function()
   it("keeps its bytes, NULs too, and shows them only when asked", function()
      local s = secret.new("a\0b")
      assert.equal(3, #s)
      assert.equal("<secret>", tostring(s))
      assert.equal("a\0b", secret.reveal(s))
      assert.equal("", secret.reveal(secret.new("")))
   end)

   it("does not show its bytes in formats, errors and concatenations", function()
      local s = secret.new("hunter2")
      assert.equal("<secret>", ("%s"):format(s))
      local _, err = pcall(function() return s + 1 end)
      assert.is_nil(tostring(err):find("hunter2", 1, true))
      local joined = "Bearer " .. s .. "!"
      assert.is_true(secret.is(joined))
      assert.equal("Bearer hunter2!", secret.reveal(joined))
   end)

   it("tells secrets from everything else", function()
      assert.is_true(secret.is(secret.new("x")))
      for _, value in ipairs { "x", 1, {}, io.stdout, print } do
         assert.is_false(secret.is(value))
      end
      assert.is_false(secret.is(nil))
   end)

   it("compares bytes", function()
      local a, b = secret.new("same"), secret.new("same")
      assert.is_true(a == b)
      assert.is_true(secret.equal(a, "same"))
      assert.is_false(secret.equal(a, "Same"))
      assert.is_false(secret.equal(a, "same "))
      assert.is_false(secret.new("") == a)
      assert.is_true(secret.equal("", ""))
   end)

   it("is itself when made of a secret", function()
      local s = secret.new("x")
      assert.is_true(rawequal(s, secret.new(s)))
   end)

   it("refuses other values, without showing secrets", function()
      assert.has_error(function() secret.new(12) end)
      assert.has_error(function() secret.reveal("plain") end)
      assert.has_error(function() return secret.new("x") .. {} end)
   end)

   it("cannot have its metatable taken", function()
      assert.is_false(getmetatable(secret.new("x")))
   end)
end)

-- Reads its own memory before and after the collection.
local WIPE = [[
local secret = require "aci.secret"
local canary = require "aci.crypto".hex(require "aci.crypto".random(60))
local middle = canary:sub(50, 80) -- what malloc writes into free memory is at its beginning
local function memory_at(address)
   local memory = assert(io.open("/proc/self/mem", "rb"))
   memory:setvbuf "no"
   memory:seek("set", address)
   local bytes = memory:read(256)
   memory:close()
   return bytes or ""
end
local made = secret.new(canary)
local address = tonumber(("%p"):format(made):sub(3), 16)
local before = memory_at(address):find(middle, 1, true) ~= nil
made = nil
collectgarbage()
collectgarbage()
print(before, memory_at(address):find(middle, 1, true) ~= nil)]]

describe("the bytes of a secret", function()
   it("are wiped when it is collected", function()
      local environment = process.environment()
      environment.ACIHOST_DUMPABLE = "1" -- an ordinary user may not even read its own memory else
      local ran = process.run { args = { process.self(), "-e", WIPE }, env = environment, timeout = 60 }
      assert.equal("true\tfalse\n", ran.stdout, ran.stderr)
   end)

   it("are in no core dump", function()
      local folder = assert(fs.tempdir "acihost-core-")
      local function dies(before)
         local chunk = before .. " require 'aci.process'.signal(require 'aci.process'.pid(), 'ABRT')"
         local ran = process.run { timeout = 60, args = { "/bin/bash", "-c",
            ("cd %s && ulimit -c unlimited && %q -e %q; true"):format(folder, process.self(), chunk) } }
         local left = fs.list(folder)
         for _, name in ipairs(left) do fs.remove(folder .. "/" .. name) end
         return ran.stderr:find("core dumped", 1, true) ~= nil, #left
      end
      local dumped = dies "local s = 'no secret'"
      local with_secret, files = dies "local s = require 'aci.secret'.new 'canary'"
      fs.remove_tree(folder)
      if os.getenv "ASAN_OPTIONS" then return end -- the leak checker needs it otherwise: core/private.c
      if not dumped then return pending "nothing dumps core here" end
      assert.is_false(with_secret)
      assert.equal(0, files)
   end)

   it("are in nothing that is said of them: messages, tracebacks, JSON, the pretty printer", function()
      local s = secret.new "canary-of-messages"
      local said = {}
      local function say(text) said[#said + 1] = tostring(text) end
      for _, f in ipairs {
         function() return s + 1 end, function() return s.x.y end, function() return s() end,
         function() return s < s end, function() error(s) end, function() error("it was " .. s) end,
         function() return ("x"):rep(s) end, function() return tonumber(s) + 1 end, function() return #s .. {} end,
         function() return json.encode { s, a = 1 / 0 } end,
         function() return require "aci.http".request { url = s } end,
         function() return require "aci.http".request { url = "http://h/", headers = { a = s .. "\n" } } end,
         function() return require "aci.http".request { url = "http://h/", timeout = s } end,
         function() return fs.read(s) end, function() return process.spawn { args = { "true", s } } end,
         function() return crypto.hex(s, s) end, function() errors.raise { kind = "failed", message = s } end,
      } do
         xpcall(f, function(err) say(debug.traceback(err)) say(err) end)
      end
      say(s)
      say(json.encode { s })
      say(pretty.format { s, { a = s } })
      local _, err = json.decode(secret.new '{"a": canary-of-messages}')
      say(err)
      local text = table.concat(said, "\n")
      assert.truthy(#text > 200)
      assert.is_nil(text:find("canary", 1, true), text)
   end)

   it("are masked in text while they live, the longest first", function()
      local long, short = secret.new "canary-and-more", secret.new "canary"
      local tiny, formal = secret.new "tiny", secret.formal "subscription"
      assert.equal("a <secret>, <secret>, <secret><secret>b, tiny subscription canar\0y",
         secret.conceal "a canary, canary-and-more, canarycanaryb, tiny subscription canar\0y")
      assert.is_true(secret.is(long) and secret.is(short) and secret.is(tiny) and secret.is(formal))
      long, short = nil, nil -- luacheck: ignore
      collectgarbage()
      collectgarbage()
      assert.equal("canary-and-more", secret.conceal "canary-and-more")
      assert.equal("", secret.conceal "")
   end)

   it("are in no line of the REPL's history", function()
      local history = require "aci.repl.history"
      local line = 'say "cage-bird-in-a-mine"'
      assert.is_true(history.harmless(line))
      local s = secret.new "cage-bird-in-a-mine"
      assert.is_false(history.harmless(line))
      assert.is_true(secret.is(s))
   end)

   it("are masked in an error's message, whoever repeats them", function()
      local s = secret.new "canary-repeated"
      local err = errors.new { kind = "invalid", message = "you sent " .. secret.reveal(s), code = "Bad" }
      assert.equal("you sent <secret>", err.message)
      err.advice = "do not send " .. secret.reveal(s)
      assert.is_nil(tostring(err):find("canary", 1, true))
      local ran = process.run { timeout = 30, args = { process.self(), "-e",
         [[local secret = require "aci.secret"
           local s = secret.new "canary-uncaught"
           error("it is " .. secret.reveal(s))]] } }
      assert.equal(1, ran.code)
      assert.matches("it is <secret>", ran.stderr)
      assert.is_nil(ran.stderr:find("canary-uncaught", 1, true))
   end)
end)
