-- Files that steps read (templates/role.json, flows/simple_demo): beside the script, in ./scripts, or those that come
-- with the program. So a step that is copied out alone finds them, and a template that is copied out is used.
local fs = require "aci.fs"

return function(name)
   local path
   for place in package.scripts:gmatch "[^;]+" do
      path = place:sub(1, -#"?.lua" - 1) .. name
      if fs.stat(path) then return path end
   end
   return path
end
