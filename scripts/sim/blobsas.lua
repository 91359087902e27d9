--- Service SAS on containers and blobs (signed with an account key). Others are refused by name.
local clock = require "aci.clock"
local words = require "sim.blobwords"

local sas = {}

local ORDER = "racwdxyltfmei"
local SIGNED = { "sp", "st", "se", false, "si", "sip", "spr", "sv", "sr", false, "ses", "rscc", "rscd",
   "rsce", "rscl", "rsct" }
local OTHERS = { skoid = "user delegation SAS", ss = "account SAS", si = "stored access policies",
   sr = "SAS of this kind" }

local function failed(detail)
   words.refuse("AuthenticationFailed", { detail = { { "AuthenticationErrorDetail", detail } } })
end

--- The resource as it is signed: names decoded, the account once.
local function resource_of(req)
   local parts = "/blob/" .. req.account.name .. "/" .. req.params.container
   if req.query.sr == "b" then
      parts = parts .. "/" .. (req.params.name or "")
   end
   return parts
end

local function string_to_sign(req)
   local fields = {}
   for _, name in ipairs(SIGNED) do
      if not (name == "ses" and req.query.sv < "2020-12-06") then
         fields[#fields + 1] = name and (req.query[name] or "") or ""
      end
   end
   fields[4] = resource_of(req)
   return table.concat(fields, "\n")
end

local function check_times(query)
   local now = clock.now()
   local from, to = query.st and clock.parse_iso(query.st), query.se and clock.parse_iso(query.se)
   if not to or query.st and not from then
      failed("A time of the SAS is missing or malformed.")
   elseif now > to or from and now < from then
      failed(("Signature not valid in the specified time frame: Start [%s] - Expiry [%s] - Current [%s]")
         :format(query.st or "", query.se, clock.http_date(now)))
   end
end

local function check_letters(text)
   local at = 0
   for letter in text:gmatch "." do
      local place = ORDER:find(letter, 1, true)
      if not place or place <= at then
         failed("sp is not in the right order or has unknown letters: " .. text)
      end
      at = place
   end
end

local function number(address)
   local a, b, c, d = address:match "^(%d+)%.(%d+)%.(%d+)%.(%d+)$"
   return a and ((a * 256 + b) * 256 + c) * 256 + d
end

local function check_address(req)
   local text = req.query.sip
   if not text then
      return
   end
   local from, to = text:match "^([^-]+)%-?(.*)$"
   local low, high = number(from), number(to ~= "" and to or from)
   local peer = number((req.raw and req.raw.peer or "127.0.0.1:0"):match "^[^:]+")
   words.unless(low and high and peer and low <= peer and peer <= high, "AuthorizationSourceIPMismatch")
end

local function check_kind(query)
   for name, what in pairs(OTHERS) do
      if query[name] and name ~= "sr" then
         words.not_here(what)
      end
   end
   if query.sr ~= "b" and query.sr ~= "c" then
      words.not_here(OTHERS.sr)
   end
end

--- Checks the SAS of a request and sets req.sas to its letters. `signed(req, text, signature)`.
function sas.check(req, signed)
   local query = req.query
   check_kind(query)
   if not (query.sv and query.sp and query.se and req.params.container) then
      failed "sv, sp and se are mandatory."
   elseif query.sr == "b" and not req.params.name then
      words.refuse "AuthorizationFailure"
   end
   local text = string_to_sign(req)
   if not signed(req, text, query.sig) then
      failed("Signature did not match. String to sign used was " .. text)
   end
   check_letters(query.sp)
   check_times(query)
   check_address(req)
   if query.spr and query.spr ~= "https" and query.spr ~= "https,http" then
      failed("spr is not valid: " .. query.spr)
   end
   req.sas = query.sp
   req.caller = { name = "SAS of " .. req.account.name }
end

return sas
