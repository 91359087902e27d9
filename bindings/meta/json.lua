---@meta aci.json
--- JSON that loses nothing: `[]` and `{}` stay themselves, integers of 64 bits are exact, floats
--- read back as the same float, equal values give equal text (names are sorted), and what is not
--- JSON (RFC 8259) is an error with line and column.
---
---     local value = json.decode '{"ports": [80, 443], "name": null}'
---     value.ports[2] == 443, value.name == json.null
local json = {}

--- JSON's null, inside decoded values and to be encoded. It is true in conditions, and the same
--- value as cjson.null.
---@type lightuserdata
json.null = nil

---@class aci.json.DecodeOptions
---@field comments? boolean let `//` and `/* */` comments through, and a byte order mark
---@field line_breaks? boolean let raw line breaks and tabs inside strings through, and keep them
---@field bare_names? boolean let member names without quotes through
---@field secrets? string[] strings that are members of these names come as secrets

--- The value of a JSON text. Arrays are marked (see `json.is_array`); integers beyond 64 bits and
--- -0 become floats. A fault is nil and an error of kind "invalid" with `line` and `column`
--- (in characters, from 1); its message never contains any of the text. At most 512 levels deep;
--- two members of one name are a fault.
---@param text string|aci.Secret
---@param options? aci.json.DecodeOptions
---@return any value
---@return aci.Error? err
function json.decode(text, options) end

---@class aci.json.EncodeOptions
---@field pretty? boolean one member or element a line, two blanks a level
---@field secrets? boolean write the secrets inside as they are; the result is a secret then

--- The text of a value: a table with the keys 1..n is an array, with string keys an object, the
--- empty table is `{}` (`json.array()` is `[]`). Secrets inside are written as "<secret>" unless
--- asked for. Raises for what JSON cannot hold (functions, nan, other keys, holes, strings that are
--- not UTF-8, more than 512 levels), naming the place in the value.
---@param value any
---@param options? aci.json.EncodeOptions
---@return string|aci.Secret
function json.encode(value, options) end

--- Marks the table as an array: it is written as `[...]` even when it is empty.
---@param table? table
---@return table # the same table, or a new one
function json.array(table) end

--- Marks the table as an object: it is written as `{...}`, and whole numbers as names.
---@param table? table
---@return table # the same table, or a new one
function json.object(table) end

--- Would the value be written as `[...]`?
---@return boolean
function json.is_array(value) end

return json
