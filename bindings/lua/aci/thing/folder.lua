--- A folder of flow code in a blob container, under a path that names its content: the same content is
-- uploaded once, and a run that has begun keeps reading what it began with.
local folder = {}

function folder.label(thing) return ("code %s"):format(thing.folder.path) end

local function prefix(thing) return thing.path .. "/" end

local function names_of(thing)
   local names = {}
   for _, blob in ipairs(thing.blob:list(thing.container, { prefix = prefix(thing) })) do
      names[blob.name] = blob.size
   end
   return names
end

--- There when every file is there in its size; the path names the content, so no more need be compared.
function folder.read(_, thing)
   local names = names_of(thing)
   for _, file in ipairs(thing.folder.files) do
      if names[prefix(thing) .. file.path] ~= file.size then return nil end
   end
   return { path = thing.path }
end

function folder.differs() return {} end

function folder.write(_, thing)
   for _, file in ipairs(thing.folder.files) do
      thing.blob:upload(thing.container, prefix(thing) .. file.path, file.file)
   end
   return { path = thing.path }
end

function folder.inside() return true end

return folder
