-- image.lua [FILE]: builds the container image of acihost, without a Docker engine, from what lies here: the
-- program, the libraries it needs, CA certificates, the scripts, and an init. FILE (default acihost-image.tar)
-- is good for `oci-archive:` and `docker-archive:`; push.lua brings it to a registry. Equal files give equal
-- bytes; all times are SOURCE_DATE_EPOCH, else 1970.
local cli   = require "aci.cli"
local fail  = require "aci.error"
local fs    = require "aci.fs"
local image = require "aci.image"
local own   = require "aci.image.own"
local rules = require "aci.config.rules"

local options, names = cli.parse(arg, {
   usage = "acihost image.lua [options] [FILE]: build the container image of acihost",
   arguments = { "[FILE]" },
   options = {
      name  = { value = "REPOSITORY:TAG", default = "acihost:latest", help = "default acihost:latest" },
      add   = { value = "PATH=FILE", many = true, help = "one more file for the image" },
      debug = { help = "keep the debugging symbols" },
   },
})

local named, unnamed = rules.image(options.name)
if not named then
   fail.raise { kind = "usage", code = "arguments", message = ("--name %q %s"):format(options.name, unnamed),
      advice = "for example: --name acihost:latest" }
end

local entries = own.entries { debug = options.debug }
for _, text in ipairs(options.add or {}) do
   local target, path = text:match "^/?([^=]+)=(.+)$"
   if not target then
      fail.raise { kind = "usage", code = "arguments", message = ("%q is not PATH=FILE"):format(text) }
   end
   entries[#entries + 1] = { name = target, data = assert(fs.read(path)) }
end

local made = own.build(entries, tonumber(os.getenv "SOURCE_DATE_EPOCH" or "0"))
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
