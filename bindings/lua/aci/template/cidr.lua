-- parseCidr, cidrSubnet, cidrHost for IPv4 and IPv6. Addresses are lists of 16-bit groups.
local expect = require "aci.template.expect"
local value = require "aci.template.value"

local cidr = {}

local function parse_v4(s)
   local a, b, c, d = s:match "^(%d+)%.(%d+)%.(%d+)%.(%d+)$"
   local bytes = {}
   for i, part in ipairs { a, b, c, d } do
      bytes[i] = tonumber(part)
      if bytes[i] > 255 or #part > 3 then
         return nil
      end
   end
   return a and { bytes[1] << 8 | bytes[2], bytes[3] << 8 | bytes[4] }
end

local function groups_of(s)
   local list = {}
   for group in s:gmatch "[^:]+" do
      if not group:find "^%x%x?%x?%x?$" then
         return nil
      end
      list[#list + 1] = tonumber(group, 16)
   end
   return list
end

local function parse_v6(s)
   local head, tail = s:match "^(.-)::(.*)$"
   local first, last = groups_of(head or s), groups_of(tail or "")
   if s:find "[^%x:]" or not first or not last or (not head and #first ~= 8) or #first + #last > 8 then
      return nil
   end
   for _ = 1, 8 - #first - #last do
      first[#first + 1] = 0
   end
   return table.move(last, 1, #last, #first + 1, first)
end

local function longest_zeros(list)
   local best, length, at = 0, 0, nil
   for i = 1, #list + 1 do
      if list[i] == 0 then
         length = length + 1
      else
         if length > best then
            best, at = length, i - length
         end
         length = 0
      end
   end
   return at, best
end

local function hex(list, from, to)
   local out = {}
   for i = from, to do
      out[#out + 1] = ("%x"):format(list[i])
   end
   return table.concat(out, ":")
end

local function show(list)
   if #list == 2 then
      return ("%d.%d.%d.%d"):format(list[1] >> 8, list[1] & 255, list[2] >> 8, list[2] & 255)
   end
   local at, length = longest_zeros(list)
   if not at or length < 2 then
      return hex(list, 1, 8)
   end
   return hex(list, 1, at - 1) .. "::" .. hex(list, at + length, 8)
end

-- Group i of the mask with `prefix` leading ones.
local function mask(i, prefix)
   local ones = math.max(0, math.min(16, prefix - (i - 1) * 16))
   return 0xffff << (16 - ones) & 0xffff
end

local function map(list, f)
   local out = {}
   for i, group in ipairs(list) do
      out[i] = f(group, i)
   end
   return out
end

-- list + count, where count counts units of 2^shift.
local function plus(list, count, shift)
   local out, i, carry = map(list, function(g) return g end), #list - shift // 16, count << shift % 16
   while i >= 1 and carry > 0 do
      local sum = out[i] + (carry & 0xffff)
      out[i] = sum & 0xffff
      carry = (carry >> 16) + (sum >> 16)
      i = i - 1
   end
   return carry == 0 and out
end

local function parse(call, s)
   local address, prefix = s:match "^([^/]+)/(%d+)$"
   local list = address and (parse_v4(address) or parse_v6(address))
   prefix = tonumber(prefix)
   if not list or prefix > #list * 16 then
      expect.raise(call, "expects its first parameter to be a valid CIDR string. The provided value is "
         .. "'%s'.", s)
   end
   local network = map(list, function(g, i) return g & mask(i, prefix) end)
   local last = map(network, function(g, i) return g | ~mask(i, prefix) & 0xffff end)
   return network, last, prefix
end

cidr.parseCidr = { min = 1, max = 1, run = function(args, call)
   local network, last, prefix = parse(call, expect.nth(call, args, 1, "String"))
   local four = #network == 2
   local netmask = show(map(network, function(_, i) return mask(i, prefix) end))
   local usual = four and prefix < 31
   local out = value.object("network", show(network), "netmask", netmask)
   if four then
      value.put(out, "broadcast", show(last))
   end
   value.put(out, "firstUsable", show(usual and plus(network, 1, 0) or network))
   value.put(out, "lastUsable", show(usual and { last[1], last[2] - 1 } or last))
   return value.put(out, "cidr", prefix)
end }

cidr.cidrSubnet = { min = 3, max = 3, run = function(args, call)
   local network, _, prefix = parse(call, expect.nth(call, args, 1, "String"))
   local new, index = expect.nth(call, args, 2, "Integer"), expect.nth(call, args, 3, "Integer")
   local bits = new - prefix
   if bits < 0 or new > #network * 16 or index < 0 or (bits < 62 and index >= 1 << bits) then
      expect.raise(call, "cannot make subnet number '%d' with the prefix length '%d' of '%s'.", index, new,
         args[1])
   end
   return show(plus(network, index, #network * 16 - new)) .. "/" .. new
end }

cidr.cidrHost = { min = 2, max = 2, run = function(args, call)
   local network, _, prefix = parse(call, expect.nth(call, args, 1, "String"))
   local index, room = expect.nth(call, args, 2, "Integer"), #network * 16 - prefix
   local skipped = #network == 2 and prefix < 31 and 1 or 0
   local hosts = room < 62 and (1 << room) - 2 * skipped or math.maxinteger
   if index < 0 or index >= hosts then
      expect.raise(call, "finds no host number '%d' in '%s'.", index, args[1])
   end
   return show(plus(network, index + skipped, 0))
end }

return cidr
