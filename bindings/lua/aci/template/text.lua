-- Strings as .NET sees them: counted in UTF-16 units, compared as the invariant culture does.
local text = {}

local function is_plain(s)
   return not s:find "[\128-\255]"
end

-- The units of s: each one a code point, or half of one (true then marks the second half).
local function units(s)
   local list = {}
   for _, code in utf8.codes(s) do
      list[#list + 1] = code
      if code > 0xffff then
         list[#list + 1] = true
      end
   end
   return list
end

--- How many UTF-16 units s has.
function text.length(s)
   if is_plain(s) then
      return #s
   end
   local count = 0
   for _, code in utf8.codes(s) do
      count = count + (code > 0xffff and 2 or 1)
   end
   return count
end

-- Half of a pair cannot be written as UTF-8: the replacement character stands for it.
local function join(list, from, to)
   local out = {}
   for i = from, to do
      local code = list[i]
      if code == true then
         out[#out + 1] = i == from and "\u{FFFD}" or ""
      else
         local split = code > 0xffff and i == to
         out[#out + 1] = split and "\u{FFFD}" or utf8.char(code)
      end
   end
   return table.concat(out)
end

--- `count` units from the 0-based unit `start`; both are clamped to what there is.
function text.sub(s, start, count)
   if is_plain(s) then
      return s:sub(start + 1, start + count)
   end
   local list = units(s)
   return join(list, math.max(start, 0) + 1, math.min(start + count, #list))
end

-- First and last code point of a range, and what to add to reach the other case. Ranges where the
-- cases alternate have the step 1.
local lower_of = {
   { 0xC0, 0xD6, 32 }, { 0xD8, 0xDE, 32 }, { 0x391, 0x3A1, 32 }, { 0x3A3, 0x3AB, 32 },
   { 0x400, 0x40F, 80 }, { 0x410, 0x42F, 32 },
}
local alternating = { { 0x100, 0x12F }, { 0x132, 0x137 }, { 0x14A, 0x177 }, { 0x460, 0x481 } }

local to_lower, to_upper = {}, {}

local function pair(upper, lower)
   to_lower[utf8.char(upper)] = utf8.char(lower)
   to_upper[utf8.char(lower)] = utf8.char(upper)
end

for _, range in ipairs(lower_of) do
   for code = range[1], range[2] do
      pair(code, code + range[3])
   end
end
for _, range in ipairs(alternating) do
   for code = range[1], range[2], 2 do
      pair(code, code + 1)
   end
end
for code = 0x139, 0x147, 2 do
   pair(code, code + 1)
end

--- Lower case: ASCII, Latin, Greek and Cyrillic letters.
function text.lower(s)
   s = s:lower()
   return is_plain(s) and s or (s:gsub(utf8.charpattern, to_lower))
end

--- Upper case, the same letters.
function text.upper(s)
   s = s:upper()
   return is_plain(s) and s or (s:gsub(utf8.charpattern, to_upper))
end

--- 0-based unit at which `needle` begins in `s` (letter case ignored), or -1; `last`: the last one.
function text.find(s, needle, last)
   local hay, found, from = text.lower(s), nil, 1
   needle = text.lower(needle)
   repeat
      local at = hay:find(needle, from, true)
      found = at or found
      from = at and at + 1
   until not at or not last or from > #hay
   return found and text.length(s:sub(1, found - 1)) or -1
end

local function weight(code)
   local char = utf8.char(code)
   local folded = utf8.codepoint(text.lower(char))
   local class = folded > 127 and 3 or char:find "%a" and 3 or char:find "%d" and 2 or 1
   return class << 32 | folded
end

local function codes_of(s)
   local list = {}
   for _, code in utf8.codes(s) do
      list[#list + 1] = code
   end
   return list
end

--- -1, 0 or 1 in the order of the invariant culture: signs, digits, letters; letter case counts only
--- between strings that are otherwise equal, and then the lower case comes first.
function text.compare(a, b)
   local x, y = codes_of(a), codes_of(b)
   local tie = 0
   for i = 1, math.min(#x, #y) do
      local p, q = weight(x[i]), weight(y[i])
      if p ~= q then
         return p < q and -1 or 1
      end
      if tie == 0 and x[i] ~= y[i] then
         tie = x[i] > y[i] and -1 or 1
      end
   end
   if #x ~= #y then
      return #x < #y and -1 or 1
   end
   return tie
end

local blank = "[ \t\n\v\f\r]"

--- Without white space at both ends (ASCII, and the Unicode blanks that .NET trims).
function text.trim(s)
   local wide = { ["\u{A0}"] = true, ["\u{85}"] = true, ["\u{3000}"] = true, ["\u{FEFF}"] = false }
   local list = {}
   for char in s:gmatch(utf8.charpattern) do
      list[#list + 1] = char
   end
   local function is_blank(char)
      local code = utf8.codepoint(char)
      return char:find(blank) or wide[char] or (code >= 0x2000 and code <= 0x200A)
   end
   local from, to = 1, #list
   while from <= to and is_blank(list[from]) do
      from = from + 1
   end
   while to >= from and is_blank(list[to]) do
      to = to - 1
   end
   return table.concat(list, "", from, to)
end

return text
