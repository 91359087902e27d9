--- The request that a handler of the local cloud gets (its members are listed in sim/service.lua).
local crypto = require "aci.crypto"
local json   = require "aci.json"
local refuse = require "sim.refuse"
local url    = require "sim.url"

local request = {}

local methods = {}
methods.__index = methods

local function split_query(text)
   local query = {}
   for pair in (text or ""):gmatch "[^&]+" do
      local name, value = pair:match "^([^=]*)=?(.*)$"
      query[url.unescape((name:gsub("%+", " ")))] = url.unescape((value:gsub("%+", " ")))
   end
   return query
end

local function split_path(path)
   local segments = {}
   for text in (path .. "/"):gmatch "([^/]*)/" do
      segments[#segments + 1] = url.unescape(text)
   end
   table.remove(segments, 1)
   return segments
end

--- Makes the request of one call. `fields`: method, host, target, headers (lower-case names), body (string)
-- or raw (the aci.server request), plain, caller.
function request.new(fields)
   local path, query = fields.target:match "^([^?]*)%??(.*)$"
   local host = (fields.host or ""):lower():gsub(":%d+$", ""):gsub("%.$", "")
   local req = {
      method = fields.method, host = host, target = fields.target, plain = fields.plain,
      headers = fields.headers or {}, raw = fields.raw, body = fields.body,
      raw_path = path, path = url.unescape(path), raw_query = query,
      segments = split_path(path), query = split_query(query),
      params = {}, id = crypto.uuid4(), caller = fields.caller, inside = fields.inside,
   }
   return setmetatable(req, methods)
end

--- The body as text.
function methods:text()
   if self.body == nil and self.raw then
      local body, err = self.raw:body(self.route and self.route.max_body or 64 * 1024 * 1024)
      if not body then
         refuse(413, "RequestEntityTooLarge", "The request body could not be read: " .. tostring(err))
      end
      self.body = body
   end
   return self.body or ""
end

--- The next piece of the body, from the connection or (inside of the process) the whole text once; nil at its
-- end, and nil with an error when the client left.
function methods:piece()
   if self.raw and self.body == nil then
      return self.raw:read()
   end
   local text = not self.taken and self:text() or ""
   self.taken = true
   return text ~= "" and text or nil
end

--- The body as a JSON value; refused in the words of the service when it is not one.
function methods:json()
   local value, err = json.decode(self:text())
   if value ~= nil then
      return value
   end
   if self.service and self.service.malformed then
      refuse(self.service.malformed(err, self))
   end
   refuse(400, "BadRequest", "The request body is not valid JSON: " .. tostring(err))
end

--- The body as a JSON object; anything else is refused like malformed JSON.
function methods:object()
   local value = self:json()
   if type(value) == "table" and not json.is_array(value) then
      return value
   end
   if self.service and self.service.malformed then
      refuse(self.service.malformed("The body is not a JSON object.", self))
   end
   refuse(400, "BadRequest", "The request body is not a JSON object.")
end

--- The first value of a form field or query parameter, as application/x-www-form-urlencoded.
function methods:form()
   return split_query(self:text())
end

return request
