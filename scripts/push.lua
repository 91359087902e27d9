-- push.lua HOST/REPOSITORY:TAG [FILE]: brings an image (image.lua's, or any `oci-archive:` of one platform) to a
-- registry. What the registry has is not sent. Azure Container Registry takes the login of the settings (role
-- AcrPush); others a user and, in the environment, ACIHOST_REGISTRY_PASSWORD.
local cli      = require "aci.cli"
local config   = require "aci.config"
local image    = require "aci.image"
local registry = require "aci.registry"
local secret   = require "aci.secret"

local options, names = cli.parse(arg, {
   usage = "acihost push.lua [options] HOST/REPOSITORY:TAG [FILE]: bring an image to a registry",
   arguments = { "HOST/REPOSITORY:TAG", "[FILE]" },
   options = {
      user  = { short = "u", value = "NAME", help = "log in with a password (ACIHOST_REGISTRY_PASSWORD)" },
      chunk = { value = "BYTES", number = true, help = "upload in pieces of this size" },
   },
})

local to = registry.reference(names[1])
local file = names[2] or "acihost-image.tar"

local function password()
   local given = os.getenv "ACIHOST_REGISTRY_PASSWORD"
   return given and secret.new(given) or cli.secret(("password of %s at %s"):format(options.user, to.host), options)
end

local function is_azure(host)
   return host:find "%.azurecr%.io$" or host:find "%.azurecr%.us$" or host:find "%.azurecr%.cn$"
end

local settings = {
   host = to.host, chunk = options.chunk and math.max(1, math.tointeger(options.chunk) or 1),
   user = options.user, password = options.user and password(),
   on_blob = function(digest, size, was_there)
      io.stderr:write(("%s  %9d bytes  %s\n"):format(digest:sub(1, 19), size, was_there and "there" or "sent"))
   end,
}
local target = not options.user and is_azure(to.host)
   and registry.azure(cli.notes(config.load { cloud = options.cloud }), to.host, settings)
   or registry.connect(settings)
local result = target:push(to.repository, to.tag, image.read(file))

if options.output == "json" then
   cli.output(result, options)
else
   print(("%s/%s@%s: %d sent, %d there already"):format(to.host, to.repository, result.digest, result.sent,
      result.skipped))
end
