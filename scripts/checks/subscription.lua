return {
   name = "subscription",
   needs = { "login" },
   run = function(c)
      local id = "/subscriptions/" .. c.config.subscription
      local found = c.azure:get(id, "2022-12-01")
      if not found then return "wrong", "there is no " .. id, "correct AZURE_SUBSCRIPTION_ID, or sign in elsewhere" end
      local seen = ("%s, %s"):format(found.displayName or "?", found.state or "?")
      if found.state ~= "Enabled" then return "wrong", seen, "a subscription in this state takes no writes" end
      return "ok", seen
   end,
}
