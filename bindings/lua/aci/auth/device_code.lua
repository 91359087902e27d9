-- A person with a browser elsewhere: shows a code, waits until it was entered, and keeps the sign-in for the
-- other services by its refresh token (in memory).
local clock = require "aci.clock"
local endpoint = require "aci.auth.endpoint"
local error_ = require "aci.error"
local task = require "aci.task"

local device_code = {}

-- The public client of Azure's own tools, which every tenant knows.
device_code.CLIENT = "04b07795-8ddb-461a-bbee-02f9e1bf7b46"

local GRANT = "urn:ietf:params:oauth:grant-type:device_code"

local function show(message)
   io.stderr:write(message, "\n")
end

local function is(err, reason)
   return error_.is(err, "auth") and err.reason == reason
end

-- One poll: the answer, or nil as long as nobody has entered the code, then also whether to ask more slowly.
local function poll(config, login, code)
   local ok, token, ends, renew_on, body = pcall(endpoint.token, config, login.tenant,
      { grant_type = GRANT, client_id = login.client_id, device_code = code })
   if ok then return { token = token, ends = ends, renew_on = renew_on, refresh = body.refresh_token } end
   if is(token, "authorization_pending") then return nil end
   if is(token, "slow_down") then return nil, true end
   error(token, 0)
end

local function sign_in(config, login, scope)
   local begun = endpoint.post(config, login.tenant, { client_id = login.client_id,
      scope = scope .. " offline_access" }, "devicecode")
   login.show(begun.message, begun.user_code, begun.verification_uri)
   local pause, deadline = tonumber(begun.interval) or 5, clock.monotonic() + (tonumber(begun.expires_in) or 900)
   repeat
      local got, slower = poll(config, login, begun.device_code)
      if got then return got end
      if slower then pause = pause + 5 end
      task.sleep(pause)
   until clock.monotonic() > deadline
   error_.raise { kind = "auth", code = "AADSTS70020", message = "nobody entered the code in time",
      advice = "start again and enter the new code" }
end

-- Another service, or the same one later: without asking the person again, as long as Entra allows that.
local function renew(config, login, refresh, scope)
   local ok, token, ends, renew_on, body = pcall(endpoint.token, config, login.tenant, { grant_type = "refresh_token",
      client_id = login.client_id, refresh_token = refresh, scope = scope .. " offline_access" })
   if ok then
      return { token = token, ends = ends, renew_on = renew_on, refresh = body.refresh_token or refresh }
   end
   if is(token, "invalid_grant") or is(token, "interaction_required") then return nil end
   error(token, 0)
end

--- `fetch(scope) -> token, expires_on`. `login`: tenant (default organizations), client_id, show(message, code,
-- address) in place of a line on stderr.
function device_code.source(config, login)
   login = { tenant = login.tenant or "organizations", client_id = login.client_id or device_code.CLIENT,
      show = login.show or show }
   local refresh, turn
   return function(scope)
      while turn do turn:wait() end -- one question at a time, however many services are wanted
      turn = task.future()
      local ok, got = pcall(function()
         return refresh and renew(config, login, refresh, scope) or sign_in(config, login, scope)
      end)
      local ended = turn
      turn = nil
      ended:set(true)
      if not ok then error(got, 0) end
      refresh = got.refresh
      return got.token, got.ends, got.renew_on
   end
end

return device_code
