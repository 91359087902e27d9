--- What of requests and answers may be shown. Secrets are known by three marks: they are an aci.secret; they
-- stand where a service keeps secrets (names of members, headers and parameters); or they were seen in one
-- of these two ways before.
local http = require "aci.http"
local json = require "aci.json"
local names = require "aci.trace.names"
local secret = require "aci.secret"

local mask = {}

local HIDDEN = "<secret>"

-- -- values that were seen -------------------------------------------------------------------------

-- Shorter ones are not looked for in other text: they would be found in words that mean something else.
local SHORTEST = 6

local seen = {}

local function is_seen(value)
   for _, known in ipairs(seen) do
      if secret.equal(known, value) then
         return true
      end
   end
   return false
end

-- One that is called secret where it stands only; or put together of secrets that are known.
local function is_formal(value)
   return secret.is(value) and secret.conceal(secret.reveal(value)) ~= HIDDEN
end

--- Remembers a secret value (a string or secret) and masks it in all text from now on.
function mask.learn(value)
   if is_formal(value) then
      return HIDDEN
   end
   if #value >= SHORTEST and not secret.equal(value, HIDDEN) and not is_seen(value) then
      table.insert(seen, secret.new(value))
      table.sort(seen, function(a, b) return #a > #b end) -- one may be part of another
   end
   return HIDDEN
end

local function replace(text, value)
   local at, pieces = 1, {}
   while true do
      local from, to = text:find(value, at, true)
      if not from then
         break
      end
      pieces[#pieces + 1] = text:sub(at, from - 1)
      at = to + 1
   end
   pieces[#pieces + 1] = text:sub(at)
   return table.concat(pieces, HIDDEN)
end

-- As it is, as it stands in JSON, in a URL.
local function replace_seen(text, value)
   text = replace(text, value)
   local quoted, escaped = utf8.len(value) and json.encode(value):sub(2, -2), http.escape(value)
   text = quoted and quoted ~= value and replace(text, quoted) or text
   return escaped ~= value and replace(text, escaped) or text
end

-- -- text ------------------------------------------------------------------------------------------

-- Forms that are secret wherever they stand.
local forms = {
   { "eyJ[%w_%-]+%.[%w_%-]+%.[%w_%-]*", HIDDEN },
   { "([?&;][Ss][Ii][Gg]=)[^&%s\"'<>]+", "%1" .. HIDDEN },
   { "(AccountKey=)[^;%s\"'<>]+", "%1" .. HIDDEN },
   { "(SharedAccessKey=)[^;%s\"'<>]+", "%1" .. HIDDEN },
   { "pn[bu]_%w+", HIDDEN },
   { "%-%-%-%-%-BEGIN [%u ]*PRIVATE KEY.-END [%u ]*PRIVATE KEY%-%-%-%-%-", HIDDEN },
   { "(://[^/%s:@]+:)[^/%s@]+@", "%1" .. HIDDEN .. "@" },
}

--- A text with all in it masked that is known to be secret.
function mask.text(text)
   text = secret.conceal(text)
   for _, form in ipairs(forms) do
      text = text:gsub(form[1], form[2])
   end
   for _, known in ipairs(seen) do
      text = replace_seen(text, secret.reveal(known))
   end
   return text
end

-- -- headers ---------------------------------------------------------------------------------------

-- A signature is another one each time and of no use again: only what is sent again is remembered.
local function hide_header(value)
   local text = secret.is(value) and secret.reveal(value) or value
   local token = text:match "^Bearer (.+)$" or text:match "^Basic (.+)$" or text:match "^%S+$"
   return token and mask.learn(token) or HIDDEN
end

--- A message's headers as lines, in order.
function mask.headers(headers)
   local lines = {}
   for name, value in pairs(headers or {}) do
      local shown = tostring(value)
      if secret.is(value) or names.is_secret_header(name:lower()) then
         shown = hide_header(secret.is(value) and value or shown)
      elseif shown:find "^https?://" then
         shown = http.mask(shown)
      end
      lines[#lines + 1] = ("%s: %s"):format(name:lower(), shown)
   end
   table.sort(lines)
   return lines
end

-- -- JSON ------------------------------------------------------------------------------------------

local function is_text(value)
   return type(value) == "string" or secret.is(value)
end

-- Some secret members hold what is none elsewhere: Prefect's blocks hide the subscription's id.
local function hide(value, name)
   return name and names.is_public_member(name) and HIDDEN or mask.learn(value)
end

-- Every text in a value.
local function hide_all(value, name)
   if is_text(value) then
      return hide(value, name)
   elseif type(value) ~= "table" or value == json.null then
      return value
   end
   local copy = setmetatable({}, getmetatable(value))
   for key, inner in pairs(value) do
      copy[key] = hide_all(inner, type(key) == "string" and key or name)
   end
   return copy
end

-- "key", "child.key" or "dict.*", as Prefect's schemas name the secret members of a block.
local function hide_path(data, path)
   local key, rest = path:match "^([^.]+)%.(.+)$"
   for name, value in pairs(type(data) == "table" and data or {}) do
      if (key or path) == "*" or name == (key or path) then
         if rest and type(value) == "table" then
            hide_path(value, rest)
         else
            data[name] = hide_all(value, name)
         end
      end
   end
end

local walk

--- The values of parameters that a template calls secure.
local function hide_secure(copy)
   local declared = type(copy.template) == "table" and copy.template.parameters
   for name, parameter in pairs(type(declared) == "table" and declared or {}) do
      local given = type(copy.parameters) == "table" and copy.parameters[name]
      if type(given) == "table" and names.is_secure_type(parameter.type) then
         given.value = hide_all(given.value)
      end
   end
end

--- The data of a Prefect block: what its schema names, all of it where it comes without one.
local function hide_block(copy, context)
   local fields = type(copy.block_schema) == "table" and copy.block_schema.fields
   local paths = type(fields) == "table" and fields.secret_fields
   if type(paths) == "table" then
      for _, path in ipairs(paths) do
         hide_path(copy.data, path)
      end
   elseif context.secret then
      copy.data = HIDDEN
   end
end

--- What the members of an object together say of each other.
local function hide_by_shape(copy, context)
   if copy.keyName or names.is_secure_type(copy.type) then
      copy.value, copy.defaultValue = hide_all(copy.value), hide_all(copy.defaultValue)
   end
   if copy.template then
      hide_secure(copy)
   end
   if type(copy.data) == "table" then
      hide_block(copy, context)
   end
   if names.is_vault_secret(copy.type) and type(copy.properties) == "table" then
      copy.properties.value = hide_all(copy.properties.value)
   end
end

-- A table under a secret's name describes it more often than not: a schema, a parameter { value = }.
local function walk_member(value, name, context)
   local hidden = type(name) == "string" and names.is_secret_member(name)
   if is_text(value) then
      return (hidden or secret.is(value)) and hide(value, name) or value
   end
   local copy = walk(value, context)
   if hidden and type(copy) == "table" and is_text(copy.value) then
      copy.value = mask.learn(copy.value)
   end
   return copy
end

function walk(value, context)
   if secret.is(value) then
      return mask.learn(value)
   elseif type(value) ~= "table" or value == json.null then
      return value
   end
   local copy = setmetatable({}, getmetatable(value))
   for key, inner in pairs(value) do
      copy[key] = walk_member(inner, key, context)
   end
   hide_by_shape(copy, context)
   return copy
end

--- The value of a secret, by its address: in Key Vault itself, and as a resource of ARM.
local function hide_by_address(copy, url)
   if type(copy) ~= "table" then
      return
   end
   if names.is_vault_address(url) then
      copy.value = type(copy.value) == "string" and hide_all(copy.value) or copy.value
   end
   if names.is_vault_resource_address(url) and type(copy.properties) == "table" then
      copy.properties.value = hide_all(copy.properties.value)
   end
end

local function of_json(value, context)
   local copy = walk(value, context)
   hide_by_address(copy, context.url)
   return json.encode(copy)
end

-- -- other bodies ----------------------------------------------------------------------------------

local function of_form(form)
   local parts = {}
   for name, value in pairs(form) do
      local hidden = secret.is(value) or names.is_secret_field(name)
      parts[#parts + 1] = ("%s=%s"):format(name,
         hidden and mask.learn(secret.is(value) and value or tostring(value)) or http.escape(tostring(value)))
   end
   table.sort(parts)
   return table.concat(parts, "&")
end

local function of_xml(text)
   for _, tag in ipairs { "Value", "Key", "Signature" } do
      text = text:gsub(("(<%s>)(.-)(</%s>)"):format(tag, tag), function(before, value, after)
         return before .. mask.learn(value) .. after
      end)
   end
   return text
end

local function is_readable(media, text)
   return (media:find "^text/" or media:find "xml") and utf8.len(text) ~= nil
end

local function sized(value, media)
   return ("<%d bytes%s>"):format(#value, media ~= "" and " of " .. media or "")
end

local function of_bytes(value, media, context)
   local text = secret.is(value) and secret.reveal(value) or value
   local decoded = media:find "json" and json.decode(text)
   if decoded ~= nil and decoded ~= false then
      return of_json(decoded, context)
   elseif context.secret or not is_readable(media, text) then
      return sized(value, media)
   end
   return media:find "xml" and of_xml(text) or text
end

local function media_of(headers)
   for name, value in pairs(headers or {}) do
      if name:lower() == "content-type" and type(value) == "string" then
         return value:lower()
      end
   end
   return ""
end

--- The body of a message, as one text; "" where there is none. `fields`: url, headers, and one of body (a
-- string or secret), json (a value), form (a map), file (a path).
function mask.body(fields)
   local body = fields.body
   local context = { url = fields.url, secret = secret.is(body) }
   if fields.json ~= nil then
      return of_json(fields.json, context)
   elseif fields.form then
      return of_form(fields.form)
   elseif fields.file then
      return ("<the file %s>"):format(fields.file)
   elseif not body or #body == 0 then
      return ""
   end
   return of_bytes(body, media_of(fields.headers), context)
end

return mask
