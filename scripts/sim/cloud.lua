--- One local cloud: its settings, its state, its services. Knows nothing of sockets or processes
-- (sim/listener.lua, sim/daemon.lua do), so that specs can drive it in process.
--
-- Members that services use: state, home, strict, prefect ("2" or "3"), ports (once it listens), router,
-- faults, requests, and the methods below.
local clock     = require "aci.clock"
local crypto    = require "aci.crypto"
local errors    = require "aci.error"
local fs        = require "aci.fs"
local json      = require "aci.json"
local task      = require "aci.task"
local bootstrap = require "sim.bootstrap"
local faults    = require "sim.faults"
local requests  = require "sim.requests"
local router    = require "sim.router"
local state     = require "sim.state"

local cloud = {}

local methods = {}
methods.__index = methods

-- The services that are there, in their order.
local function services()
   local found = {}
   for _, name in ipairs(require "sim.services") do
      if package.searchpath("sim." .. name, package.scripts) then
         found[#found + 1] = require("sim." .. name)
      end
   end
   return found
end

local function statements_of(service)
   return type(service.schema) == "table" and service.schema or { service.schema }
end

-- A state that was made with other tables cannot be read; nobody's data is thrown away unasked.
local function check_tables(self, list)
   local parts = {}
   for _, service in ipairs(list) do
      for _, statement in ipairs(statements_of(service)) do
         parts[#parts + 1] = statement
      end
   end
   local mark = crypto.hex(crypto.sha256(table.concat(parts, ";")))
   local found = self.state:setting "tables"
   if found and found ~= mark then
      errors.raise { kind = "conflict", code = "OtherVersion",
         message = "the state in " .. tostring(self.home) .. " was made by another version of acihost",
         advice = "acihost sim.lua reset forgets it and begins anew" }
   end
   self.state:setting("tables", mark)
end

local function mount(self)
   local list = services()
   check_tables(self, list)
   for _, service in ipairs(list) do
      for _, statement in ipairs(statements_of(service)) do
         self.state:schema(statement)
      end
      for kind, run in pairs(service.jobs) do
         self.jobs[kind] = run
      end
      self.router:mount(service)
   end
end

--- Opens a cloud. `options`: home (a folder that exists; nil keeps everything in memory), factor (what the
-- seconds of Azure are multiplied with, default 0.02), strict (answers as recorded), prefect ("2" or "3"),
-- prefect_auth (the login "user:password" that Prefect 3 asks for, a secret), prefect_csrf (CSRF protection).
function cloud.open(options)
   local home = options.home
   local self = setmetatable({
      home = home, strict = options.strict or false, prefect = options.prefect or "2", jobs = {},
      prefect_auth = options.prefect_auth, prefect_csrf = options.prefect_csrf or false,
      factor = options.factor or 0.02, started = clock.now(), log_lines = {},
      state = state.open(home and home .. "/cloud.db" or ":memory:"),
      requests = requests.open(home and home .. "/requests.jsonl"), faults = faults.new(),
   }, methods)
   self.router = router.new(self)
   mount(self)
   self.owner = self.state:atomically(bootstrap.run, self)
   for _, service in ipairs(self.router.services) do
      if service.start then
         service.start(self)
      end
   end
   return self
end

--- Azure's seconds as ours.
function methods:seconds(real)
   return real * self.factor
end

--- Adds the header that tells a client when to ask again, unless strict (recorded answers carry none).
function methods:retry(headers, milliseconds)
   if not self.strict then
      headers["retry-after-ms"] = tostring(milliseconds or 50)
   end
   return headers
end

--- Writes a line for the person who reads the log of the background process.
function methods:log(format, ...)
   io.stderr:write(clock.iso(clock.now()), " ", format:format(...), "\n")
end

--- Carries out a request of the cloud's own as a caller (token claims), through all checks but the token's.
-- `fields`: method, host, target, json or body, headers.
-- @return status, body (decoded where it is JSON), headers
function methods:call(caller, fields)
   local reply = self.router:handle {
      method = fields.method, host = fields.host or "management.azure.com", target = fields.target,
      headers = fields.headers or {}, body = fields.body or (fields.json and json.encode(fields.json))
         or "",
      caller = caller, inside = true,
   }
   local body = reply.body
   if type(body) == "string" and (reply.headers["content-type"] or ""):find "json" then
      body = json.decode(body)
   end
   return reply.status, body, reply.headers
end

local function run_job(self, job)
   local run = self.jobs[job.kind]
   local ok, err = pcall(self.state.atomically, self.state, function()
      self.state:remove_job(job.id)
      if run then
         run(self, job.data)
      end
   end)
   if not ok then
      self:log("job %s failed: %s", job.kind, tostring(err))
      self.state:remove_job(job.id)
   end
end

--- Runs the jobs that are due.
function methods:run_due()
   if self.state.depth > 0 then
      return
   end
   for _, job in ipairs(self.state:due_jobs()) do
      run_job(self, job)
   end
end

--- Has a task wake when the next job is due; called after each request.
function methods:schedule()
   local due = self.state:next_due()
   if self.closed or not due or (self.wake_at and self.wake_at <= due + 0.001) then
      return
   end
   self.wake_at = due
   task.spawn(function()
      task.sleep(math.max(0, due - clock.now()))
      if self.wake_at == due then
         self.wake_at = nil
      end
      if not self.closed then
         self:run_due()
         self:schedule()
      end
   end)
end

--- Ends what the services started and closes the state.
function methods:close()
   if self.closed then
      return
   end
   self.closed = true
   for _, service in ipairs(self.router.services) do
      if service.stop then
         service.stop(self)
      end
   end
   self.requests:close()
   self.state:close()
end

--- Writes who owns the subscription beside the state, for the scripts.
function methods:write_owner()
   local text = json.encode(self.owner, { secrets = true })
   return fs.write(self.home .. "/owner.json", text, { mode = tonumber("600", 8) })
end

return cloud
