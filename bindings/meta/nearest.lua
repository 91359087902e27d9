---@meta aci.nearest
--- The word of a list that a mistyped one was probably meant to be; nil when none is near.
---@param word string
---@param words string[]
---@return string?
local function nearest(word, words) end

return nearest
