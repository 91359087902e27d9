--- An application registration in Entra ID. Display names are not unique there, and tools that take the
-- first one of a name have destroyed other people's credentials: ours is the one with our tag.
local errors = require "aci.error"

local application = {}

local function tag(c) return "acihost:" .. c.marker end

function application.label(thing) return "application " .. thing.name end

--- Ours by its tag; with --adopt also the only one of its name.
function application.read(c, thing)
   local ours = c.graph:applications_tagged(tag(c))[1]
   if ours or not c.adopt then return ours end
   local named = c.graph:applications_named(thing.name)
   return #named == 1 and named[1] or nil
end

--- The group that an application of another set-up of ours belongs to, in words; nil for somebody else's.
local function owner(c, app)
   for _, each in ipairs(app.tags or {}) do
      local subscription, group = each:match "^acihost:([^/]+)/(.+)$"
      if group then
         return subscription == c.config.subscription and "group " .. group
            or ("group %s of the subscription %s"):format(group, subscription)
      end
   end
end

local function refuse_other_group(thing, group)
   errors.raise { kind = "conflict", code = "ApplicationNotOurs",
      message = ("the application %s belongs to the set-up of the %s"):format(thing.name, group),
      advice = ("set principal to another name in config.lua; --adopt would take it away from the %s"):format(group) }
end

--- A second one of the name would be made beside somebody else's: that is refused.
function application.check(c, thing)
   local named = c.graph:applications_named(thing.name)
   if #named == 0 or (c.adopt and #named == 1) then return end
   local group = #named == 1 and owner(c, named[1])
   if group then refuse_other_group(thing, group) end
   errors.raise { kind = "conflict", code = "ApplicationNotOurs",
      message = ("%d application%s named %s there already, not made by this set-up"):format(#named,
         #named == 1 and " is" or "s are", thing.name),
      advice = "set principal to another name in config.lua"
         .. (#named == 1 and ", or take it over with --adopt" or "") }
end

--- Its ids stay when it gets our tag.
function application.stays() return true end

function application.differs(c, _, current)
   for _, each in ipairs(current.tags or {}) do
      if each == tag(c) then return {} end
   end
   return { { path = "tags", old = "none of ours", new = tag(c) } }
end

function application.write(c, thing, current)
   if not current then
      return c.graph:create_application { displayName = thing.name, tags = { tag(c) } }
   end
   local tags = { tag(c) }
   for _, each in ipairs(current.tags or {}) do tags[#tags + 1] = each end
   c.graph:update_application(current.id, { tags = tags })
   return current
end

--- Entra keeps what is deleted for 30 days: the application and its principal go for good.
function application.remove(c, _, current)
   local principal = c.graph:service_principal(current.appId)
   c.graph:delete_application(current.id)
   if principal then c.graph:purge(principal.id) end
   return c.graph:purge(current.id)
end

return application
