-- The script of the program's own that was probably meant by a name that is none.
local fs = require "aci.fs"
local nearest = require "aci.nearest"

local function bare(name) return (name:gsub("%.lua$", "")) end

-- Templates have whole names, scripts and steps go without their ending.
local function names(folder)
   local list = {}
   for _, each in ipairs(fs.list(folder) or {}) do
      if each:find "%.%w+$" then list[#list + 1] = bare(each) end
   end
   return list
end

--- @param root the folder of the scripts, nil where there is none
-- @return the name as it would be typed ("setup", "steps/storage"), or nil
return function(root, name)
   local folder, last = name:match "^(.*/)([^/]*)$"
   if not root or name:find("..", 1, true) then return nil end
   local near = nearest(bare(last or name), names(root .. "/" .. (folder or "")))
   return near and (folder or "") .. near
end
