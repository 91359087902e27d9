--- CRC-64 as Azure Storage has it: polynomial 0x9A6C9329AC4BC9B5 reflected, all ones at the start and the
-- end, little-endian bytes.
local crypto = require "aci.crypto"

local crc64 = {}

local POLYNOMIAL = 0x9A6C9329AC4BC9B5

local steps = {}
for byte = 0, 255 do
   local value = byte
   for _ = 1, 8 do
      value = value & 1 == 1 and (value >> 1) ~ POLYNOMIAL or value >> 1
   end
   steps[byte] = value
end

--- Goes on with more bytes; `sum` is nil at the start.
function crc64.add(sum, bytes)
   local value, table_of = sum or -1, steps
   for from = 1, #bytes, 4096 do
      for _, byte in ipairs { bytes:byte(from, math.min(from + 4095, #bytes)) } do
         value = table_of[(value ~ byte) & 255] ~ (value >> 8)
      end
   end
   return value
end

--- The sum as headers carry it.
function crc64.base64(sum)
   return crypto.base64(("<i8"):pack(~sum))
end

return crc64
