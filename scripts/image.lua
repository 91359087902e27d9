-- image.lua [FILE]: builds the container image of acihost, without a Docker engine, from what lies here: the
-- program, the libraries it needs, CA certificates, the scripts, and an init. FILE (default acihost-image.tar)
-- is good for `oci-archive:` and `docker-archive:`; push.lua brings it to a registry. Equal files give equal
-- bytes; all times are SOURCE_DATE_EPOCH, else 1970.
local cli     = require "aci.cli"
local elf     = require "aci.image.elf"
local fail    = require "aci.error"
local fs      = require "aci.fs"
local image   = require "aci.image"
local process = require "aci.process"

local options, names = cli.parse(arg, {
   usage = "acihost image.lua [options] [FILE]: build the container image of acihost",
   arguments = { "[FILE]" },
   options = {
      name  = { value = "REPOSITORY:TAG", default = "acihost:latest", help = "default acihost:latest" },
      add   = { value = "PATH=FILE", many = true, help = "one more file for the image" },
      debug = { help = "keep the debugging symbols" },
   },
})

local home = "opt/acihost/"
local certificates = "etc/ssl/certs/ca-certificates.crt"

-- Opened only while it runs: thread cancellation of glibc, old PKCS#12 files.
local opened_later = { "libgcc_s.so.1", "ossl-modules/legacy.so" }

local function read(path)
   local data, why = fs.read(path)
   return data or error(why, 0)
end

--- The program without its symbols, where binutils is installed.
local function stripped(path)
   if options.debug then return read(path) end
   local folder = assert(fs.tempdir "acihost-image-")
   local target = folder .. "/program"
   local ran = process.run { args = { "strip", "--strip-all", "-o", target, path }, stderr = "null" }
   local data = ran and ran.code == 0 and read(target) or read(path)
   fs.remove_tree(folder)
   return data
end

--- A program or module of ours: beside the running one, else where it is installed.
local function own(name)
   local here = process.self():match "^(.*)/"
   for _, path in ipairs { here .. "/" .. name, here .. "/../lib/acihost/" .. name,
      here .. "/../lib/x86_64-linux-gnu/acihost/" .. name, here .. "/../lib/aarch64-linux-gnu/acihost/" .. name } do
      if fs.stat(path) then return path end
   end
   fail.raise { kind = "not_found", code = "program", message = name .. " is not beside this program" }
end

local entries = {
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

local function add(name, data, mode)
   entries[#entries + 1] = { name = name, data = data, mode = mode }
end

local programs = { own "acihost", own "acihost-init", own "acihost_net.so" }
for _, path in ipairs(programs) do
   add(home .. "bin/" .. path:match "[^/]+$", stripped(path), 493) -- 0755
end
for target, path in pairs(elf.closure(programs, opened_later)) do
   add((target:gsub("^/lib/", "/usr/lib/")), read(path), 493)
end
add(certificates, read("/" .. certificates))

local scripts = assert(package.scripts):match "([^;]+)/%?%.lua$"
for _, path in ipairs(assert(fs.walk(scripts))) do
   if path ~= "config.lua" then add(home .. "scripts/" .. path, read(scripts .. "/" .. path)) end
end
for _, text in ipairs(options.add or {}) do
   local target, path = text:match "^/?([^=]+)=(.+)$"
   if not target then
      fail.raise { kind = "usage", code = "arguments", message = ("%q is not PATH=FILE"):format(text) }
   end
   add(target, read(path))
end

local made = image.build {
   entries = entries, architecture = elf.architecture(programs[1]),
   created = tonumber(os.getenv "SOURCE_DATE_EPOCH" or "0"),
   settings = {
      Entrypoint = { "/usr/bin/acihost" }, WorkingDir = "/root",
      Env = { "PATH=/usr/bin", "HOME=/root", "SSL_CERT_FILE=/" .. certificates },
   },
}
local file = names[1] or "acihost-image.tar"
local bytes = image.archive(made, options.name)
local wrote, why = fs.write(file, bytes, { mode = 420 })
if not wrote then error(why, 0) end

local size = #made.blobs[2].data
if options.output == "json" then
   cli.output({ file = file, digest = made.digest, size = #bytes, compressed = size, files = #entries }, options)
else
   print(("%s: %s, %d files, %.1f MB compressed"):format(file, made.digest, #entries, size / 1e6))
end
