-- base64 and back, startsWith, endsWith, format, guid, uniqueString, newGuid, join, padLeft, replace,
-- split, string, substring, toLower, toUpper, trim.
local expect = require "aci.template.expect"
local fault = require "aci.template.fault"
local format = require "aci.template.format"
local hash = require "aci.template.hash"
local reader = require "aci.template.reader"
local text = require "aci.template.text"
local value = require "aci.template.value"

local strings = {}

local function crypto()
   return require "aci.crypto" -- loads the net library, which only some templates need
end

strings.base64 = { min = 1, max = 1, run = function(args, call)
   return crypto().base64(expect.type(call, args[1], "String"))
end, count = function(call)
   fault.raise("The template language function '%s' must have only one parameter.", call.name)
end }

-- Bytes that are no UTF-8 become the replacement character, as .NET's decoder has it.
local function clean(bytes)
   local out, at = {}, 1
   while at <= #bytes do
      local _, bad = utf8.len(bytes, at)
      out[#out + 1] = bytes:sub(at, (bad or 0) - 1)
      if not bad then
         break
      end
      out[#out + 1], at = "\u{FFFD}", bad + 1
   end
   return table.concat(out)
end

local function decode(call, s)
   local bytes = #s % 4 == 0 and s:find "^[%w+/]*=?=?$" and crypto().unbase64(s)
   if not bytes then
      expect.raise(call, "was invoked with a parameter that is not valid. "
         .. "The value cannot be decoded from base64 representation.")
   end
   return clean(bytes)
end

strings.base64ToString = { min = 1, max = 1, run = function(args, call)
   return decode(call, expect.type(call, args[1], "String"))
end }

strings.base64ToJson = { min = 1, max = 1, run = function(args, call)
   return reader.json(decode(call, expect.type(call, args[1], "String")), call)
end }

local function two_strings(args, call)
   if type(args[1]) ~= "string" or type(args[2]) ~= "string" then
      expect.raise(call, "expects its parameters to be of type string and string. "
         .. "The provided value is of type '%s' and '%s'.", value.type(args[1]), value.type(args[2]))
   end
   return text.lower(args[1]), text.lower(args[2])
end

strings.startsWith = { min = 2, max = 2, run = function(args, call)
   local s, start = two_strings(args, call)
   return s:sub(1, #start) == start
end }

strings.endsWith = { min = 2, max = 2, run = function(args, call)
   local s, tail = two_strings(args, call)
   return tail == "" or s:sub(-#tail) == tail
end }

strings.format = { min = 1, run = function(args, call)
   if type(args[1]) ~= "string" then
      fault.raise("Unable to evaluate language function '%s': the first argument must be a string literal, "
         .. "and the "
         .. "type of other arguments must be one of 'Array, Boolean, Date, Float, Guid, Integer, Null, "
         .. "Object, String, TimeSpan, Undefined, Uri'.", call.name)
   end
   return format.run(args, call)
end, count = function(call)
   fault.raise("Unable to evaluate template language function '%s'. At least one parameter should be "
      .. "provided.",
      call.name)
end }

local function hashing(f)
   return { min = 1, run = function(args, call)
      for i = 1, args.n do
         expect.type(call, args[i], "String")
      end
      return f(table.unpack(args, 1, args.n))
   end }
end

strings.guid = hashing(hash.guid)
strings.uniqueString = hashing(hash.unique_string)

strings.newGuid = { min = 0, max = 0, places = { parameter = true }, run = function(_, call)
   return call.scope.root.new_guid()
end, hint = " The function can only be used in the default value of a parameter." }

strings.join = { min = 2, max = 2, run = function(args, call)
   local list, out = expect.nth(call, args, 1, "Array"), {}
   local delimiter = expect.nth(call, args, 2, "String")
   for i, v in ipairs(list) do
      out[i] = value.text(v) or expect.raise(call, "expects its first parameter to be an array of strings, "
         .. "integers or booleans. It holds a value of type '%s'.", value.type(v))
   end
   return table.concat(out, delimiter)
end }

local function pad_faulty(call, why, ...)
   fault.raise("Unable to evaluate template language function '" .. call.name .. "'. " .. why, ...)
end

strings.padLeft = { min = 2, max = 3, run = function(args, call)
   local s, width, char = args[1], args[2], args.n == 3 and args[3] or " "
   s = math.type(s) == "integer" and tostring(s) or s
   if type(s) ~= "string" then
      expect.raise(call, "expects its first parameter to be of type 'String or Integer'. "
         .. "The provided value is of type '%s'.", value.type(s))
   end
   expect.nth(call, args, 2, "Integer")
   if width < 0 or width > 16 then
      pad_faulty(call, "Total width must be a positive integer value and not greater than '16', "
         .. "while '%d' was provided.", width)
   elseif type(char) ~= "string" or text.length(char) ~= 1 then
      pad_faulty(call, "The padding character must be a single character, while '%s' was provided.",
         value.text(char) or value.json(char))
   end
   return char:rep(width - text.length(s)) .. s
end, count = function(call, n)
   fault.raise("Unable to evaluate template language function '%s': function requires minimum two and "
      .. "maximum three "
      .. "arguments while '%d' was provided. The syntax is padLeft(string, totalWidth [, paddingChar]).",
      call.name, n)
end }

local function exactly(n)
   return function(call)
      fault.raise("The template language function '%s' expects exactly '%d' parameters.", call.name, n)
   end
end

strings.replace = { min = 3, max = 3, count = exactly(3), run = function(args, call)
   local s, old = expect.nth(call, args, 1, "String"), expect.nth(call, args, 2, "String")
   local new = expect.nth(call, args, 3, "String")
   if old == "" then
      expect.raise(call, "expects its second parameter to be a string that is not empty.")
   end
   return (s:gsub(old:gsub("%p", "%%%0"), (new:gsub("%%", "%%%%"))))
end }

local function delimiters(args, call)
   local d = args[2]
   if type(d) == "string" then
      return { d }
   end
   local fine = value.is_array(d)
   for i = 1, fine and #d or 0 do
      fine = fine and type(d[i]) == "string"
   end
   return fine and d or expect.nth(call, args, 2, "String or Array", "String or Array of Strings")
end

-- Where the first of the delimiters stands in s; the earlier in the list wins at the same place.
local function next_cut(s, list, from)
   local first, last
   for i = 1, #list do
      local a, b = nil, nil
      if list[i] ~= "" then
         a, b = s:find(list[i], from, true)
      end
      if a and (not first or a < first) then
         first, last = a, b
      end
   end
   return first, last
end

strings.split = { min = 2, max = 2, count = exactly(2), run = function(args, call)
   local s, list = expect.nth(call, args, 1, "String"), delimiters(args, call)
   local pieces, from = value.array {}, 1
   while true do
      local first, last = next_cut(s, list, from)
      pieces[#pieces + 1] = s:sub(from, (first or 0) - 1)
      if not first then
         return pieces
      end
      from = last + 1
   end
end }

strings.string = { min = 1, max = 1, run = function(args)
   return value.text(args[1]) or value.json(args[1])
end }

local function cut_faulty(call, why, ...)
   fault.raise("Unable to evaluate the template language function '" .. call.name .. "'. " .. why, ...)
end

local function check_cut(call, start, count, size)
   if start < 0 then
      cut_faulty(call, "The index parameter cannot be less than zero. The index: '%d'.", start)
   elseif start > size then
      cut_faulty(call, "The index parameter cannot be larger than the length of the string. The index "
         .. "parameter: '%d', the length of the string parameter: '%d'.", start, size)
   elseif count < 0 then
      cut_faulty(call, "The length parameter cannot be less than zero. The length parameter: '%d'.", count)
   elseif start + count > size then
      cut_faulty(call, "The index and length parameters must refer to a location within the string. The "
         .. "index parameter: '%d', the length parameter: '%d', the length of the string parameter: '%d'.",
         start, count, size)
   end
end

strings.substring = { min = 2, max = 3, run = function(args, call)
   local s, start = expect.nth(call, args, 1, "String"), expect.nth(call, args, 2, "Integer")
   local size = text.length(s)
   local count = args.n == 3 and expect.nth(call, args, 3, "Integer") or size - start
   check_cut(call, start, args.n == 3 and count or 0, size)
   return text.sub(s, start, count)
end, count = function(call)
   expect.raise(call, "expects at least two parameters and up to three parameters: a string, a start index "
      .. "and optionally a length.")
end }

local function change(f)
   return { min = 1, max = 1, run = function(args, call)
      return f(expect.type(call, args[1], "String"))
   end }
end

strings.toLower = change(text.lower)
strings.toUpper = change(text.upper)
strings.trim = change(text.trim)

return strings
