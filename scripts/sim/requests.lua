--- The request log: one JSON line per request.
local clock = require "aci.clock"
local fs    = require "aci.fs"
local json  = require "aci.json"

local requests = {}

local methods = {}
methods.__index = methods

--- Opens the log; without a path the lines are kept in memory (`lines`).
function requests.open(path)
   local self = setmetatable({ path = path, lines = {} }, methods)
   if path then
      self.file = assert(io.open(path, "a"))
      fs.chmod(path, tonumber("600", 8))
      self.file:setvbuf "line"
   end
   return self
end

local function caller_name(req)
   local caller = req.caller
   if not caller then
      return json.null
   end
   return caller.name or caller.appid or caller.oid or json.null
end

--- Writes the line of a request. `lost` is the status of an answer that a planted fault kept back.
function methods:note(req, status, began)
   local line = {
      time = clock.iso(began), host = req.plain and "prefect" or req.host, method = req.method,
         path = req.path,
      status = status, lost = req.carried_out, caller = caller_name(req),
      write = req.route ~= nil and req.route.write == true,
   }
   if self.file then
      self.file:write(json.encode(line), "\n")
   else
      self.lines[#self.lines + 1] = line
   end
end

function methods:close()
   if self.file then
      self.file:close()
   end
end

return requests
