--- The lines of earlier sessions: $XDG_STATE_HOME/acihost/history, readable by its owner only. What may be a
-- secret, and what begins with a space, is never written.
local fs = require "aci.fs"
local process = require "aci.process"
local secret = require "aci.secret"

local history = {}

local MOST = 1000

local function path()
   local state = process.state_home()
   return state and state .. "/acihost/history"
end

-- Names whose quoted value is nobody else's business.
local private = { "secret", "passwo?r?d", "%f[%a]pwd?%f[^%w_]", "passphrase", "token", "api[_-]?key", "account_?key",
   "access_?key", "prefect_key", "storage_key", "auth", "credential", "bearer", "sharedaccess" }

-- name = "value", name: value, secret.new "value", AccountKey=...
local function names_a_secret(line)
   -- kv:secret "name" and az:storage_key "account" ask for one, they hold none
   local name = "%s*%(?%s*[\"'][^\"']*[\"']"
   local lower = line:lower():gsub(":secret" .. name, ""):gsub(":storage_key" .. name, "")
   if lower:find "[?&]sig=" or lower:find "://[^/%s\"'@]*:[^/%s\"'@]+@" then return true end
   if lower:find "%f[%w_]kv:set%s*%(" or lower:find ":set%s*%([^,]+,%s*[\"'%[]" then return true end
   for _, word in ipairs(private) do
      if lower:find(word .. "[%w_%.%]\"']*%s*[=:(]?%s*[\"'%[]%s*[^\"'%s]") or lower:find(word .. "%w*=[%w/+%%]") then
         return true
      end
   end
   return false
end

local function mixed(word)
   return word:find "%d" and word:find "%l" and word:find "%u"
end

-- Long runs of letters and digits without a meaning: keys, tokens, hashes.
local function looks_like_a_key(line)
   local four = "%x%x%x%x"
   line = line:gsub(four .. four .. ("%-" .. four):rep(4) .. four .. four, "") -- ids are no secrets
   for word in line:gmatch "[%w+_~=%-%.]+" do
      if #word >= 24 and mixed(word) and not word:find "^[%a_]+%.[%a_%.]+$" then return true end
      if #word >= 32 and word:find "^%x+$" then return true end
   end
   for word in line:gmatch "[%w+/=]+" do
      if #word >= 40 and mixed(word) and word:find "[+=]" then return true end
   end
   return line:find "pn[ub]_%w%w%w%w%w%w" ~= nil or line:find "eyJ[%w_%-]+%." ~= nil or line:find "PRIVATE KEY" ~= nil
end

--- May the line be kept? `secrets` are values that are known to be secret.
function history.harmless(line, secrets)
   if line:find "^%s" or line == "" then return false end
   for _, value in ipairs(secrets or {}) do
      if #value >= 4 and line:find(value, 1, true) then return false end
   end
   return secret.conceal(line) == line and not names_a_secret(line) and not looks_like_a_key(line)
end

--- A statement as lines of the history. One of several lines becomes one, where that means the same.
function history.lines(text, secrets)
   if not history.harmless(text, secrets) then return {} end
   if not text:find "\n" then return { text } end
   if not text:find "%-%-" and not text:find "%[=*%[" and not text:find "\\\n" then
      return { (text:gsub("%s*\n%s*", " ")) }
   end
   local lines = {}
   for line in text:gmatch "[^\n]+" do
      if history.harmless(line, secrets) then lines[#lines + 1] = line end
   end
   return lines
end

--- The last lines, oldest first. A file that has grown too long is cut.
function history.load()
   local file = path()
   local text = file and fs.read(file)
   local lines = {}
   for line in (text or ""):gmatch "[^\n]+" do lines[#lines + 1] = line end
   if #lines > 2 * MOST then
      lines = table.move(lines, #lines - MOST + 1, #lines, 1, {})
      fs.write(file, table.concat(lines, "\n") .. "\n", { mode = tonumber("600", 8) })
   end
   return lines
end

--- Adds lines to the file; a history that can't be written is no reason to stop.
function history.append(lines)
   local file = path()
   if not file or #lines == 0 then return end
   fs.mkdir(file:match "^(.*)/", tonumber("700", 8))
   fs.append(file, table.concat(lines, "\n") .. "\n", { mode = tonumber("600", 8) })
   fs.chmod(file, tonumber("600", 8))
end

return history
