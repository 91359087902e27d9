--- A folder of flow code as it is uploaded: what .prefectignore leaves, under a path that names the
-- content. The same content has the same path, so it is uploaded once, and a run that has started
-- keeps reading the code it started with.

local crypto = require "aci.crypto"
local fail   = require "aci.error"
local fs     = require "aci.fs"
local ignore = require "aci.prefect.ignore"

local folder = {}

-- What Prefect writes into a new .prefectignore covers these too; no flow needs them.
local ALWAYS = ".git/\n__pycache__/\n*.pyc\n"

local function rules_of(path)
   return ignore.compile(ALWAYS .. (fs.read(path .. "/.prefectignore") or ""))
end

local function digest(files)
   local parts = {}
   for _, file in ipairs(files) do parts[#parts + 1] = file.path .. "\0" .. file.sha256 .. "\n" end
   return crypto.hex(crypto.sha256(table.concat(parts)))
end

local function read_file(root, path)
   local data, err = fs.read(root .. "/" .. path)
   if not data then error(err, 0) end
   return { path = path, file = root .. "/" .. path, size = #data, sha256 = crypto.hex(crypto.sha256(data)) }
end

--- Reads a folder.
-- @return `{ files = { { path, file, size, sha256 } }, hash, path = "NAME-HASH" }`, files sorted by path
function folder.read(root)
   root = root:gsub("/+$", "")
   local names, err = fs.walk(root)
   if not names then error(err, 0) end
   local ignored, files = rules_of(root), {}
   table.sort(names)
   for _, path in ipairs(names) do
      if not ignored(path) then files[#files + 1] = read_file(root, path) end
   end
   if #files == 0 then
      fail.raise { kind = "usage", code = "flow_folder", message = "no file to upload in " .. root }
   end
   local hash = digest(files)
   return { files = files, hash = hash, path = root:match "[^/]+$" .. "-" .. hash:sub(1, 12) }
end

return folder
