-- What a program needs to start: its loader and its shared libraries, by the DT_NEEDED entries of it and of
-- what it needs (ELF, 64 bit, little-endian). Nothing is executed.
local error_ = require "aci.error"
local fs = require "aci.fs"

local elf = {}

local LOAD, DYNAMIC, INTERPRETER = 1, 2, 3
local NEEDED, STRINGS, RPATH, RUNPATH = 1, 5, 15, 29

-- Debian's folders of libraries, by e_machine.
local triplet = { [62] = "x86_64-linux-gnu", [183] = "aarch64-linux-gnu" }
local architecture = { [62] = "amd64", [183] = "arm64" }

local function invalid(path, why)
   error_.raise { kind = "invalid", code = "Elf", message = ("%s %s"):format(path, why) }
end

local function segments(bytes, path)
   local at, size, count = string.unpack("<I8", bytes, 33), string.unpack("<I2I2", bytes, 55)
   if at + size * count > #bytes then invalid(path, "is cut off") end
   local list = {}
   for i = 0, count - 1 do
      local kind, _, offset, address, _, length = string.unpack("<I4I4I8I8I8I8", bytes, at + i * size + 1)
      list[#list + 1] = { kind = kind, offset = offset, address = address, length = length }
   end
   return list
end

local function find(list, kind)
   for _, segment in ipairs(list) do
      if segment.kind == kind then return segment end
   end
end

--- Where an address of the running program lies in the file.
local function file_offset(list, address)
   for _, segment in ipairs(list) do
      if segment.kind == LOAD and address >= segment.address and address < segment.address + segment.length then
         return segment.offset + address - segment.address
      end
   end
end

--- The entries of the dynamic section: tag and value, in order.
local function dynamic_entries(bytes, list)
   local segment, entries = find(list, DYNAMIC), {}
   local at = segment and segment.offset + 1
   while at and at + 15 <= segment.offset + segment.length do
      local tag, value = string.unpack("<I8I8", bytes, at)
      if tag == 0 then break end
      entries[#entries + 1], at = { tag = tag, value = value }, at + 16
   end
   return entries
end

--- `{needed={names}, paths={folders}, interpreter=, machine=}` of the program or library at `path`.
function elf.read(path)
   local bytes = assert(fs.read(path))
   if bytes:sub(1, 6) ~= "\127ELF\2\1" or #bytes < 64 then invalid(path, "is no ELF file of 64 bit") end
   local list = segments(bytes, path)
   local found = { needed = {}, paths = {}, machine = string.unpack("<I2", bytes, 19) }
   local loader = find(list, INTERPRETER)
   found.interpreter = loader and string.unpack("z", bytes, loader.offset + 1) or nil
   local entries, strings = dynamic_entries(bytes, list), nil
   for _, entry in ipairs(entries) do
      if entry.tag == STRINGS then strings = file_offset(list, entry.value) end
   end
   for _, entry in ipairs(entries) do
      local text = strings and (entry.tag == NEEDED or entry.tag == RPATH or entry.tag == RUNPATH)
         and string.unpack("z", bytes, strings + entry.value + 1)
      if text and entry.tag == NEEDED then
         table.insert(found.needed, text)
      elseif text then
         for folder in text:gmatch "[^:]+" do table.insert(found.paths, folder) end
      end
   end
   return found
end

--- The name that container images use for the processor of a program: "amd64" or "arm64".
function elf.architecture(path)
   local machine = elf.read(path).machine
   return architecture[machine] or invalid(path, ("is for a processor that is not known here (%d)"):format(machine))
end

local function folders_for(found, origin)
   local folders = {}
   for _, folder in ipairs(found.paths) do
      folders[#folders + 1] = folder:gsub("%$ORIGIN", origin):gsub("%${ORIGIN}", origin)
   end
   local own = triplet[found.machine]
   for _, folder in ipairs { own and "/lib/" .. own, own and "/usr/lib/" .. own, "/lib64", "/usr/lib64",
      "/lib", "/usr/lib", "/usr/local/lib" } do
      if folder then folders[#folders + 1] = folder end
   end
   return folders
end

local function locate(name, found, origin)
   for _, folder in ipairs(folders_for(found, origin)) do
      local path = folder .. "/" .. name
      local there = fs.stat(path)
      if there and there.type == "file" then return path end
   end
end

--- All that the files at `paths` need beside themselves: a map from the path where the loader looks for it to
-- the file that lies there now. `extra`: names of libraries that are opened only while it runs; those that are
-- not here are left out.
function elf.closure(paths, extra)
   local result, names, queue = {}, {}, {}
   local function visit(path)
      local found, origin = elf.read(path), path:match "^(.*)/[^/]*$" or "."
      if found.interpreter then result[found.interpreter] = assert(fs.realpath(found.interpreter)) end
      for _, name in ipairs(found.needed) do
         if not names[name] then
            names[name] = locate(name, found, origin) or invalid(path, "needs " .. name .. ", which is not here")
            queue[#queue + 1] = names[name]
         end
      end
   end
   for _, path in ipairs(paths) do visit(path) end
   for _, name in ipairs(extra or {}) do
      local path = not names[name] and locate(name, elf.read(paths[1]), ".")
      if path then names[name], queue[#queue + 1] = path, path end
   end
   while #queue > 0 do visit(table.remove(queue)) end
   for name, path in pairs(names) do
      if not name:find "^ld%-linux" then result[path] = assert(fs.realpath(path)) end
   end
   return result
end

return elf
