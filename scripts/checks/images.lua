-- Docker Hub counts pulls by address, and all of a region's container groups share few.
local images = require "steps.images"

return {
   name = "images",
   needs = { "prefect" }, -- whose version the image goes with
   run = function(c)
      local image = images.job(c)
      if c.config.cloud == "local" then return "ok", image .. " (the local cloud pulls nothing)" end
      if image:find "^docker%.io/" or not image:find "%." then
         return "note", image .. " is pulled from Docker Hub without a login, which it limits",
            "registry = true in config.lua keeps our image in your own registry"
      end
      return "ok", image
   end,
}
