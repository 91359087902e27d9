-- The container group of the agent runs.
local function last_event(view)
   local events = view and view.events or {}
   local last = events[#events]
   return last and ("; %s: %s"):format(last.name or "?", last.message or "") or ""
end

return {
   name = "agent",
   needs = { "subscription" },
   run = function(c)
      local group = c.azure:get(c.azure:group_id() .. "/providers/Microsoft.ContainerInstance/containerGroups/"
         .. c.config.agent)
      if not group then return "note", "no agent yet", "setup.lua makes it" end
      local view = group.properties.containers[1].properties.instanceView or {}
      local now = view.currentState or {}
      local seen = ("%s is %s, started anew %d times"):format(c.config.agent, now.state or "unknown",
         view.restartCount or 0)
      if now.state == "Running" then return "ok", seen end
      local stopped = (group.properties.instanceView or {}).state == "Stopped"
      return "wrong", seen .. last_event(view), stopped and "setup.lua starts it again"
         or "acihost logs.lua --agent shows what it wrote"
   end,
}
