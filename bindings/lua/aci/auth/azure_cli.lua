-- Whoever is signed in with `az login`: asks `az account get-access-token` (azure/auth.md 3.2).
local clock = require "aci.clock"
local json = require "aci.json"
local process = require "aci.process"
local unavailable = require "aci.auth.unavailable"

local azure_cli = {}

local LIMIT = 60 -- seconds; az itself takes one to start

--- Whether az is installed.
function azure_cli.installed()
   return process.find "az" ~= nil
end

-- "2026-02-16 11:36:18.000000", which is local time, of versions that give no expires_on.
local function local_time(text)
   local year, month, day, hour, minute, second = tostring(text):match "^(%d+)-(%d+)-(%d+)[ T](%d+):(%d+):(%d+)"
   return year and os.time { year = year, month = month, day = day, hour = hour, min = minute, sec = second }
end

--- The last line that is not a warning, without az's own colours and "ERROR:".
local function said(text)
   local last = ""
   for line in (text or ""):gmatch "[^\r\n]+" do
      line = line:gsub("\27%[[%d;]*m", "")
      if line:find "%S" and not line:find "^WARNING" then last = line:gsub("^ERROR:%s*", "") end
   end
   return last
end

local function refused(result)
   local words = said(result.stderr)
   if words:find "az login" or words:find "az account set" then
      unavailable.raise("nobody is signed in with az: " .. words, "run: az login")
   end
   unavailable.raise(("az gives no token (it ended with %s): %s"):format(result.code or result.signal, words),
      "run: az login")
end

local function run(scope, tenant)
   local args = { "az", "account", "get-access-token", "--output", "json", "--resource",
      (scope:gsub("/%.default$", "")) }
   if tenant then args[8], args[9] = "--tenant", tenant end
   local result, why = process.run { args = args, timeout = LIMIT, secret = true, stderr = "pipe" }
   if not result then
      unavailable.raise(why.kind == "not_found" and "az is not installed" or "az gives no token: " .. why.message,
         "install the Azure CLI and run: az login")
   end
   if result.code ~= 0 then refused(result) end
   return result.stdout
end

--- `fetch(scope) -> token, expires_on`. `login`: tenant (optional; another than az's current one).
function azure_cli.source(_, login)
   return function(scope)
      local body = json.decode(run(scope, login.tenant), { secrets = { "accessToken" } })
      if type(body) ~= "table" or not body.accessToken then
         unavailable.raise("az's answer holds no accessToken", "run: az account get-access-token")
      end
      local ends = tonumber(body.expires_on) or local_time(body.expiresOn) or clock.now() + 300
      return body.accessToken, ends
   end
end

return azure_cli
