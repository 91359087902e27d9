-- The application behind the service principal, which only Microsoft Graph knows.
return {
   name = "directory",
   needs = { "login" },
   run = function(c)
      local found = c.graph:applications_tagged("acihost:" .. c.marker)
      if #found == 1 then return "ok", ("application %s (%s)"):format(found[1].displayName, found[1].appId) end
      if #found == 0 then return "note", "no application of this set-up yet", "setup.lua makes it" end
      return "wrong", ("%d applications carry this set-up's tag"):format(#found),
         "delete all but the one whose id the block aci-sp holds"
   end,
}
