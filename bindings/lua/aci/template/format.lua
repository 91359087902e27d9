-- .NET composite formatting for format(): {index[,alignment][:format]}, {{ and }}.
local fault = require "aci.template.fault"
local text = require "aci.template.text"
local value = require "aci.template.value"

local format = {}

local function broken(call, why)
   fault.raise("Unable to evaluate language function '%s': the format is invalid: '%s'.", call.name, why)
end

local function grouped(digits)
   local head = #digits % 3
   local out = { head > 0 and digits:sub(1, head) or nil }
   for at = head + 1, #digits, 3 do
      out[#out + 1] = digits:sub(at, at + 2)
   end
   return table.concat(out, ",")
end

-- Sign, digits before and after the point, rounded half away from zero.
local function parts(v, decimals)
   local whole, fraction = ("%." .. decimals .. "f"):format(math.abs(v)):match "^(%d+)%.?(%d*)$"
   if math.type(v) == "integer" then
      whole, fraction = (tostring(v):gsub("^-", "")), ("0"):rep(decimals)
   end
   return v < 0 and "-" or "", whole, fraction
end

local function fixed(v, decimals, group)
   local sign, whole, fraction = parts(v, decimals)
   whole = group and grouped(whole) or whole
   return sign .. whole .. (decimals > 0 and "." .. fraction or "")
end

local function padded(digits, width)
   return ("0"):rep(width - #digits) .. digits
end

local standard = {
   n = function(v, width) return fixed(v, width or 2, true) end,
   f = function(v, width) return fixed(v, width or 2) end,
   p = function(v, width) return fixed(v * 100, width or 2, true) .. " %" end,
   d = function(v, width)
      local sign, whole = parts(v, 0)
      return sign .. padded(whole, width or 0)
   end,
   x = function(v, width, letter)
      return padded(("%" .. letter):format(v), width or 0)
   end,
   g = function(v) return value.text(v) end,
   e = function(v, width, letter)
      local s = ("%." .. (width or 6) .. letter):format(v)
      return (s:gsub("([eE][+-])(%d+)$", function(e, digits) return e .. padded(digits, 3) end))
   end,
   r = function(v) return value.text(v) end,
}

-- "0000", "#,##0.00": zeros say how many digits there must be.
local function picture(v, spec)
   local before, after = spec:match "^([^.]*)%.?(.*)$"
   local _, least = before:gsub("0", "")
   local _, most = after:gsub("[0#]", "")
   local _, needed = after:gsub("0", "")
   local sign, whole, fraction = parts(v, most)
   while #fraction > needed and fraction:sub(-1) == "0" do
      fraction = fraction:sub(1, -2)
   end
   whole = padded(whole == "0" and least == 0 and "" or whole, least)
   whole = before:find "[0#],[0#,]*[0#]" and grouped(whole) or whole
   return sign .. whole .. (#fraction > 0 and "." .. fraction or "")
end

local function number(v, spec, call)
   local letter, width = spec:match "^(%a)(%d*)$"
   local print = letter and standard[letter:lower()]
   local whole_only = letter and letter:lower():find "[dx]"
   if print and not (whole_only and math.type(v) == "float") then
      return print(v, tonumber(width), letter)
   elseif letter then
      broken(call, "Format specifier was invalid.")
   end
   return picture(v, spec)
end

local function print_value(v, spec, call)
   if spec ~= "" and type(v) == "number" then
      return number(v, spec, call)
   end
   return value.text(v) or value.json(v, "'")
end

local function aligned(s, width)
   local room = (" "):rep(math.abs(width) - text.length(s))
   return width < 0 and s .. room or room .. s
end

local function item(body, args, call)
   local index, width, spec = body:match "^(%d+)%s*,?%s*(%-?%d*)%s*:?(.*)$"
   if not index or (body:find "^%d+%s*," and width == "") then
      broken(call, "Input string was not in a correct format.")
   elseif tonumber(index) + 2 > args.n then
      broken(call, "Index (zero based) must be greater than or equal to zero and less than the size of the "
         .. "argument list.")
   end
   local s = print_value(args[tonumber(index) + 2], spec, call)
   return width ~= "" and aligned(s, tonumber(width)) or s
end

--- args[1] is the format, the rest what it refers to; args.n counts all of them.
function format.run(args, call)
   local pattern, out, at = args[1], {}, 1
   while at <= #pattern do
      local brace = pattern:find("[{}]", at)
      out[#out + 1] = pattern:sub(at, (brace or 0) - 1)
      if not brace then
         break
      end
      local sign = pattern:sub(brace, brace)
      if pattern:sub(brace + 1, brace + 1) == sign then
         out[#out + 1], at = sign, brace + 2
      else
         local close = sign == "{" and pattern:find("}", brace, true)
         if not close then
            broken(call, "Input string was not in a correct format.")
         end
         out[#out + 1], at = item(pattern:sub(brace + 1, close - 1), args, call), close + 1
      end
   end
   return table.concat(out)
end

return format
