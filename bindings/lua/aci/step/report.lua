--- What a run of steps tells while it goes: on standard error, one line for each step and each thing, so
-- that standard output stays for the result.
local clock = require "aci.clock"
local errors = require "aci.error"

local report = {}
report.__index = report

--- A reporter. `options`: `quiet` (says nothing: a survey), `write` (default: a line to standard error).
function report.new(options)
   options = options or {}
   local write = options.write or function(line) io.stderr:write(line, "\n") end
   if options.quiet then write = function() end end
   local self = { begun = {}, write = write }
   -- Steps call plain functions: report.thing(entry), not methods, so that anything can stand in.
   local bound = {}
   for name, method in pairs(report) do
      if type(method) == "function" and name ~= "new" then
         bound[name] = function(...) return method(self, ...) end
      end
   end
   return bound
end

local words = { create = "created", change = "changed", nothing = "in place" }

function report:begin(this)
   self.begun[this.name] = clock.monotonic()
end

function report:thing(entry)
   local took = entry.began and (" (%.1f s)"):format(clock.monotonic() - entry.began) or ""
   self.write(("  %-12s %-9s %s%s"):format(entry.step, words[entry.action], entry.label, took))
end

function report:writing(entry)
   entry.began = clock.monotonic()
   if entry.action == "change" then
      for _, change in ipairs(entry.changes) do
         self.write(("  %-12s changing  %s"):format(entry.step, change.path))
      end
   end
end

--- Something between: a resource of a template, a wait.
function report:note(this, word, text)
   self.write(("  %-12s %-9s %s"):format(this, word, text))
end

function report:finish(this)
   self.write(("  %-12s done      %.1f s"):format(this.name, clock.monotonic() - self.begun[this.name]))
end

function report:failed(this, err)
   if errors.is(err, "canceled") then return end
   self.write(("  %-12s FAILED"):format(this.name))
end

return report
