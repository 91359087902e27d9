-- Long-running operations by all three of Azure's protocols (azure/arm.md 2): the header
-- Azure-AsyncOperation, the header Location, or provisioningState in the body. Which one an answer means:
--   * Azure-AsyncOperation: poll it until `status` is final; then read what was made.
--   * 202 with Location: poll that until it is no longer 202; the last answer is the result.
--   * otherwise a body whose provisioningState is not final: read the resource until it is.
-- A Location on a 200 or 201 is only the resource's own address (managed identities send it).
local clock = require "aci.clock"
local error_ = require "aci.error"
local fault = require "aci.fault"
local task = require "aci.task"

local operation = {}

local Operation = {}
Operation.__index = Operation

local final = { succeeded = true, failed = true, canceled = true, cancelled = true }

local function state_of(data)
   local state = type(data) == "table" and type(data.properties) == "table"
      and data.properties.provisioningState
   return type(state) == "string" and state or nil
end

local function is_final(state)
   return state == nil or final[state:lower()] == true
end

--- Seconds that the service asks us to wait, or nil.
local function asked_wait(response)
   local headers = response.headers
   local milliseconds = tonumber(headers["retry-after-ms"] or headers["x-ms-retry-after-ms"])
   if milliseconds then return milliseconds / 1000 end
   local text = headers["retry-after"]
   if not text then return nil end
   if tonumber(text) then return tonumber(text) end
   local at = clock.parse_http_date(text)
   return at and math.max(0, at - clock.now())
end

--- Which protocol the first answer asks for: "status", "location", "body" or nil (done already).
local function protocol_of(request, response)
   local headers = response.headers
   if headers["azure-asyncoperation"] or headers["operation-location"] then return "status" end
   if response.status == 202 then
      if headers.location then return "location" end
      return request.method == "POST" and nil or "body"
   end
   local writes = request.method == "PUT" or request.method == "PATCH"
   if writes and not is_final(state_of(response.data)) then return "body" end
end

--- The operation that `response` to `request` began. `client` is an aci.rest client; `request` holds
--- method and url (with its query). `options`: `timeout` (seconds), `on_poll` (called with the operation
--- after each poll), `poll` (`{first=, longest=}`, seconds, when the service names no time).
function operation.new(client, request, response, options)
   options = options or {}
   local self = setmetatable({
      client = client, request = request, response = response, first = response,
      protocol = protocol_of(request, response), on_poll = options.on_poll,
      pause = options.poll or { first = 1, longest = 15 }, polls = 0,
      deadline = clock.monotonic() + (options.timeout or 3600), seconds = options.timeout or 3600,
   }, Operation)
   local headers = response.headers
   self.url = headers["azure-asyncoperation"] or headers["operation-location"] or headers.location
   self.location = headers.location
   if self.protocol == "body" then self.url = request.url end
   return self
end

--- Whether nothing is left to wait for.
function Operation:done()
   return self.protocol == nil
end

function Operation:fields()
   return { method = self.request.method, url = self.client:absolute(self.request.url),
      request_id = self.first.headers["x-ms-request-id"] }
end

function Operation:fail(data, state)
   local body = type(data) == "table" and (data.error or (data.properties or {}).error) or nil
   local causes = body and fault.causes(body) or {}
   local fields = self:fields()
   if not causes[1] then causes[1] = { message = "the operation ended as " .. state } end
   if state:lower():find "^cancel" then fields.kind = "canceled" end
   error(fault.new(causes, fields), 0)
end

local function superseded_by(response)
   local data = response.data or {}
   local link = response.headers["canceled-by-azure-asyncoperation"]
   if not link or (data.status or ""):lower() ~= "canceled" then return nil end
   return link
end

