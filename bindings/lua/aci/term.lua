--- aci.term: what a program may ask of and do to its terminal.

local c = require "aci._term"
local errors = require "aci.error"
local task = require "aci.task"

local term = { isatty = c.isatty, width = c.width }

local codes = { bold = 1, dim = 2, red = 31, green = 32, yellow = 33, blue = 34, cyan = 36 }

local function set(name)
   local value = os.getenv(name)
   return value ~= nil and value ~= ""
end

--- May control sequences go to this stream: is it a terminal that knows them?
function term.controls(stream)
   return c.isatty(stream) and os.getenv "TERM" ~= "dumb" and set "TERM"
end

--- May this stream have colours? NO_COLOR says no, whatever else is set.
function term.colours(stream)
   if set "NO_COLOR" then
      return false
   end
   return (set "FORCE_COLOR" and os.getenv "FORCE_COLOR" ~= "0") or term.controls(stream)
end

--- The text in a colour, where the stream may have any.
function term.paint(colour, text, stream)
   local code = codes[colour] or error(("unknown colour '%s'"):format(tostring(colour)), 2)
   if not term.colours(stream or "stdout") then
      return text
   end
   return ("\27[%dm%s\27[0m"):format(code, text)
end

--- Text from elsewhere, with what a terminal would act on made visible.
function term.plain(text)
   text = text:gsub("[%c\127]", function(char)
      local known = { ["\n"] = "\\n", ["\t"] = " ", ["\r"] = "\\r" }
      return known[char] or ("\\x%02x"):format(char:byte())
   end)
   return (text:gsub("\xc2([\x80-\x9f])", function(char) return ("\\x%02x"):format(char:byte()) end))
end

local function read_line(question, echo)
   if not c.isatty "stdin" then
      return nil, errors.new { kind = "usage", message = "there is no terminal to ask on: " .. question }
   end
   io.stdout:flush()
   io.stderr:write(question, " ")
   io.stderr:flush()
   local begun, err = c.line(echo)
   if not begun then
      return nil, err
   end
   local line <close> = begun
   local ended <close> = setmetatable({}, { __close = function(_, why) -- luacheck: ignore
      if why then io.stderr:write "\n" end
   end })
   task.wait(line)
   local text = line:take(not echo)
   if text == nil then
      io.stderr:write "\n"
      return nil, errors.new { kind = "usage", message = "no answer to: " .. question }
   end
   return text
end

--- Asks for a line on the terminal.
function term.ask(question)
   return read_line(question, true)
end

--- Asks for a line that is not shown while it is typed; gives a secret.
function term.ask_secret(question)
   return read_line(question, false)
end

return term
