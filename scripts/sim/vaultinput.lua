--- What a request may say of a secret; all else is refused.
local json  = require "aci.json"
local words = require "sim.vaultwords"

local input = {}

local MOST = { value = 25600, tags = 15, tag = 512, content_type = 255 }

local function given(value)
   if value ~= json.null then
      return value
   end
end

local function check_tags(tags)
   if tags == nil then
      return nil
   elseif type(tags) ~= "table" or json.is_array(tags) and #tags > 0 then
      words.bad "The parameter tags is not an object."
   end
   local count = 0
   for name, value in pairs(tags) do
      count = count + 1
      if type(value) ~= "string" or #value > MOST.tag or #name > MOST.tag then
         words.bad("The tag '%s' is not a text of at most %d characters.", tostring(name):sub(1, 40),
            MOST.tag)
      end
   end
   if count > MOST.tags then
      words.bad("A secret has at most %d tags.", MOST.tags)
   end
   return tags
end

local function check_time(attributes, name)
   local value = given(attributes[name])
   if value ~= nil and math.type(value) ~= "integer" then
      words.bad("The attribute %s is not a number of seconds since 1970.", name)
   end
   return value
end

local function check_attributes(body)
   local attributes = given(body.attributes) or {}
   if type(attributes) ~= "table" then
      words.bad "The parameter attributes is not an object."
   end
   local enabled, nbf, exp = given(attributes.enabled), check_time(attributes, "nbf"),
      check_time(attributes, "exp")
   if enabled ~= nil and type(enabled) ~= "boolean" then
      words.bad "The attribute enabled is not a boolean."
   end
   return enabled, nbf, exp
end

--- A secret does not end before it begins.
function input.check_order(nbf, exp)
   if nbf and exp and nbf >= exp then
      words.bad "The attribute exp must be later than nbf."
   end
end

--- The fields of a body: value, content_type, tags, enabled, nbf, exp; each checked but the value.
function input.read(req)
   local body = req:json()
   if type(body) ~= "table" or json.is_array(body) and #body > 0 then
      words.bad "The request body is not an object."
   end
   local kind = given(body.contentType)
   if kind ~= nil and (type(kind) ~= "string" or #kind > MOST.content_type) then
      words.bad("The parameter contentType is not a text of at most %d characters.", MOST.content_type)
   end
   local fields = { content_type = kind, tags = check_tags(given(body.tags)), value = given(body.value) }
   fields.enabled, fields.nbf, fields.exp = check_attributes(body)
   return fields
end

--- The value: a text, which may be empty.
function input.check_value(value)
   if type(value) ~= "string" then
      words.bad "The parameter value is missing or not a text."
   elseif #value > MOST.value then
      words.bad("The value of a secret has at most %d bytes.", MOST.value)
   end
end

return input
