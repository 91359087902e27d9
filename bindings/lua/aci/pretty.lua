--- aci.pretty: values as text for people: in the REPL, in logs, and as tables.

local term = require "aci.term"

local pretty = {}

local DEFAULTS = { depth = 6, items = 100, text = 1000, width = 80, table = true }
local INDENT = "  "
local SHORT = 16 -- bytes of an entry that shares its line

-- -- tables of rows -------------------------------------------------------------------------------

local function length(text)
   return utf8.len(text) or #text
end

local function cell(value)
   if value == nil then
      return ""
   end
   return term.plain(tostring(value))
end

local function pad(text, width)
   return text .. (" "):rep(width - length(text))
end

local function titles(columns)
   local keys, heads = {}, {}
   for i, column in ipairs(columns) do
      local key = type(column) == "table" and column[1] or column
      keys[i] = key
      heads[i] = (type(column) == "table" and column.title or tostring(key)):upper():gsub("_", " ")
   end
   return keys, heads
end

-- The keys that the rows have: name and id first, then in order.
local function columns_of(rows)
   local seen, keys = {}, {}
   for _, row in ipairs(rows) do
      for key in next, row do
         if not seen[key] then
            seen[key] = true
            keys[#keys + 1] = key
         end
      end
   end
   local first = { name = 1, id = 2 }
   table.sort(keys, function(a, b)
      local ra, rb = first[a] or 3, first[b] or 3
      if ra ~= rb then
         return ra < rb
      end
      return tostring(a) < tostring(b)
   end)
   return keys
end

--- Rows as aligned columns with a line of titles above; ends with a line break.
function pretty.table(rows, columns)
   local keys, heads = titles(columns or columns_of(rows))
   local lines, widths = { heads }, {}
   for r, row in ipairs(rows) do
      local cells = {}
      for i, key in ipairs(keys) do
         cells[i] = cell(row[key])
      end
      lines[r + 1] = cells
   end
   for _, cells in ipairs(lines) do
      for i, text in ipairs(cells) do
         widths[i] = math.max(widths[i] or 0, length(text))
      end
   end
   for l, cells in ipairs(lines) do
      for i = 1, #cells do
         cells[i] = pad(cells[i], widths[i])
      end
      lines[l] = table.concat(cells, "  "):gsub("%s+$", "")
   end
   return table.concat(lines, "\n") .. "\n"
end

-- -- values ---------------------------------------------------------------------------------------

local escapes = { ["\n"] = "\\n", ["\t"] = "\\t", ["\r"] = "\\r", ['"'] = '\\"', ["\\"] = "\\\\" }

local function quote(text, most)
   local rest = ""
   if #text > most then
      local cut = utf8.len(text) and utf8.offset(text, 0, most + 1) - 1 or most
      rest = (" .. %d more bytes"):format(#text - cut)
      text = text:sub(1, cut)
   end
   text = text:gsub('[%c"\\\127]', function(char)
      return escapes[char] or ("\\%03d"):format(char:byte())
   end)
   if not utf8.len(text) then
      text = text:gsub("[\x80-\xff]", function(char) return ("\\x%02x"):format(char:byte()) end)
   end
   return '"' .. text .. '"' .. rest
end

local keywords = {}
for word in ([[and break do else elseif end false for function goto if in local nil not or repeat return
   then true until while]]):gmatch "%a+" do
   keywords[word] = true
end

local function key_text(key, state)
   if type(key) == "string" and key:match "^[%a_][%w_]*$" and not keywords[key] then
      return key
   elseif type(key) == "string" then
      return "[" .. quote(key, state.text) .. "]"
   end
   return "[" .. tostring(key) .. "]"
end

local order = { number = 1, string = 2, boolean = 3 }

local function before(a, b)
   local ka, kb = type(a), type(b)
   if ka ~= kb then
      return (order[ka] or 4) < (order[kb] or 4) or (order[ka] == order[kb] and ka < kb)
   elseif ka == "number" or ka == "string" then
      return a < b
   end
   return tostring(a) < tostring(b)
end

-- The keys beside 1 to n, in order.
local function other_keys(value, n)
   local keys = {}
   for key in next, value do
      if not (math.type(key) == "integer" and key >= 1 and key <= n) then
         keys[#keys + 1] = key
      end
   end
   table.sort(keys, before)
   return keys
end

local function sequence_length(value)
   local n = 0
   while rawget(value, n + 1) ~= nil do
      n = n + 1
   end
   return n
end

local describe

-- The entries as texts, no more than the limit.
local function entries_of(value, state, depth)
   local entries, n = {}, sequence_length(value)
   local keys = other_keys(value, n)
   for i = 1, math.min(n, state.items) do
      entries[i] = describe(rawget(value, i), state, depth + 1)
   end
   for i = 1, math.min(#keys, state.items - #entries) do
      local text = describe(rawget(value, keys[i]), state, depth + 1)
      entries[#entries + 1] = key_text(keys[i], state) .. " = " .. text
   end
   local left = n + #keys - #entries
   if left > 0 then
      entries[#entries + 1] = ("... %d more"):format(left)
   end
   return entries
end

-- Short entries share lines.
local function fill(entries, width)
   local lines = {}
   for _, entry in ipairs(entries) do
      local last = lines[#lines]
      if last and #last + #entry + 3 <= width then
         lines[#lines] = last .. ", " .. entry
      else
         lines[#lines + 1] = entry
      end
   end
   return lines
end

local function all_short(entries)
   for _, entry in ipairs(entries) do
      if #entry > SHORT or entry:find("[\n=]") then
         return false
      end
   end
   return true
end

-- On one line where it fits, else one line for each that is not short.
local function join(entries, state, depth)
   local one = "{ " .. table.concat(entries, ", ") .. " }"
   if #one + depth * #INDENT <= state.width and not one:find("\n", 1, true) then
      return one
   end
   local inner = INDENT:rep(depth + 1)
   local lines = all_short(entries) and fill(entries, state.width - #inner) or entries
   return "{\n" .. inner .. table.concat(lines, ",\n" .. inner) .. ",\n" .. INDENT:rep(depth) .. "}"
end

local function marked_array(value)
   local json = package.loaded["aci.json"]
   return json and json.is_array(value)
end

-- "aci.azure " before what is an object; JSON's own marks say nothing to a reader.
local function type_name(meta)
   local name = type(meta) == "table" and meta.__name
   if type(name) ~= "string" or name:find "^aci%.json" then
      return ""
   end
   return name .. " "
end

local function describe_table(value, state, depth)
   local meta = getmetatable(value)
   if type(meta) == "table" and meta.__tostring then
      return term.plain(tostring(value))
   end
   local name = type_name(meta)
   if state.open[value] then
      return name .. "{ (itself) }"
   elseif next(value) == nil then
      return name .. (marked_array(value) and "[]" or "{}")
   elseif depth >= state.depth then
      return name .. "{ ... }"
   end
   state.open[value] = true
   local text = join(entries_of(value, state, depth), state, depth)
   state.open[value] = nil
   return name .. text
end

local function describe_function(value)
   local info = debug.getinfo(value, "S")
   if info.what == "C" then
      return "function (C)"
   end
   return ("function (%s:%d)"):format(info.short_src, info.linedefined)
end

function describe(value, state, depth)
   local kind = type(value)
   if kind == "string" then
      return quote(value, state.text)
   elseif kind == "table" then
      return describe_table(value, state, depth)
   elseif kind == "function" then
      return describe_function(value)
   end
   return term.plain(tostring(value))
end

-- -- which way ------------------------------------------------------------------------------------

local function flat(row)
   if type(row) ~= "table" or getmetatable(row) or next(row) == nil then
      return false
   end
   for key, value in next, row do
      if type(key) ~= "string" or type(value) == "table" or type(value) == "function" then
         return false
      end
   end
   return true
end

local function same_keys(a, b)
   for key in next, a do
      if rawget(b, key) == nil then
         return false
      end
   end
   for key in next, b do
      if rawget(a, key) == nil then
         return false
      end
   end
   return true
end

-- Two rows or more, all flat, all with the same keys.
local function is_rows(value)
   if type(value) ~= "table" or #value < 2 or #other_keys(value, #value) > 0 then
      return false
   end
   for i = 1, #value do
      if not flat(value[i]) or not same_keys(value[1], value[i]) then
         return false
      end
   end
   return true
end

local function widest(text)
   local most = 0
   for line in text:gmatch "[^\n]+" do
      most = math.max(most, length(line))
   end
   return most
end

local function settings(options)
   local state = { open = {} }
   for key, value in pairs(DEFAULTS) do
      state[key] = value
   end
   for key, value in pairs(options or {}) do
      if DEFAULTS[key] == nil then
         error(("unknown option '%s'"):format(tostring(key)), 3)
      end
      state[key] = value
   end
   return state
end

--- A value as text, without a final line break.
function pretty.format(value, options)
   local state = settings(options)
   if state.table and is_rows(value) and #value <= state.items then
      local text = pretty.table(value):gsub("\n$", "")
      if widest(text) <= state.width then
         return text
      end
   end
   return describe(value, state, 0)
end

--- Prints values as text, each on its own line, as wide as the terminal.
function pretty.print(...)
   for i = 1, select("#", ...) do
      io.stdout:write(pretty.format((select(i, ...)), { width = term.width() or DEFAULTS.width }), "\n")
   end
end

return pretty
