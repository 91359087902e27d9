-- A terminal of its own (tmux) with a program in it, which is typed on and looked at.
local clock = require "aci.clock"
local fs = require "aci.fs"
local process = require "aci.process"
local task = require "aci.task"

local terminal = {}
local Terminal = {}
Terminal.__index = Terminal

local slow = os.getenv "ACIHOST_SANITIZED" and 4 or 1

function Terminal:tmux(...)
   local result = assert(process.run { args = { "tmux", "-f", "/dev/null", "-S", self.folder .. "/socket", ... } })
   return result.stdout, result.code
end

-- Begins `args` (words) in `folder` with the environment changed by `environment`.
function terminal.open(args, folder, environment)
   local self = setmetatable({ folder = assert(fs.tempdir "terminal") }, Terminal)
   local words = { "env" }
   for name, value in pairs(environment or {}) do words[#words + 1] = name .. "=" .. value end
   table.move(args, 1, #args, #words + 1, words)
   for i, word in ipairs(words) do words[i] = "'" .. word:gsub("'", "'\\''") .. "'" end
   self:tmux("new-session", "-d", "-x", "100", "-y", "50", "-c", folder,
      table.concat(words, " ") .. "; echo \"ended with $?\"; sleep 1000")
   return self
end

-- Types text; `enter` at its end.
function Terminal:type(text)
   self:tmux("send-keys", "-l", "--", text)
   return self
end

-- Presses keys by tmux's names: "Enter", "Tab", "C-c", "Up".
function Terminal:press(...)
   self:tmux("send-keys", ...)
   return self
end

function Terminal:enter(text)
   return self:type(text):press "Enter"
end

-- What is on the screen and above it, without blank lines at the end.
function Terminal:screen()
   return (self:tmux("capture-pane", "-p", "-S", "-"):gsub("%s+$", ""))
end

-- Waits until the screen has the pattern; raises with the screen when it does not come.
function Terminal:expect(pattern)
   local ends = clock.monotonic() + 8 * slow
   local text = self:screen()
   while not text:find(pattern) do
      if clock.monotonic() > ends then
         error(("the terminal does not show %q but:\n%s"):format(pattern, text), 2)
      end
      task.sleep(0.02)
      text = self:screen()
   end
   return text
end

function Terminal:close()
   self:tmux "kill-server"
   fs.remove_tree(self.folder)
end

return terminal
