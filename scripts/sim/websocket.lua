--- Web sockets (RFC 6455), the server's side: a request that asks for one becomes an object that reads and sends
-- messages. It keeps no more than one message, and never answers with more than was asked for.
local crypto = require "aci.crypto"

local websocket = {}

local Socket = {}
Socket.__index = Socket

local MAGIC = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11" -- the protocol's own constant
local LONGEST = 16 * 1024 * 1024 -- bytes of a message
local TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10

local function has(list, wanted)
   for word in (list or ""):gmatch "[^,%s]+" do
      if word:lower() == wanted then return true end
   end
   return false
end

--- Whether a request asks for a web socket that can be given.
function websocket.is_asked(headers)
   local key = crypto.unbase64(headers["sec-websocket-key"] or "")
   return has(headers.upgrade, "websocket") and has(headers.connection, "upgrade")
      and headers["sec-websocket-version"] == "13" and key ~= nil and #key == 16
end

--- Accepts it. @param raw the request of aci.server @param protocol one of those that it offers, or nil
-- @return socket | nil, err
function websocket.accept(raw, protocol)
   local ok, err = raw:upgrade { upgrade = "websocket", ["sec-websocket-protocol"] = protocol,
      ["sec-websocket-accept"] = crypto.base64(crypto.sha1(raw.headers["sec-websocket-key"] .. MAGIC)) }
   if not ok then return nil, err end
   return setmetatable({ raw = raw, held = "" }, Socket)
end

--- Whether the client offers a protocol.
function websocket.offers(headers, protocol)
   return has(headers["sec-websocket-protocol"], protocol)
end

local function frame(kind, text)
   local head = string.char(0x80 | kind)
   if #text < 126 then return head .. string.char(#text) .. text end
   if #text < 65536 then return head .. string.pack(">BI2", 126, #text) .. text end
   return head .. string.pack(">BI8", 127, #text) .. text
end

-- The next n bytes; nil where the client has ended.
function Socket:take(n)
   local parts, size = { self.held }, #self.held
   while size < n do
      local piece = self.raw:read()
      if not piece then return nil end
      parts[#parts + 1], size = piece, size + #piece
   end
   local all = table.concat(parts)
   self.held = all:sub(n + 1)
   return all:sub(1, n)
end

-- Four bytes at a time.
local function unmasked(text, mask)
   local key, out, n = string.unpack("<I4", mask), {}, #text
   local padded = text .. ("\0"):rep(-n % 4)
   for at = 1, n, 4 do out[#out + 1] = string.pack("<I4", string.unpack("<I4", padded, at) ~ key) end
   return table.concat(out):sub(1, n)
end

local function long_size(self, size)
   if size < 126 then return size end
   local format, bytes = ">I2", 2
   if size == 127 then format, bytes = ">I8", 8 end
   local text = self:take(bytes)
   return text and string.unpack(format, text)
end

-- One frame: its kind, its text, whether it is the last of its message. nil at the end, or where the client breaks
-- the rules: a code to close with is second then.
function Socket:frame()
   local head = self:take(2)
   if not head then return nil end
   local first, second = head:byte(1, 2)
   if first & 0x70 ~= 0 or second & 0x80 == 0 then return nil, 1002 end
   local size = long_size(self, second & 0x7F)
   if not size then return nil end
   if size < 0 or size > LONGEST then return nil, 1009 end
   local mask = self:take(4)
   local text = mask and self:take(size)
   if not text then return nil end
   return first & 0x0F, unmasked(text, mask), first & 0x80 ~= 0
end

-- What is no part of a message. True: the client closes.
local function control(self, kind, text)
   if kind == PING then self.raw:write(frame(PONG, text)) end
   if kind == CLOSE then self:close(1000) end
   return kind == CLOSE
end

--- The next message, of text or bytes; nil when the client has closed.
function Socket:read()
   local parts, size = {}, 0
   while not self.closed do
      local kind, text, last = self:frame()
      if not kind then
         self:close(text)
         return nil
      elseif kind >= CLOSE then
         if control(self, kind, text) then return nil end
      else
         parts[#parts + 1], size = text, size + #text
         if size > LONGEST or kind > BINARY then
            self:close(1009)
            return nil
         end
         if last then return table.concat(parts) end
      end
   end
end

--- Sends a message. @return true | nil, err
function Socket:send(text)
   if self.closed then return nil, "closed" end
   return self.raw:write(frame(TEXT, text))
end

--- Ends it without a word.
function Socket:drop()
   self.closed = true
   self.raw:finish()
end

--- Ends it, once. @param code of the protocol (1000 a good end) @param reason
function Socket:close(code, reason)
   if self.closed then return end
   self.closed = true
   self.raw:write(frame(CLOSE, string.pack(">I2", code or 1000) .. (reason or "")))
   self.raw:finish()
end

return websocket
