-- Requests that go on in another protocol, and web sockets, as bytes on plain sockets.
local crypto = require "aci.crypto"
local raw    = require "tests.support.raw"
local server = require "aci.server"
local task   = require "aci.task"

package.path = "scripts/?.lua;" .. package.path
local websocket = require "sim.websocket"

local function with(options, handler, f)
   local listening <close> = assert(server.listen(options))
   local serving <close> = task.spawn(function()
      for request in listening.next, listening do task.spawn(handler, request) end
   end)
   return f(listening:port(), serving)
end

-- What raw.say gives is text, each byte the character of its number.
local function bytes(text)
   return (text:gsub("[\xc2\xc3][\x80-\xbf]", function(c) return string.char(utf8.codepoint(c)) end))
end

local HEAD = "GET /x HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: other\r\n\r\n"

describe("a request that is upgraded", function()
   local function echo(request)
      local ok, err = request:upgrade { upgrade = "other", ["x-more"] = "y" }
      if not ok then return request:respond(400, nil, err.message) end
      for piece in request.read, request do request:write(piece:upper()) end
      request:write "the end"
      request:finish()
   end

   it("reads what comes until the client ends, and writes as it is", function()
      with({}, echo, function(port)
         local got = raw.say(port, HEAD .. "first", { "until", "FIRST" }, "0\r\n\r\n\0\xff", { "end" },
            { "until", "the end" })
         assert.matches("^HTTP/1.1 101 Switching Protocols\r\n", got.text)
         for _, line in ipairs { "upgrade: other", "x%-more: y", "connection: Upgrade" } do
            assert.matches("\r\n" .. line .. "\r\n", got.text)
         end
         assert.matches("\r\n\r\nFIRST0\r\n\r\n\0\xffthe end$", bytes(got.text))
         assert.is_nil(got.text:find "[Cc]ontent%-[Ll]ength")
         assert.is_true(got.closed)
      end)
   end)

   it("may be silent for longer than a body may", function()
      with({ stall_timeout = 0.3 }, echo, function(port)
         assert.matches("LATE", raw.say(port, HEAD, { "until", "101" }, 1, "late", { "until", "LATE" }).text)
      end)
   end)

   it("carries more than a buffer holds, both ways", function()
      with({}, echo, function(port)
         local got = raw.say(port, HEAD, { "send", 700000 }, { "end" }, { "read", 700000 })
         assert.is_true(got.dropped >= 700000)
      end)
   end)

   it("is refused with a body, or of HTTP/1.0", function()
      with({}, echo, function(port)
         local body = HEAD:gsub("\r\n\r\n$", "\r\nContent-Length: 3\r\n\r\nabc")
         for _, text in ipairs { body, (HEAD:gsub("HTTP/1.1", "HTTP/1.0")) } do
            assert.matches("^HTTP/1.1 400 .*cannot go on in another protocol", raw.say(port, text).text)
         end
      end)
   end)

   it("is answered once, and with no length", function()
      local said
      with({}, function(request)
         said = { pcall(request.upgrade, request, { ["content-length"] = "1" }), request:upgrade(),
            pcall(request.upgrade, request) }
         request:finish()
      end, function(port)
         raw.say(port, HEAD)
         assert.same({ false, true, false }, { said[1], said[2], said[3] })
         assert.matches("answered already", said[4])
      end)
   end)

   it("ends where its connection was lost", function()
      local ended
      with({}, function(request)
         request:upgrade()
         while request:read() do end
         ended = true
      end, function(port)
         raw.say(port, HEAD, { "until", "101" }, { "leave" })
         for _ = 1, 100 do
            if ended then break end
            task.sleep(0.02)
         end
         assert.is_true(ended)
      end)
   end)
end)

