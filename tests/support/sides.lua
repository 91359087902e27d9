--- One table of what was checked on two sides: the local cloud, and the real service (or what was recorded
-- of it). A row is one behaviour, observed by the same code on both sides; it differs where the outcomes are
-- not the same text. The table is printed at the end of the run; `busted --helper=tests.support.sides` keeps
-- one for all files.
local busted = require "busted"

local sides = { ledgers = {} }

local Ledger = {}
Ledger.__index = Ledger

--- The ledger of a service, made at the first call. @param real what the other side is
function sides.open(service, real)
   for _, ledger in ipairs(sides.ledgers) do
      if ledger.service == service then return ledger end
   end
   local ledger = setmetatable({ service = service, real = real, rows = {}, order = {} }, Ledger)
   sides.ledgers[#sides.ledgers + 1] = ledger
   return ledger
end

--- Notes what one side did.
-- @param side "here" or "there"
-- @param shown what the table shows
-- @param whole what is compared, default `shown`
function Ledger:note(side, spec, shown, whole)
   local row = self.rows[spec]
   if not row then
      row = { spec = spec }
      self.rows[spec] = row
      self.order[#self.order + 1] = row
   end
   assert(not row[side], "two rows have the name " .. spec)
   row[side] = { shown = shown, whole = whole or shown }
   self[side] = true
end

--- Runs a check that is a row: it holds, or it fails with its error.
function Ledger:hold(side, spec, check)
   local ok, err = pcall(check)
   self:note(side, spec, ok and "holds" or "fails")
   if not ok then error(err, 0) end
end

local function differs(row)
   return not (row.here and row.there and row.here.whole == row.there.whole)
end

-- Where two long outcomes part, with some of what stands before.
local function parting(a, b)
   local at = 1
   while at <= #a and a:byte(at) == b:byte(at) do at = at + 1 end
   local from = math.max(1, at - 70)
   local function window(text)
      return (from > 1 and text:sub(1, 4) .. ".." or "") .. text:sub(from, at + 160)
   end
   return window(a), window(b)
end

local function lines_of(text)
   local lines = {}
   for line in (text .. "\n"):gmatch "(.-)\n" do lines[line] = true end
   return lines
end

-- The lines of a text that the other does not have.
local function own_lines(text, other)
   local theirs, own = lines_of(other), {}
   for line in (text .. "\n"):gmatch "(.-)\n" do
      if not theirs[line] then own[#own + 1] = #line > 400 and line:sub(1, 400) .. ".." or line end
   end
   return #own > 0 and table.concat(own, " | ") or "(nothing more)"
end

local function contrast(a, b)
   if a:find "\n" and b:find "\n" then return own_lines(a, b), own_lines(b, a) end
   return parting(a, b)
end

--- The rows that differ, each as text with both outcomes. Empty where the real side was not there.
function Ledger:differences()
   local found, none = {}, { whole = "(no outcome)" }
   for _, row in ipairs(self.there and self.order or {}) do
      if differs(row) then
         local here, there = contrast((row.here or none).whole, (row.there or none).whole)
         found[#found + 1] = ("%s\n   local cloud: %s\n   %s: %s"):format(row.spec, here, self.real, there)
      end
   end
   return found
end

--- Raises where a row differs.
function Ledger:compare()
   local found = self:differences()
   if #found > 0 then error(("%d rows differ:\n%s"):format(#found, table.concat(found, "\n")), 0) end
end

local function cut(text, width)
   text = text:gsub("%s+", " ")
   if utf8.len(text) and utf8.len(text) <= width then return text .. (" "):rep(width - utf8.len(text)) end
   local stop = utf8.offset(text, width - 1) or width
   return text:sub(1, stop - 1) .. ".. "
end

local function print_ledger(ledger)
   local count = 0
   io.write(("\n== %s\n%s %s %s\n"):format(ledger.service, cut("spec", 74), cut("local cloud", 26), ledger.real))
   for _, row in ipairs(ledger.order) do
      local mark = ""
      if ledger.there and differs(row) then
         mark, count = "   DIFFERS", count + 1
      end
      io.write(("%s %s %s%s\n"):format(cut(row.spec, 74), cut(row.here and row.here.shown or "-", 26),
         cut(row.there and row.there.shown or "-", 26):gsub("%s+$", ""), mark))
   end
   return count
end

--- Prints every ledger and one line of sums.
function sides.print()
   local rows, differing = 0, 0
   if #sides.ledgers == 0 then return end
   for _, ledger in ipairs(sides.ledgers) do
      differing = differing + print_ledger(ledger)
      if ledger.here and ledger.there then rows = rows + #ledger.order end
   end
   io.write(("\ntwo sides: %d rows, %d differ\n"):format(rows, differing))
   io.flush()
end

busted.subscribe({ "suite", "end" }, function()
   sides.print()
   return nil, true
end)

return sides
