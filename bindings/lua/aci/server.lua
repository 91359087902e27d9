--- An HTTP/1.1 server: the Lua half, which waits. bindings/server.c has the rest.
local core = require "aci._server"
local errors = require "aci.error"
local task = require "aci.task"

local server = { listen = core.listen }

local Server, Request = core.server, core.request

local body_max <const> = 64 * 1024 * 1024

--- Waits for the next request; nil when the server is closed.
function Server:next()
   local request = core.take(self)
   while request == false do
      task.wait(self)
      request = core.take(self)
   end
   return request
end

--- Stops accepting. Requests that were taken may still be answered; with `grace` (seconds) it
-- waits so long for their answers, and then ends what is left.
function Server:close(grace)
   core.stop(self)
   if not grace then
      return
   end
   for _ = 1, math.ceil(grace * 50) do
      if core.busy(self) == 0 then
         break
      end
      task.sleep(0.02)
   end
   core.stop_now(self)
end

--- The next piece of the body; nil at its end; nil and an error.
function Request:read()
   local chunk, err = core.read(self)
   while chunk == false do
      task.wait(self)
      chunk, err = core.read(self)
   end
   return chunk, err
end

local function too_large(max)
   return nil, errors.new {
      kind = "invalid", code = "BodyTooLarge", status = 413,
      message = ("the request body is larger than %d bytes"):format(max),
   }
end

--- The whole body, of at most `max` bytes (64 MiB).
function Request:body(max)
   max = max or body_max
   if (tonumber(self.headers["content-length"]) or 0) > max then
      return too_large(max)
   end
   local parts, size = {}, 0
   while true do
      local chunk, err = self:read()
      if err then
         return nil, err
      elseif not chunk then
         return table.concat(parts)
      end
      size = size + #chunk
      if size > max then
         return too_large(max)
      end
      parts[#parts + 1] = chunk
   end
end

local function file_error(message)
   return nil, errors.new { kind = "failed", message = message }
end

local function copy_to(self, file)
   local size = 0
   while true do
      local chunk, err = self:read()
      if err then
         return nil, err
      elseif not chunk then
         return size
      end
      local ok, message = file:write(chunk)
      if not ok then
         return file_error(message)
      end
      size = size + #chunk
   end
end

--- Streams the body into a file, which appears under its name when it is complete.
function Request:save(path)
   local part = path .. ".part"
   local file, message = io.open(part, "wb")
   if not file then
      return file_error(message)
   end
   local size, err = copy_to(self, file)
   local closed, why = file:close()
   if size and closed then
      closed, why = os.rename(part, path)
   end
   if size and closed then
      return size
   end
   os.remove(part)
   if err then
      return nil, err
   end
   return file_error(why)
end

--- Sends a piece of an answer that was begun with start; waits while the client is slow.
function Request:write(chunk)
   local ok, err = core.write(self, chunk)
   while ok == false do
      task.wait(self)
      ok, err = core.write(self, chunk)
   end
   return ok, err
end

return server
