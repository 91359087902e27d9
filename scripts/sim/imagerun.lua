--- An image that was pulled, made runnable: its layers, each held against its digest and its diff_id, are unpacked
-- into a folder of the digest's name, once; the container's command (else the image's own) is found in it and
-- started from there. The local cloud has no root: the program and the files beside it are the image's, the rest
-- of the file system is this machine's. Good for images whose program finds its files relative to itself, as
-- acihost's does; absolute paths of other images mean this machine's files.
local archive = require "aci.archive"
local crypto  = require "aci.crypto"
local fs      = require "aci.fs"
local json    = require "aci.json"
local process = require "aci.process"

local imagerun = {}

local DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

local function digest(bytes) return "sha256:" .. crypto.hex(crypto.sha256(bytes)) end

-- The bytes of a blob; raises where they are not those of its digest.
local function verified(blob)
   local bytes = fs.read(blob.file)
   if not bytes then error("blob " .. blob.digest .. " is missing", 0) end
   if digest(bytes) ~= blob.digest then error("blob " .. blob.digest .. " is not what its digest says", 0) end
   return bytes
end

local function tar(...)
   local ran = assert(process.run { args = { "tar", ... } })
   if ran.code ~= 0 then error("the layer cannot be unpacked: " .. ran.stderr, 0) end
   return ran.stdout
end

-- A layer says by names what of the layers below is gone.
local function take_away(root, layer)
   for name in tar("-tf", layer.file):gmatch "[^\n]+" do
      local folder, gone = name:match "^(.-)%.wh%.([^/]+)$"
      if gone == ".wh..opq" then
         for _, each in ipairs(fs.list(root .. "/" .. folder) or {}) do
            fs.remove_tree(root .. "/" .. folder .. "/" .. each)
         end
      elseif gone and not name:find("..", 1, true) then
         fs.remove_tree(root .. "/" .. folder .. gone)
      end
   end
end

local function check_layer(layer, sum)
   local bytes = verified(layer)
   if bytes:sub(1, 2) == "\x1f\x8b" then bytes = assert(archive.gunzip(bytes)) end
   if digest(bytes) ~= sum then error("layer " .. layer.digest .. " is not what its diff_id says", 0) end
end

local function unpack_all(source, config, root)
   local sums = config.rootfs.diff_ids
   if #sums ~= #source.layers then error("the image's config counts other layers than its manifest", 0) end
   assert(fs.mkdir(root))
   for index, layer in ipairs(source.layers) do
      check_layer(layer, sums[index])
      if index > 1 then take_away(root, layer) end
      tar("-xf", layer.file, "-C", root, "--no-same-owner", "--exclude=.wh.*")
   end
end

--- Unpacks the image of a source (sim/imagepull.lua) under `folder` unless that was done; gives its root and the
-- image's config. Raises what is wrong with it.
function imagerun.prepare(source, folder)
   local config = assert(json.decode(verified(source.config)))
   local root = ("%s/%s"):format(folder, (source.digest:gsub(":", "-")))
   assert(fs.mkdir(folder, tonumber("700", 8)))
   local lock <close> = assert(fs.lock(root .. ".lock", { wait = 120 })) -- luacheck: ignore
   if not fs.stat(root) then
      fs.remove_tree(root .. ".new")
      unpack_all(source, config, root .. ".new")
      assert(fs.rename(root .. ".new", root))
   end
   return root, config.config or {}
end

local function variables(settings)
   local map = {}
   for _, text in ipairs(type(settings.Env) == "table" and settings.Env or {}) do
      local name, value = text:match "^([^=]+)=(.*)$"
      if name then map[name] = value end
   end
   return map
end

local function find_program(root, name, path)
   if name:find("/", 1, true) then return root .. "/" .. name:gsub("^/", "") end
   for place in path:gmatch "[^:]+" do
      local file = root .. place .. "/" .. name
      if fs.stat(file) then return file end
   end
end

--- The arguments and the environment of a container: `command` and `env` as its group gives them. A command
-- replaces the image's entry point, as in Azure. Raises for a program that the image does not have.
function imagerun.start(root, settings, command, env)
   local own, args = variables(settings), { table.unpack(command) }
   if #args == 0 then
      for _, part in ipairs { settings.Entrypoint or {}, settings.Cmd or {} } do
         if type(part) == "table" then table.move(part, 1, #part, #args + 1, args) end
      end
   end
   local file = args[1] and find_program(root, args[1], own.PATH or DEFAULT_PATH)
   if not (file and fs.stat(file)) then
      error(('exec: "%s": executable file not found in $PATH'):format(tostring(args[1])), 0)
   end
   args[1] = file
   local all = {}
   for name, value in pairs(own) do all[name] = value end
   for name, value in pairs(env) do all[name] = value end
   return args, all
end

return imagerun
