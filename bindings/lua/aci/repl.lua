--- aci.repl: the Lua half of the interactive mode: what it shows, keeps, completes and explains. host/repl.c
-- reads and runs the lines and calls these functions.
local complete = require "aci.repl.complete"
local explore = require "aci.repl.explore"
local help = require "aci.repl.help"
local history = require "aci.repl.history"
local traces = require "aci.repl.traces"

local repl = { complete = complete.at }

local told_about_local = false
local entered = ""
local endings = { exit = true, quit = true, bye = true }

--- Begins a session: `help` and the clients that connect at first use become globals. Gives the lines of
-- earlier sessions when a person sits there.
function repl.start(terminal)
   explore.install(_G)
   if rawget(_G, "help") == nil then _G.help = help.show end
   if not terminal then return {} end
   io.stdout:write("help() tells what there is; az, graph, kv, blob and prefect connect when they are used. ",
      "Ctrl-D ends.\n")
   return history.load()
end

local function tell_about_local(text)
   if told_about_local or not text:find "^%s*local%s+[%a_]" or text:find "^%s*local%s+function.-end%s*%S" then
      return
   end
   told_about_local = true
   io.stderr:write "note: a local lives only as long as its line; without `local` it stays\n"
end

-- The method of a client that the entered line calls, as help() takes it.
local function called(method)
   local client, name = entered:match("([%a_][%w_]*)%s*:%s*(" .. (method or "[%a_][%w_]*") .. ")")
   return explore.clients[client] and client .. ":" .. name
end

-- What helps a user who meets a fault in the program's own code, which is about how it was called.
local function hint(text)
   local method = text:match "attempt to call a nil value %(method '([%w_]+)'%)"
   if method then return called(method) and help.instead(called(method)) end
   local misused = text:find "^aci/[^:\n]+:%d+: " and called()
   return misused and help.usage(misused)
end

--- What an error says here: the frames of the user's own code, and how a client's method is called.
function repl.trim(text)
   local trimmed, more = traces.trim(text), hint(text)
   return more and trimmed .. "\n" .. more or trimmed
end

--- Takes note of a statement that was entered; gives the lines that may go to the history.
function repl.keep(text)
   entered = text
   tell_about_local(text)
   local lines = history.lines(text, explore.secrets())
   history.append(lines)
   return lines
end

-- What else is to say about a result: a client tells little of itself.
local function advice(value)
   if value == nil then
      return endings[entered:match "^%s*(%a+)%s*$"] and "Ctrl-D ends, or os.exit(code)" or nil
   end
   for name in pairs(explore.clients) do
      if rawequal(rawget(_G, name), value) then return ("help(%s) tells what it can do"):format(name) end
   end
end

--- Prints the results of a line; the first one stays as `_`.
function repl.show(...)
   local first = ...
   if rawequal(first, help.show) then return help.show() end
   rawset(_G, "_", first)
   require("aci.pretty").print(...)
   local more = advice(first)
   if more then io.stdout:write(more, "\n") end
end

return repl
