--- Rows as text in aligned columns.
local term = require "aci.term"

local columns = {}
--- Characters, or bytes of what is no UTF-8.
function columns.length(text)
   return utf8.len(text) or #text
end

--- A value on one line, nothing as nothing.
function columns.cell(value)
   if value == nil then
      return ""
   end
   return term.plain(tostring(value))
end

local function pad(text, width)
   return text .. (" "):rep(width - columns.length(text))
end

local function titles(wanted)
   local keys, heads = {}, {}
   for i, column in ipairs(wanted) do
      local key = type(column) == "table" and column[1] or column
      keys[i] = key
      heads[i] = (type(column) == "table" and column.title or tostring(key)):upper():gsub("_", " ")
   end
   return keys, heads
end

--- The keys that the rows have: name and id first, then in order.
function columns.of(rows)
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
function columns.table(rows, wanted)
   local keys, heads = titles(wanted or columns.of(rows))
   local lines, widths = { heads }, {}
   for r, row in ipairs(rows) do
      local cells = {}
      for i, key in ipairs(keys) do
         cells[i] = columns.cell(row[key])
      end
      lines[r + 1] = cells
   end
   for _, cells in ipairs(lines) do
      for i, text in ipairs(cells) do
         widths[i] = math.max(widths[i] or 0, columns.length(text))
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

return columns