describe("a web socket", function()
   -- the example of RFC 6455, 1.3
   local ASK = "GET /chat HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: keep-alive, Upgrade\r\n"
      .. "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: chat, prefect\r\n"
      .. "Sec-WebSocket-Version: 13\r\n\r\n"

   local function frame(first, text, size)
      local mask, out = "\x37\xfa\x21\x3d", {}
      for at = 1, #text do out[at] = string.char(text:byte(at) ~ mask:byte((at - 1) % 4 + 1)) end
      size = size or string.char(0x80 | #text)
      return string.char(first) .. size .. mask .. table.concat(out)
   end

   local function chat(request)
      if not websocket.is_asked(request.headers) then return request:respond(426, nil, "") end
      local socket = assert(websocket.accept(request, websocket.offers(request.headers, "prefect") and "prefect"))
      for text in socket.read, socket do socket:send("<" .. text .. ">") end
   end

   -- What comes back, up to a text that is waited for.
   local function talk(last, steps)
      table.insert(steps, 1, ASK)
      table.insert(steps, 2, { "until", "\r\n\r\n" })
      steps[#steps + 1] = { "until", last }
      return with({}, chat, function(port)
         return bytes(raw.say(port, table.unpack(steps)).text):match "\r\n\r\n(.*)$"
      end)
   end

   local function say(...)
      local steps = { ... }
      steps[#steps + 1] = frame(0x81, "fin")
      return (talk("<fin>", steps):gsub("\x81\x05<fin>$", ""))
   end

   -- The close that answers.
   local function closed(...)
      return talk("\x03", { ... })
   end

   it("answers with what the key gives, and one of the protocols", function()
      with({}, chat, function(port)
         local text = raw.say(port, ASK).text
         assert.matches("\r\nsec%-websocket%-accept: s3pPLMBiTxaQ9kYGzzhZRbK%+xOo=\r\n", text)
         assert.matches("\r\nsec%-websocket%-protocol: prefect\r\n", text)
      end)
   end)

   it("is given to nobody who does not ask for it rightly", function()
      with({}, chat, function(port)
         for _, change in ipairs { { "13", "12" }, { "websocket\r\n", "other\r\n" }, { ", Upgrade", "" },
            { "dGhlIHNhbXBsZSBub25jZQ==", "abc" } } do
            assert.matches("^HTTP/1.1 426", raw.say(port, (ASK:gsub(change[1], change[2]))).text)
         end
      end)
   end)

   it("reads the frames of the standard's examples", function()
      assert.equal("\x81\x07<Hello>", say("\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58"))
      assert.equal("\x81\x07<Hello>", say(frame(0x01, "Hel") .. frame(0x80, "lo")))
      assert.equal("\x8a\x05Hello\x81\x03<x>", say(frame(0x89, "Hello") .. frame(0x81, "x")))
   end)

   it("joins a message around a ping, in any pieces", function()
      local all = frame(0x01, "a") .. frame(0x89, "p") .. frame(0x80, "b")
      local steps = {}
      for at = 1, #all do
         steps[#steps + 1] = all:sub(at, at)
         steps[#steps + 1] = 0.01
      end
      assert.equal("\x8a\x01p\x81\x04<ab>", say(table.unpack(steps)))
   end)

   it("takes the longer forms of a length", function()
      local text = crypto.hex(crypto.random(150))
      local got = say(frame(0x81, text, "\xfe" .. string.pack(">I2", 300)))
      assert.equal("\x81\x7e" .. string.pack(">I2", 302) .. "<" .. text .. ">", got)
      local long = text:rep(300)
      got = say(frame(0x82, long, "\xff" .. string.pack(">I8", #long)))
      assert.equal("\x81\x7f" .. string.pack(">I8", #long + 2) .. "<" .. long .. ">", got)
   end)

   it("closes with the client, and with a code where the client breaks the rules", function()
      assert.equal("\x88\x02\x03\xe8", closed(frame(0x88, "\x03\xe8")))
      assert.equal("\x88\x02\x03\xea", closed "\x81\x05Hello")
      assert.equal("\x88\x02\x03\xea", closed(frame(0xC1, "x")))
      assert.equal("\x88\x02\x03\xf1", closed(frame(0x81, "", "\xff" .. string.pack(">I8", 1 << 40))))
      assert.equal("\x88\x02\x03\xf1", closed(frame(0x81, "", "\xff" .. string.pack(">i8", -1))))
   end)
end)
