return {
   name = "prefect",
   run = function(c)
      local version = c.prefect:version()
      c.prefect:pages("/flows/filter", {}, 1) -- the version is told to anybody, the flows only to whom the key lets in
      return "ok", ("version %s at %s"):format(version, c.config.prefect_url)
   end,
}
