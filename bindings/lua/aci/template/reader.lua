-- Reading JSON text as the service does: members keep their order and every value its place.
local c = require "aci._template"
local errors = require "aci.error"
local expect = require "aci.template.expect"
local value = require "aci.template.value"

local reader = {}

--- text -> value | nil, message, line, column. lenient: comments, raw line breaks, bare names.
function reader.parse(text, lenient)
   return c.read(text, lenient, value.layouts)
end

--- text -> value | nil, aci.error of kind "invalid", code InvalidRequestContent.
function reader.read(text, lenient)
   local result, why, line, column = reader.parse(text, lenient)
   if result ~= nil then
      return result
   end
   return nil, errors.new {
      kind = "invalid", code = "InvalidRequestContent", status = 400, line = line, column = column,
      message = ("The request content was invalid and could not be deserialized: '%s. Path '', line %d, "
         .. "position %d.'.")
         :format(why:sub(1, 1):upper() .. why:sub(2), line, column),
   }
end

-- The end of the string that begins with a quote at `at`, and the position behind it.
local function quoted(text, at)
   local quote, i = text:sub(at, at), at + 1
   while i <= #text and text:sub(i, i) ~= quote do
      i = i + (text:sub(i, i) == "\\" and 2 or 1)
   end
   return text:sub(at + 1, i - 1), i + 1
end

local function double_quoted(body)
   body = body:gsub("\\'", "'"):gsub('(\\*)"', function(slashes)
      return #slashes % 2 == 0 and slashes .. '\\"' or nil
   end)
   return '"' .. body .. '"'
end

-- Newtonsoft also takes strings in single quotes; ours does not, so they are rewritten first.
local function plain(text)
   local out, at = {}, 1
   while at <= #text do
      local from = text:find("['\"]", at)
      out[#out + 1] = text:sub(at, (from or 0) - 1)
      if not from then
         break
      end
      local body, after = quoted(text, from)
      out[#out + 1] = text:byte(from) == 39 and double_quoted(body) or text:sub(from, after - 1)
      at = after
   end
   return table.concat(out)
end

--- The value that the function json() gives for a text.
function reader.json(text, call)
   local result = reader.parse(text:find("'", 1, true) and plain(text) or text, true)
   if result == nil then
      expect.raise(call, "parameter is not valid. The provided value '%s' is not a valid JSON.",
         #text > 200 and text:sub(1, 200) .. "..." or text)
   end
   return result
end

return reader
