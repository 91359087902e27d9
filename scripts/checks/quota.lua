-- What Container Instances still allows in the location.
return {
   name = "quota",
   needs = { "subscription" },
   run = function(c)
      local usages = c.azure:list(("providers/Microsoft.ContainerInstance/locations/%s/usages"):format(
         c.config.location))
      local shown, full = {}, nil
      for _, usage in ipairs(usages) do
         local name = usage.name.value
         if name == "ContainerGroups" or name == "StandardCores" then
            shown[#shown + 1] = ("%s %d of %d"):format(name, usage.currentValue, usage.limit)
            if usage.currentValue >= usage.limit then full = name end
         end
      end
      local seen = ("%s: %s"):format(c.config.location, table.concat(shown, ", "))
      if not full then return "ok", seen end
      return "wrong", seen, "no container group starts until others end; ask Azure's support to raise " .. full
   end,
}
