--- The real az, unmodified, on a local cloud: with a configuration folder of its own and the environment that
-- `sim env` prints, nothing else.
local fs      = require "aci.fs"
local json    = require "aci.json"
local peers   = require "tests.support.peers"
local process = require "aci.process"

local az = {}

local Az = {}
Az.__index = Az

--- The environment that `sim env --secret` prints for a journey's cloud.
function az.exported(place)
   local environment = {}
   for name, value in (place:good { "sim", "env", "--secret" }):gmatch "export ([%w_]+)='([^'\n]*)'" do
      environment[name] = value
   end
   return environment
end

--- az in a journey's place, not logged in; nil where it is not installed.
-- @param name of its configuration folder
function az.open(place, name)
   local path = peers.path "az"
   if not path then return nil end
   local environment = peers.environment(place.home .. "/prefect", az.exported(place))
   local folder = place.home .. "/" .. name
   assert(fs.mkdir(folder))
   environment.AZURE_CONFIG_DIR, environment.AZURE_CORE_NO_COLOR = folder, "true"
   environment.AZURE_LOGGING_ENABLE_LOG_FILE = "false"
   return setmetatable({ program = path .. "/bin/az", environment = environment }, Az)
end

--- Runs a command. The words are cut at spaces; words with spaces in them come after, one by one.
-- @return exit code, standard output, standard error
function Az:run(words, ...)
   local args = { self.program }
   for word in words:gmatch "%S+" do args[#args + 1] = word end
   for _, word in ipairs { ... } do args[#args + 1] = word end
   local ran = assert(process.run { args = args, env = self.environment, stdin = "null", timeout = 120 })
   return ran.code, ran.stdout, ran.stderr
end

--- Runs a command that must succeed. @return its standard output
function Az:text(words, ...)
   local code, out, err = self:run(words, ...)
   if code ~= 0 then
      error(("az %s ended with %s\n%s\n%s"):format(words, tostring(code), out, err), 2)
   end
   return out
end

--- The same, decoded; nil where it printed nothing.
function Az:json(words, ...)
   local out = self:text(words, ...)
   if not out:find "%S" then return nil end
   local value, err = json.decode(out)
   if err then error(("az %s printed no JSON: %s\n%s"):format(words, tostring(err), out), 2) end
   return value
end

--- Runs a command that must fail with a message of the service's, not with a crash of its own.
-- @return what it said, its exit code
function Az:refused(words, ...)
   local code, out, err = self:run(words, ...)
   if code == 0 or err:find "Traceback" then
      error(("az %s was not refused, or crashed: %s\n%s\n%s"):format(words, tostring(code), out, err), 2)
   end
   return err, code
end

--- Logs in as an application.
function Az:login(client, password, tenant)
   return self:json("login --service-principal --tenant " .. tenant, "--username", client,
      "--password=" .. password) -- one that begins with "-" would be taken for an option
end

return az
