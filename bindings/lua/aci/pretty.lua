--- aci.pretty: values as text for people: in the REPL, in logs, and as tables.

local columns = require "aci.pretty.columns"
local rows_text = require "aci.pretty.rows"
local term = require "aci.term"

local pretty = { table = columns.table }

local DEFAULTS = { depth = 6, items = 100, total = 500, text = 1000, width = 80, table = true }
local INDENT = "  "
local SHORT = 16 -- bytes of an entry that shares its line

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
   for i = 1, math.min(n, state.items, state.left) do
      state.left = state.left - 1
      entries[i] = describe(rawget(value, i), state, depth + 1)
   end
   for i = 1, math.min(#keys, state.items - #entries, state.left) do
      state.left = state.left - 1
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
      local ok, text = pcall(tostring, value)
      if ok then
         return term.plain(text)
      end -- what cannot speak for itself is shown as it is
   end
   local name = type_name(meta)
   if state.open[value] then
      return name .. "{ (itself) }"
   elseif next(value) == nil then
      return name .. (marked_array(value) and "[]" or "{}")
   elseif depth >= state.depth or state.left <= 0 then
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
   local ok, text = pcall(tostring, value)
   return ok and term.plain(text) or kind
end

-- -- which way ------------------------------------------------------------------------------------

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
   state.left = state.total
   return state
end

-- A table that is a cell of a row.
local function as_cell(value, most)
   return pretty.format(value, { table = false, width = most, text = most })
end

--- A value as text, without a final line break.
function pretty.format(value, options)
   local state = settings(options)
   local few = state.table and type(value) == "table" and #value <= state.items
   local rows = few and rows_text(value, state.width, as_cell)
   return rows or describe(value, state, 0)
end

--- Prints values as text, each on its own line, as wide as the terminal.
function pretty.print(...)
   for i = 1, select("#", ...) do
      io.stdout:write(pretty.format((select(i, ...)), { width = term.width() or DEFAULTS.width }), "\n")
   end
end

return pretty
