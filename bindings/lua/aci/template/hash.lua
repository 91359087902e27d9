-- guid() and uniqueString(), bit for bit as Azure computes them.
local hash = {}

local M = 0xffffffff
local C1, C2 = 0x239b961b, 0xab0e9789
local letters = "abcdefghijklmnopqrstuvwxyz234567"

local function rotate(x, n)
   return (x << n | x >> (32 - n)) & M
end

local function mix1(h, k)
   return h ~ (rotate(k * C1 & M, 15) * C2 & M)
end

local function mix2(h, k)
   return h ~ (rotate(k * C2 & M, 17) * C1 & M)
end

local function finish(h)
   h = (h ~ h >> 16) * 0x85ebca6b & M
   h = (h ~ h >> 13) * 0xc2b2ae35 & M
   return h ~ h >> 16
end

-- Up to four bytes from `at`, little-endian; missing ones count as zero.
local function word(s, at)
   local a, b, c, d = s:byte(at, at + 3)
   return (a or 0) | (b or 0) << 8 | (c or 0) << 16 | (d or 0) << 24
end

--- The 64-bit hash under uniqueString: two lanes of a Murmur3-like function, both seeded with 0.
function hash.murmur(s)
   local h1, h2, at = 0, 0, 1
   while at + 7 <= #s do
      h1 = (rotate(mix1(h1, word(s, at)), 19) + h2) & M
      h1 = (h1 * 5 + 0x561ccd1b) & M
      h2 = (rotate(mix2(h2, word(s, at + 4)), 13) + h1) & M
      h2 = (h2 * 5 + 0x0bcaa747) & M
      at = at + 8
   end
   if at <= #s then
      h1 = mix1(h1, word(s, at))
      h2 = at + 4 <= #s and mix2(h2, word(s, at + 4)) or h2
   end
   h1, h2 = h1 ~ #s, h2 ~ #s
   h1 = (h1 + h2) & M
   h2 = (h2 + h1) & M
   h1, h2 = finish(h1), finish(h2)
   h1 = (h1 + h2) & M
   return (h2 + h1) << 32 | h1
end

--- uniqueString of already checked strings: 13 characters.
function hash.unique_string(...)
   local v, out = hash.murmur(table.concat({ ... }, "-")), {}
   for i = 1, 13 do
      local five = v >> 59
      out[i] = letters:sub(five + 1, five + 1)
      v = v << 5
   end
   return table.concat(out)
end

--- guid of already checked strings: a version 5 UUID in ARM's own namespace.
function hash.guid(...)
   local crypto = require "aci.crypto"
   return crypto.uuid5("11fb06fb-712d-4ddd-98c7-e71bbd588830", table.concat({ ... }, "-"))
end

return hash
