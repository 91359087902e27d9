--- Follows what a container writes. The API has no cursor: each look reads the last lines with their times
-- and finds where those begin that were not there before.
local fail = require "aci.error"

local output = {}

local Tail = {}
Tail.__index = Tail

local FIRST, MOST = 200, 102400 -- lines asked for: at first, and at most when more was written in between
local KEPT = 64                 -- lines remembered to find the place again

--- Follows a container of a group (its id). `tail` is how many of the lines that are there already count as new
-- (default: all).
function output.tail(azure, group_id, container, options)
   return setmetatable({ azure = azure, path = ("%s/containers/%s/logs"):format(group_id, container),
      first = options and options.tail, seen = {}, begun = false }, Tail)
end

local not_there = { ContainerLogNotAvailable = true, ContainerGroupTransitioning = true }

-- The last lines, "TIME text" each; none while the container has not begun.
local function read(self, count)
   local url = self.azure:address(self.path, nil, { tail = count, timestamps = "true" })
   local ok, answer = pcall(self.azure.send, self.azure, "GET", url, {})
   if not ok then
      if fail.is(answer) and not_there[answer.code] then return {} end
      error(answer, 0)
   end
   local lines, text = {}, (answer.data or {}).content
   for line in (type(text) == "string" and text or ""):gmatch "([^\n]*)\n?" do lines[#lines + 1] = line end
   if lines[#lines] == "" then lines[#lines] = nil end
   return lines
end

-- How many of the `kept` lines stand in `lines` so that the last of them is at `last`.
local function overlap(kept, lines, last)
   local length = 0
   while length < #kept and last - length >= 1 and kept[#kept - length] == lines[last - length] do
      length = length + 1
   end
   -- A run that ends before all that is remembered only counts where the text itself begins there.
   if length < #kept and last - length >= 1 then return 0 end
   return length
end

--- The index of the last line that was seen before; nil when none is there any more.
local function place(kept, lines)
   for last = #lines, 1, -1 do
      if overlap(kept, lines, last) > 0 then return last end
   end
end

local function remember(self, lines)
   for i = math.max(1, #lines - KEPT + 1), #lines do self.seen[#self.seen + 1] = lines[i] end
   if #self.seen > KEPT then self.seen = table.move(self.seen, #self.seen - KEPT + 1, #self.seen, 1, {}) end
end

local function entry(line)
   local time, text = line:match "^(%d%d%d%d%-%d%d%-%d%dT[%d:.]+Z) ?(.*)$"
   return { time = time, text = text or line }
end

-- More lines until the last ones seen are among them, or there are no more.
local function fetch(self)
   local count = math.max(FIRST, self.first or 0)
   while true do
      local lines = read(self, count)
      local last = place(self.seen, lines)
      if last or not self.begun and self.first then return lines, last end
      if #lines < count or count >= MOST then return lines, nil end
      count = count * 8
   end
end

--- The lines that were written since the last look, oldest first: `{ time =, text = }` each. A container that
-- was started anew begins a new log: all of it is new. Second result: true when lines between were lost.
function Tail:lines()
   local lines, last = fetch(self)
   local from = (last or 0) + 1
   if not self.begun and self.first then from = math.max(1, #lines - self.first + 1) end
   local lost = #self.seen > 0 and not last and #lines > 0
   remember(self, table.move(lines, (last or 0) + 1, #lines, 1, {}))
   self.begun = true
   local fresh = {}
   for i = from, #lines do fresh[#fresh + 1] = entry(lines[i]) end
   return fresh, lost
end

return output
