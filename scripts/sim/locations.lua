--- The regions of the local cloud: short name and display name.
local locations = {}

locations.names = {
   "East US", "East US 2", "South Central US", "West US 2", "West US 3", "Australia East", "Southeast Asia",
   "North Europe", "Sweden Central", "UK South", "West Europe", "Central US", "South Africa North",
      "Central India",
   "East Asia", "Japan East", "Korea Central", "Canada Central", "France Central", "Germany West Central",
   "Italy North", "Norway East", "Poland Central", "Switzerland North", "UAE North", "Brazil South",
      "Israel Central",
   "North Central US", "West US", "Japan West", "West Central US", "Australia Southeast", "South India",
   "Canada East", "UK West", "Spain Central", "Mexico Central",
}

--- The short form of a location: "North Europe" and "northeurope" are the same.
function locations.short(text)
   return type(text) == "string" and (text:lower():gsub("%s+", "")) or nil
end

local known = {}
for _, name in ipairs(locations.names) do
   known[locations.short(name)] = name
end

--- True for a region that exists.
function locations.exists(text)
   return known[locations.short(text) or ""] ~= nil
end

--- The display name of a region.
function locations.display(text)
   return known[locations.short(text) or ""]
end

--- All short names.
function locations.all()
   local all = {}
   for index, name in ipairs(locations.names) do
      all[index] = locations.short(name)
   end
   return all
end

return locations
