-- The regions of the public Azure cloud, by the names that ARM uses. `any_location = true` in the
-- settings switches the check off, for regions that are newer than this list.
local locations = {}

local names = [[
   australiacentral australiacentral2 australiaeast australiasoutheast austriaeast
   belgiumcentral brazilsouth brazilsoutheast canadacentral canadaeast centralindia centralus
   chilecentral denmarkeast eastasia eastus eastus2 francecentral francesouth germanynorth
   germanywestcentral indonesiacentral israelcentral italynorth japaneast japanwest
   jioindiacentral jioindiawest koreacentral koreasouth malaysiawest mexicocentral
   newzealandnorth northcentralus northeurope norwayeast norwaywest polandcentral qatarcentral
   southafricanorth southafricawest southcentralus southeastasia southeastus southindia
   spaincentral swedencentral swedensouth switzerlandnorth switzerlandwest uaecentral uaenorth
   uksouth ukwest westcentralus westeurope westindia westus westus2 westus3
]]

local function words(text)
   local set = {}
   for word in text:gmatch "%S+" do set[word] = true end
   return set
end

locations.known = words(names)

--- "North Europe" and "NorthEurope" are "northeurope".
function locations.normal(name)
   return (name:lower():gsub("[%s_%-]", ""))
end

return locations
