--- Whether a value is rows that read best as a table, and that table.
local columns = require "aci.pretty.columns"

local NARROW = 16 -- characters that a column keeps in any case
local CELL = 40 -- bytes of a table that is a cell

-- A row: an object of names, whose values are short.
local function flat(row)
   if type(row) ~= "table" or getmetatable(row) or next(row) == nil then
      return false
   end
   for key, value in next, row do
      if type(key) ~= "string" or type(value) == "function" then
         return false
      end
   end
   return true
end

-- Alike: all have the same keys, but for a few that some lack.
local function alike(rows)
   local seen, most, least = {}, 0, math.huge
   for _, row in ipairs(rows) do
      local count = 0
      for key in next, row do
         count = count + 1
         if not seen[key] then
            seen[key] = true
            most = most + 1
         end
      end
      least = math.min(least, count)
   end
   return most - least <= most // 3
end

local function is_list(value)
   local count = 0
   for _ in next, value do
      count = count + 1
   end
   return count == #value
end

-- Two rows or more.
local function is_rows(value)
   if #value < 2 or not is_list(value) then
      return false
   end
   for i = 1, #value do
      if not flat(value[i]) then
         return false
      end
   end
   return alike(value)
end

-- The rows with tables in them as text; nil when one of these is not short.
local function cells_of(rows, as_cell)
   local flat_rows = {}
   for r, row in ipairs(rows) do
      flat_rows[r] = {}
      for key, value in next, row do
         if type(value) == "table" then
            value = as_cell(value, CELL)
            if #value > CELL or value:find("\n", 1, true) then
               return nil
            end
         end
         flat_rows[r][key] = value
      end
   end
   return flat_rows
end

local function cut(text, width)
   local count = columns.length(text)
   if count <= width or not utf8.len(text) then
      return text
   end
   local head = (width - 3) // 2
   local tail = width - 3 - head
   return text:sub(1, utf8.offset(text, head + 1) - 1) .. "..." .. text:sub(utf8.offset(text, count - tail + 1))
end

local function widths_of(rows, keys)
   local widths = {}
   for i, key in ipairs(keys) do
      widths[i] = columns.length(key)
      for _, row in ipairs(rows) do
         widths[i] = math.max(widths[i], columns.length(columns.cell(row[key])))
      end
   end
   return widths
end

-- Takes from the widest column until all fit; false when they can't.
local function fit(widths, width)
   local sum = 2 * (#widths - 1)
   for _, each in ipairs(widths) do
      sum = sum + each
   end
   while sum > width do
      local widest = 1
      for i in ipairs(widths) do
         if widths[i] > widths[widest] then widest = i end
      end
      if widths[widest] <= NARROW then
         return false
      end
      widths[widest] = widths[widest] - 1
      sum = sum - 1
   end
   return true
end

--- Like rows as a table, long cells shortened in the middle; nil where that is no good. A table in a row is what
-- as_cell(value, most) makes of it, when that is short.
return function(value, width, as_cell)
   local rows = is_rows(value) and cells_of(value, as_cell)
   if not rows then
      return nil
   end
   local keys = columns.of(rows)
   local widths = widths_of(rows, keys)
   if not fit(widths, width) then
      return nil
   end
   for _, row in ipairs(rows) do
      for i, key in ipairs(keys) do
         row[key] = row[key] ~= nil and cut(columns.cell(row[key]), widths[i]) or nil
      end
   end
   return (columns.table(rows, keys):gsub("\n$", ""))
end
