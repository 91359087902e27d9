--- aci.progress: what goes on, on standard error. On a terminal the lines of what is under way are
-- rewritten in place below those of what is done; elsewhere every change is a line of its own.

local clock = require "aci.clock"
local term = require "aci.term"
local trace = require "aci.trace"

local progress = {}

local Progress = {}
Progress.__index = Progress

local COLOURS = { done = "green", failed = "red", warning = "yellow", skipped = "dim" }
local TITLE_WIDTH, WORD_WIDTH = 14, 10

local function padded(text, width)
   return text .. (" "):rep(math.max(0, width - (utf8.len(text) or #text)))
end

local function cut(text, width)
   if (utf8.len(text) or #text) <= width then
      return text
   end
   return text:sub(1, (utf8.len(text) and utf8.offset(text, width) or width) - 1) .. "…"
end

--- options: live (default: standard error is a terminal that knows control sequences), write.
function progress.new(options)
   options = options or {}
   local live = options.live
   if live == nil then
      live = term.controls "stderr"
   end
   local write = options.write or function(text) io.stderr:write(text) end
   local self = setmetatable({ live = live, write = write, active = {}, shown = 0 }, Progress)
   if live and not options.write then
      trace.through(function(line) self:say((line:gsub("\n$", ""))) end)
   end
   return self
end

function Progress:format(line, word, text)
   local title = padded(line.title, TITLE_WIDTH)
   local mark = COLOURS[word]
   local shown = padded(word, WORD_WIDTH)
   if mark and self.live then
      shown = term.paint(mark, shown, "stderr")
   end
   return ("  %s %s %s"):format(title, shown, text or ""):gsub("%s+$", "")
end

-- Takes back the lines under way.
function Progress:erase()
   if self.shown > 0 then
      self.write(("\27[%dA\r\27[J"):format(self.shown))
      self.shown = 0
   end
end

function Progress:draw()
   local width = term.width "stderr" or 80
   for _, line in ipairs(self.active) do
      self.write(cut(line.text, width - 1) .. "\n")
      self.shown = self.shown + 1
   end
end

-- A line that stays, above those under way.
function Progress:say(text)
   if self.live then
      self:erase()
   end
   self.write(text .. "\n")
   if self.live then
      self:draw()
   end
end

function Progress:find(title)
   for index, line in ipairs(self.active) do
      if line.title == title then
         return line, index
      end
   end
end

--- Something is under way. Called again for the same title, it is further on.
function Progress:update(title, word, text)
   local line = self:find(title)
   if not line then
      line = { title = title, began = clock.monotonic() }
      table.insert(self.active, line)
   end
   local shown = self:format(line, term.plain(word), text and term.plain(text))
   if shown == line.text then
      return
   end
   line.text = shown
   if self.live then
      self:erase()
      self:draw()
   else
      self.write(shown .. "\n")
   end
end

--- It has come to its end: word is "done", "failed", "skipped" or the like. Says how long it took.
function Progress:finish(title, word, text)
   local line, index = self:find(title)
   local took = ""
   if line then
      table.remove(self.active, index)
      took = (" (%.1f s)"):format(clock.monotonic() - line.began)
   end
   local shown = (text and term.plain(text) or "") .. took
   self:say(self:format(line or { title = title }, term.plain(word or "done"), shown:match "^%s*(.*)$"))
end

--- A line beside the steps.
function Progress:note(text)
   self:say(term.plain(text))
end

--- Leaves what is under way on the screen as it is.
function Progress:close()
   self.active, self.shown = {}, 0
end

Progress.__close = Progress.close

return progress
