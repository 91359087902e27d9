---@meta aci.xml
--- XML as storage services speak it: a document becomes plain tables. Document types, and with them
--- entities other than the five of XML, are refused.
---
---     local list = xml.parse(response.body)
---     for _, blob in ipairs(list.children) do print(blob.name, blob.attributes.kind, blob.text) end
local xml = {}

---@class aci.xml.Element
---@field name string with its prefix, if it has one
---@field attributes table<string, string>
---@field children aci.xml.Element[]
---@field text string its own character data, joined; "" where that is only indentation of children

--- The root element of a document. At most 200 levels deep and 64 MiB long. A fault is nil and an
--- error of kind "invalid" with `line` and `column` (in bytes, from 1).
---@param text string|aci.Secret
---@return aci.xml.Element?
---@return aci.Error? err
function xml.parse(text) end

--- The text with & < > " ' and carriage returns escaped: fit for character data and attribute
--- values. Raises for what XML cannot hold: control characters and what is not UTF-8.
---@param text string
---@return string
function xml.escape(text) end

return xml
