--- IPv4 ranges.
local cidr = {}

--- Reads "10.0.0.0/16" strictly; gives { from, to, length } or nil.
function cidr.parse(text)
   if type(text) ~= "string" then
      return nil
   end
   local a, b, c, d, length = text:match "^(%d+)%.(%d+)%.(%d+)%.(%d+)/(%d+)$"
   if not a then
      return nil
   end
   local parts, number = { tonumber(a), tonumber(b), tonumber(c), tonumber(d) }, 0
   for _, part in ipairs(parts) do
      if part > 255 then
         return nil
      end
      number = number * 256 + part
   end
   length = tonumber(length)
   local size = length <= 32 and 1 << (32 - length) or 0
   if size == 0 or number % size ~= 0 then
      return nil
   end
   return { from = number, to = number + size - 1, length = length }
end

--- True when one range lies inside another.
function cidr.inside(inner, outer)
   return inner.from >= outer.from and inner.to <= outer.to
end

--- True when two ranges share an address.
function cidr.overlap(a, b)
   return a.from <= b.to and b.from <= a.to
end

--- The nth address of a range as text.
function cidr.address(range, n)
   local number = range.from + n
   return ("%d.%d.%d.%d"):format(number >> 24 & 255, number >> 16 & 255, number >> 8 & 255, number & 255)
end

return cidr
