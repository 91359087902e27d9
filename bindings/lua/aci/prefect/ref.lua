--- A reference from one block to another, by the other's type and name: known before the other exists.

local ref = {}

local Ref = { __name = "aci.prefect.ref" }
Ref.__index = Ref
Ref.__tostring = function(self) return self.slug .. "/" .. self.name end

--- @param slug the block type's slug
-- @param name the block's name
function ref.new(slug, name)
   return setmetatable({ slug = slug, name = name }, Ref)
end

function ref.is(value)
   return getmetatable(value) == Ref
end

--- What the API stores for a reference.
function ref.encode(id)
   return { ["$ref"] = { block_document_id = id } }
end

return ref
