-- What each setting may hold. A rule takes the value and returns it (normalised), or nil and why not.
-- The limits are Azure's own: azure/arm.md 3, 6, 7, 8 and Prefect's for names.
local clouds = require "aci.auth.clouds"
local fs = require "aci.fs"
local locations = require "aci.config.locations"

local rules = {}

local function limited(value, shortest, longest)
   if #value < shortest then
      return ("is too short: %d characters, at least %d are needed"):format(#value, shortest)
   elseif #value > longest then
      return ("is too long: %d characters, at most %d are allowed"):format(#value, longest)
   end
end

--- The first character of `value` that matches `strange`, in words.
local function stranger(value, strange, words)
   local found = value:match(strange)
   return found and ("has %s in it; only %s are allowed"):format(
      found == " " and "a blank" or ("%q"):format(found), words)
end

--- A rule from its parts: sizes, the set of characters, and patterns with what to say when one matches.
local function name_rule(rule)
   return function(value)
      local why = limited(value, rule.shortest, rule.longest) or stranger(value, rule.strange, rule.words)
      for _, refused in ipairs(rule.refused or {}) do
         why = why or (value:find(refused[1]) and refused[2])
      end
      if why then return nil, why end
      return value
   end
end

local dashes = {
   { "^%-", "has to begin with a letter or a digit" },
   { "%-$", "has to end with a letter or a digit" },
   { "%-%-", "has two '-' in a row" },
}

rules.group = name_rule {
   shortest = 1, longest = 90, strange = "[^%w_%.%-%(%)\x80-\xFF]",
   words = "letters, digits, '_', '-', '.', '(' and ')'",
   refused = { { "%.$", "ends with a full stop" } },
}

rules.vault = name_rule {
   shortest = 3, longest = 24, strange = "[^%w%-]", words = "letters, digits and '-'",
   refused = {
      { "^[^%a]", "has to begin with a letter" },
      { "%-$", "has to end with a letter or a digit" },
      { "%-%-", "has two '-' in a row" },
   },
}

rules.storage_account = name_rule {
   shortest = 3, longest = 24, strange = "[^a-z0-9]", words = "small letters and digits",
}

rules.container = name_rule {
   shortest = 3, longest = 63, strange = "[^a-z0-9%-]", words = "small letters, digits and '-'",
   refused = dashes,
}

rules.container_group = name_rule {
   shortest = 1, longest = 63, strange = "[^a-z0-9%-]", words = "small letters, digits and '-'",
   refused = dashes,
}

rules.identity = name_rule {
   shortest = 3, longest = 128, strange = "[^%w_%-]", words = "letters, digits, '_' and '-'",
   refused = { { "^[^%w]", "has to begin with a letter or a digit" } },
}

rules.network = name_rule {
   shortest = 1, longest = 80, strange = "[^%w_%.%-]", words = "letters, digits, '_', '.' and '-'",
   refused = {
      { "^[^%w]", "has to begin with a letter or a digit" },
      { "[^%w_]$", "has to end with a letter, a digit or '_'" },
   },
}

rules.prefect_name = name_rule {
   shortest = 1, longest = 200, strange = "[/%%&<>%c]", words = "characters other than / % & < >",
}

--- Prefect keeps names that begin with its own for itself.
function rules.work_pool(value)
   if value:lower():find "^prefect" then return nil, "begins with 'prefect', which the server keeps for itself" end
   return rules.prefect_name(value)
end

rules.display_name = name_rule {
   shortest = 1, longest = 120, strange = "%c", words = "printable characters",
}

--- A GUID, in small letters; braces as some tools print them are taken off.
function rules.guid(value)
   local bare = value:match "^{(.*)}$" or value
   local x = "%x"
   local shape = "^" .. x:rep(8) .. "%-" .. (x:rep(4) .. "%-"):rep(3) .. x:rep(12) .. "$"
   if not bare:find(shape) then
      return nil, "is not a GUID (8-4-4-4-12 hexadecimal digits)"
   end
   return bare:lower()
end

--- A tenant: its GUID or one of its verified domains.
function rules.tenant(value)
   local guid = rules.guid(value)
   if guid then return guid end
   if value:find "^[%w%-]+%.[%w%-%.]+$" then return value:lower() end
   return nil, "is neither a GUID nor a domain of the tenant"
end

--- The known region that begins most like `name`; nil when none does.
local function nearest(name)
   local best, found = 3, nil
   for known in pairs(locations.known) do
      local same = 0
      while same < #name and known:sub(same + 1, same + 1) == name:sub(same + 1, same + 1) do
         same = same + 1
      end
      local score = same - math.abs(#known - #name) / 10
      if score > best or (score == best and found and known < found) then best, found = score, known end
   end
   return found
end

function rules.location(value, settings)
   local name = locations.normal(value)
   if not name:find "^[%a][%w]+$" then return nil, "is not the name of an Azure region" end
   if locations.known[name] or settings.any_location then return name end
   local near = nearest(name)
   return nil, ("is not an Azure region that we know%s (any_location = true allows a newer one)"):format(
      near and "; the nearest name is " .. near or "")
end

function rules.cloud(value)
   if value == "local" or value == "azure" then return value end
   return nil, "is neither local nor azure"
end

function rules.role(value)
   if value == "custom" or value == "Contributor" then return value end
   return nil, "is neither custom (the least that suffices) nor Contributor (the original's grant)"
end

function rules.flow_language(value)
   if value == "lua" or value == "python" then return value end
   return nil, "is neither lua nor python"
end

--- The Prefect that the local cloud plays.
function rules.prefect_version(value)
   local text = tostring(value)
   if text == "2" or text == "3" then return text end
   return nil, "is neither 2 nor 3"
end

--- What a container group may ask for.
local function amount(most, unit)
   return function(value)
      local number = tonumber(value)
      if not number then return nil, "is not a number" end
      if number < 1 or number > most then return nil, ("is not between 1 and %d %s"):format(most, unit) end
      return number
   end
end

rules.cpu, rules.memory = amount(31, "CPUs"), amount(240, "GB")

-- "team=data,stage=dev", as the environment has them.
local function tags_of(text)
   local tags = {}
   for part in (text .. ","):gmatch "([^,]*)," do
      local name, value = part:match "^%s*([^=]-)%s*=%s*(.-)%s*$"
      if not name then return nil, ("has %q in it, which is not NAME=VALUE"):format(part) end
      tags[name] = value
   end
   return tags
end

local function tag_fault(name, value)
   if type(name) ~= "string" or type(value) ~= "string" then return "holds something else than texts by their names" end
   if name == "" or #name > 128 or #value > 256 then
      return ("has a tag %q whose name is not of 1 to 128 characters, or its value of more than 256"):format(name)
   elseif name:find "[<>%%&\\?/]" then
      return ("has a tag %q with one of < > %% & \\ ? / in its name"):format(name)
   elseif name:lower():find "^acihost" then
      return ("has the tag %q: acihost keeps these names for itself"):format(name)
   end
end

--- Tags of all that takes some. A secret of a vault takes 15, and two are ours.
function rules.tags(value)
   local tags, why = value, nil
   if type(value) == "string" then tags, why = tags_of(value) end
   local count = 0
   for name, each in pairs(tags or {}) do
      count, why = count + 1, why or tag_fault(name, each)
   end
   if count > 13 then why = why or ("has %d tags, and 13 are the most"):format(count) end
   if why then return nil, why end
   return tags
end

--- An http(s) address without a user name; trailing slashes are taken off.
function rules.url(value)
   local scheme, host = value:match "^(%a+)://([^/%s]+)"
   if not scheme or not (scheme:lower() == "http" or scheme:lower() == "https") then
      return nil, "is not an http or https address"
   elseif value:find "%s" then
      return nil, "has a blank in it"
   elseif host:find "@" then
      return nil, "has a user name in it; give credentials in their own settings"
   end
   return (value:gsub("/+$", ""))
end

--- A login host, with or without its scheme, as the SDKs take it.
function rules.authority(value)
   local url = value:find "^%a+://" and value or "https://" .. value
   if not url:lower():find "^https://" then return nil, "has to begin with https://" end
   return rules.url(url)
end

--- One of Azure's clouds, by the names that az and others use. What is set for other programs does not stand in
-- the way of the local cloud.
function rules.azure_cloud(value, settings)
   local found = clouds.named(value)
   if found or settings.cloud == "local" then return found and found.name or value end
   return nil, "is none of AzureCloud, AzureUSGovernment and AzureChinaCloud"
end

--- AZURE_TOKEN_CREDENTIALS; the same.
function rules.credentials(value, settings)
   local kept, why = require("aci.auth.chain").select(value)
   if kept or settings.cloud == "local" then return value end
   return nil, why
end

function rules.prefect_url(value)
   local url, why = rules.url(value)
   if not url then return nil, why end
   if url:find "^https://app%.prefect%.cloud" then
      return nil, "is the address of the web pages, not of the API"
   end
   return url
end

function rules.boolean(value)
   if type(value) == "boolean" then return value end
   local known = { ["true"] = true, ["1"] = true, ["false"] = false, ["0"] = false }
   local result = known[tostring(value):lower()]
   if result == nil then return nil, "is neither true nor false" end
   return result
end

local registry_name = name_rule {
   shortest = 5, longest = 50, strange = "[^%w]", words = "letters and digits",
}

--- Whether there is a container registry of ours, or its name.
function rules.registry(value)
   local wanted = rules.boolean(value)
   if wanted ~= nil then return wanted end
   return registry_name(tostring(value))
end

-- [registry[:port]/]path, without tag and digest.
local function image_name(name)
   local first, rest = name:match "^([^/]*)/(.+)$"
   local server = first and (first:find "[.:]" or first == "localhost")
   if server and not first:find "^[%w][%w.-]*$" and not first:find "^[%w][%w.-]*:%d+$" then
      return nil, ("has no registry's name in front: %q"):format(first)
   end
   local path = server and rest or name
   if path:find "%u" then return nil, "has capitals in its path; only small letters are allowed there" end
   for part in (path .. "/"):gmatch "([^/]*)/" do
      if not part:find "^[a-z0-9][a-z0-9._-]*$" or part:find "[._-]$" then
         return nil, "is no image: [registry[:port]/]path[:tag][@sha256:digest]"
      end
   end
   return name
end

--- A container image: [registry[:port]/]path[:tag][@sha256:digest]. Azure would only say that it has no access.
function rules.image(value)
   local named, digest = value:match "^([^@]*)@(.*)$"
   named = named or value
   if digest and not digest:find("^sha256:" .. ("[0-9a-f]"):rep(64) .. "$") then
      return nil, "has a digest that is not sha256: and 64 hexadecimal digits"
   end
   local name, tag = named:match "^(.*):([^:/]*)$"
   if tag and (#tag > 128 or not tag:find "^[%w_][%w_.-]*$") then
      return nil, ("has a tag that no image can have: %q"):format(tag)
   end
   local kept, why = image_name(name or named)
   if not kept then return nil, why end
   return value
end

--- Any text without line breaks or other control characters.
function rules.text(value)
   if value:find "%c" then return nil, "has a control character in it" end
   return value
end

--- A folder: the whole path of it, since the local cloud works in another one.
function rules.folder(value)
   if value:find "%c" then return nil, "has a control character in it" end
   if value:find "^~" then return nil, "begins with '~', which only a shell knows: write the whole path" end
   if value:find "^/" then return value end
   return assert(fs.realpath "."):gsub("/$", "") .. "/" .. value
end

--- A secret: text that was not cut or pasted with blanks around it.
function rules.secret(value)
   if value:find "^%s" or value:find "%s$" then return nil, "has white space around it" end
   return value
end

--- An account key of Azure Storage: base64.
function rules.storage_key(value)
   if #value % 4 ~= 0 or not value:find "^[%w+/]+=?=?$" then
      return nil, "is not base64; copy the whole key, with the '=' at its end"
   end
   return value
end

return rules