--- One poll by the header Azure-AsyncOperation; true when the operation is over.
function Operation:poll_status()
   local response = self:read(self.url)
   if response.status == 403 then return self:fall_back() end
   local data = response.data
   local state = type(data) == "table" and data.status
   if type(state) ~= "string" then
      error_.raise { kind = "server", code = "NoStatus", url = fault.bare_url(self.url),
         message = "the status of a long-running operation holds no status" }
   end
   local other = superseded_by(response)
   if other then self.url = other return false end
   if not final[state:lower()] then return false end
   if state:lower() ~= "succeeded" then self:fail(data, state) end
   self.status = data
   return true
end

--- One poll by the header Location: the newest one is followed.
function Operation:poll_location()
   local response = self:read(self.url)
   if response.status == 403 then return self:fall_back() end
   if response.status == 202 then
      self.url = response.headers.location or self.url
      return false
   end
   self.result, self.has_result = response.status ~= 404 and response.data or nil, true
   return true
end

--- One poll by reading the resource itself.
function Operation:poll_body()
   local response = self:read(self.request.url)
   if self.request.method == "DELETE" then return response.status == 404 end
   if response.status == 404 then return false end
   local state = state_of(response.data)
   if not is_final(state) then return false end
   if state and state:lower() ~= "succeeded" then self:fail(response.data, state) end
   self.result, self.has_result = response.data, true
   return true
end

--- Whoever may start an operation may not always read its progress: then the resource tells.
function Operation:fall_back()
   if self.request.method == "POST" then self.client:refuse(self.request, self.response) end
   self.protocol, self.url = "body", self.request.url
   return self:poll_body()
end

--- Reads `url`. Some answers of 400 and more are news, not failures: no right to see the progress; a
--- resource that is not there yet; the address of a finished deletion that is gone with it.
function Operation:read(url)
   local gone = self.protocol == "body" or (self.protocol == "location" and self.request.method == "DELETE")
   self.polls = self.polls + 1
   self.response = self.client:send { method = "GET", url = url,
      accept = { [403] = self.protocol ~= "body", [404] = gone } }
   return self.response
end

local poll_by = { status = Operation.poll_status, location = Operation.poll_location,
   body = Operation.poll_body }

--- One poll now. True when the operation is over; raises when it failed.
function Operation:poll()
   if self.protocol == nil then return true end
   local over = poll_by[self.protocol](self)
   if self.on_poll then self.on_poll(self) end
   if over then self:finish() end
   return over
end

--- What the caller gets: the resource as it is now, the answer of an action, or nothing.
function Operation:finish()
   local by, method = self.protocol, self.request.method
   self.protocol = nil
   if self.has_result and by ~= "status" then return end
   local made = self.status and self.status.resourceLocation
   if made then
      self.result = self.client:send({ method = "GET", url = made }).data
   elseif method == "PUT" or method == "PATCH" then
      self.result = self.client:send({ method = "GET", url = self.request.url }).data
   elseif method == "POST" and self.location then
      self.result = self.client:send({ method = "GET", url = self.location }).data
   elseif method == "POST" then
      self.result = self.status and self.status.properties
   end
   self.has_result = true
end

function Operation:too_late()
   if clock.monotonic() < self.deadline then return end
   local fields = self:fields()
   error_.raise { kind = "timeout", code = "OperationTimeout", method = fields.method,
      url = fault.bare_url(fields.url), request_id = fields.request_id,
      message = ("not done after %g seconds; Azure goes on with it"):format(self.seconds),
      advice = "run the same command again: it picks up what is there" }
end

--- Seconds until the next poll: what the service asks, else growing.
function Operation:next_wait()
   local asked = asked_wait(self.response)
   if asked then return asked end
   return math.min(self.pause.longest, self.pause.first * 1.5 ^ self.polls)
end

--- Waits until the operation is over and gives its result: the resource after PUT and PATCH, the answer
--- after POST, nil after DELETE. Raises its failure, or kind timeout.
function Operation:wait()
   if self.protocol == nil and not self.has_result then
      self.result, self.has_result = self.first.data, true
   end
   while self.protocol do
      task.sleep(self:next_wait())
      self:poll()
      if self.protocol then self:too_late() end
   end
   return self.result
end

return operation
