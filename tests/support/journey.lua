--- Whole commands as a user types them, each spec on a local cloud of its own.
local eventually = require "tests.support.eventually"
local fs      = require "aci.fs"
local json    = require "aci.json"
local process = require "aci.process"

local journey = {}

local Journey = {}
Journey.__index = Journey

local kept = { PATH = true, HOME = true, LANG = true, TERM = true, ASAN_OPTIONS = true, LSAN_OPTIONS = true,
   XDG_CACHE_HOME = true, ACIHOST_PEERS = true }

--- A place to run commands in: its own state folder, nothing of the tester's own settings.
function journey.new(environment)
   local self = setmetatable({ home = assert(fs.tempdir "acihost-journey-"), environment = {} }, Journey)
   for name, value in pairs(process.environment()) do
      if kept[name] then self.environment[name] = value end
   end
   self.environment.ACIHOST_HOME = self.home .. "/state"
   for name, value in pairs(environment or {}) do self.environment[name] = value end
   return self
end

function Journey:options(words, extra)
   local environment = {}
   for name, value in pairs(self.environment) do environment[name] = value end
   for name, value in pairs(extra or {}) do environment[name] = value end
   return { args = { process.self(), table.unpack(words) }, env = environment, stdin = "null" }
end

--- Runs `acihost WORDS...`; gives its exit code, standard output, standard error.
function Journey:run(words, extra, seconds)
   local options = self:options(words, extra)
   options.timeout = seconds or 120
   local result = assert(process.run(options))
   return result.code, result.stdout, result.stderr
end

--- The same, and fails with everything that was said when the exit code is not 0.
function Journey:good(words, extra, seconds)
   local code, out, err = self:run(words, extra, seconds)
   if code ~= 0 then
      error(("acihost %s ended with %s\n%s\n%s"):format(table.concat(words, " "), tostring(code), out, err), 2)
   end
   return out, err
end

--- Starts it without waiting.
function Journey:start(words, extra)
   local options = self:options(words, extra)
   options.stdout, options.stderr = { file = self.home .. "/started.log" }, "stdout"
   return assert(process.spawn(options))
end

--- The standard output of a command as JSON.
function Journey:json(words, extra)
   return assert(json.decode((self:good(words, extra))))
end

--- Runs Lua text with the scripts' modules.
function Journey:lua(text, extra)
   local path = self.home .. "/chunk.lua"
   assert(fs.write(path, text))
   return self:run({ path }, extra)
end

--- The local cloud's own description, or nil.
function Journey:cloud()
   local text = fs.read(self.environment.ACIHOST_HOME .. "/cloud.json")
   return text and json.decode(text)
end

--- The login of the local cloud's owner: tenant, client_id, client_secret.
function Journey:owner()
   return assert(json.decode(assert(fs.read(self.environment.ACIHOST_HOME .. "/owner.json"))))
end

--- The lines of the request log that wrote something.
function Journey:writes()
   local found = {}
   for line in (self:good { "sim", "requests", "--write" }):gmatch "[^\n]+" do
      found[#found + 1] = assert(json.decode(line))
   end
   return found
end

--- Calls f until it gives a true value; at most `seconds`.
function journey.eventually(seconds, f)
   return eventually(("within %d s"):format(seconds), f, seconds)
end

--- Waits until no run's container group is left: the agent deletes it a moment after its run's last state.
function Journey:only_agent()
   journey.eventually(20, function()
      return self:good { "-e", [[
         local c = require "aci.setup".connect()
         local names = {}
         for _, group in ipairs(c.azure:list(c.azure:group_id() .. "/providers/Microsoft.ContainerInstance"
            .. "/containerGroups")) do names[#names + 1] = group.name end
         print(table.concat(names, " "))]] } == "prefect-agent\n"
   end)
end

--- Stops the cloud and removes everything.
function Journey:close()
   self:run { "sim", "stop" }
   fs.remove_tree(self.home)
end

return journey
