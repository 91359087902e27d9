-- What our own image holds: the program, the libraries it needs, CA certificates, the scripts, and an init; read
-- from what lies here. image.lua writes it to a file, the step "registry" brings it to a registry.
local crypto  = require "aci.crypto"
local elf     = require "aci.image.elf"
local fail    = require "aci.error"
local fs      = require "aci.fs"
local image   = require "aci.image"
local process = require "aci.process"

local own = {}

local home = "opt/acihost/"
local certificates = "etc/ssl/certs/ca-certificates.crt"

-- Opened only while it runs: thread cancellation of glibc, old PKCS#12 files.
local opened_later = { "libgcc_s.so.1", "ossl-modules/legacy.so" }

local skeleton = {
   { name = "tmp/", mode = 1023 }, -- 01777
   { name = "root/", mode = 448 },
   { name = "proc/" }, { name = "sys/" }, { name = "dev/" },
   { name = "etc/passwd", data = "root:x:0:0:root:/root:/usr/bin/acihost\nnobody:x:65534:65534:nobody:/:/\n" },
   { name = "etc/group", data = "root:x:0:\nnogroup:x:65534:\n" },
   { name = "etc/nsswitch.conf", data = "hosts: files dns\n" },
   { name = "lib", type = "link", target = "usr/lib" },
   { name = "usr/bin/acihost", type = "link", target = "../../opt/acihost/bin/acihost-init" },
   { name = "usr/bin/acihost-init", type = "link", target = "../../opt/acihost/bin/acihost-init" },
}

local function read(path)
   local data, why = fs.read(path)
   return data or error(why, 0)
end

--- A program or module of ours: beside the running one, else where it is installed.
local function ours(name)
   local here = process.self():match "^(.*)/"
   for _, path in ipairs { here .. "/" .. name, here .. "/../lib/acihost/" .. name,
      here .. "/../lib/x86_64-linux-gnu/acihost/" .. name, here .. "/../lib/aarch64-linux-gnu/acihost/" .. name } do
      if fs.stat(path) then return path end
   end
   fail.raise { kind = "not_found", code = "program", message = name .. " is not beside this program" }
end

local function programs()
   return { ours "acihost", ours "acihost-init", ours "acihost_net.so" }
end

--- A program without its symbols, where binutils is installed.
local function stripped(path)
   local folder = assert(fs.tempdir "acihost-image-")
   local target = folder .. "/program"
   local ran = process.run { args = { "strip", "--strip-all", "-o", target, path }, stderr = "null" }
   local data = ran and ran.code == 0 and read(target) or read(path)
   fs.remove_tree(folder)
   return data
end

--- The entries of the image (aci.archive). `options.debug`: programs keep their symbols.
function own.entries(options)
   local entries = table.move(skeleton, 1, #skeleton, 1, {})
   local function add(name, data, mode)
      entries[#entries + 1] = { name = name, data = data, mode = mode }
   end
   local list = programs()
   for _, path in ipairs(list) do
      add(home .. "bin/" .. path:match "[^/]+$", options and options.debug and read(path) or stripped(path), 493)
   end
   for target, path in pairs(elf.closure(list, opened_later)) do
      add((target:gsub("^/lib/", "/usr/lib/")), read(path), 493) -- 0755
   end
   add(certificates, read("/" .. certificates))
   local scripts = assert(package.scripts):match "([^;]+)/%?%.lua$"
   for _, path in ipairs(assert(fs.walk(scripts))) do
      if path ~= "config.lua" then add(home .. "scripts/" .. path, read(scripts .. "/" .. path)) end
   end
   return entries
end

--- A text that is the same as long as the image would hold the same; quick to make: nothing is stripped or
-- compressed for it.
function own.fingerprint()
   local lines = {}
   for _, entry in ipairs(own.entries { debug = true }) do
      lines[#lines + 1] = ("%s %s %s"):format(entry.name, entry.mode or entry.target or "",
         crypto.hex(crypto.sha256(entry.data or "")))
   end
   table.sort(lines)
   return crypto.hex(crypto.sha256(table.concat(lines, "\n")))
end

--- The image of these entries. `created`: seconds since 1970, default 0.
function own.build(entries, created)
   return image.build {
      entries = entries, architecture = elf.architecture(ours "acihost"), created = created or 0,
      settings = {
         Entrypoint = { "/usr/bin/acihost" }, WorkingDir = "/root",
         Env = { "PATH=/usr/bin", "HOME=/root", "SSL_CERT_FILE=/" .. certificates },
      },
   }
end

return own
