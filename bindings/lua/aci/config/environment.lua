-- The variables that begin with ACIHOST_: a misspelt one sets nothing, and nobody would say so.
local nearest = require "aci.nearest"
local settings = require "aci.config.settings"

local environment = {}

-- Those that are no settings: of the program, of its own processes, of the specs.
environment.others = { "ACIHOST_CLAIM", "ACIHOST_DUMPABLE", "ACIHOST_FUZZ_SECONDS", "ACIHOST_LUA", "ACIHOST_PEERS",
   "ACIHOST_REGISTRY_PASSWORD", "ACIHOST_REQUIRE_WITNESSES", "ACIHOST_SANITIZED", "ACIHOST_TESTS" }

local known, suffixes, usual = {}, {}, {}

local function know(name)
   known[name] = true
   suffixes[#suffixes + 1] = name:match "^ACIHOST_(.+)$"
end

for _, name in ipairs(environment.others) do know(name) end
for _, setting in ipairs(settings) do
   usual[setting.name:upper()] = setting.env[1]
   for _, name in ipairs(setting.env) do know(name) end
end

--- The variable that was meant: the usual one of a setting of that name, one that is spelt almost so, or one that
-- has the word in its name.
local function meant(suffix)
   local near = nearest(suffix, suffixes)
   if usual[suffix] or near then return usual[suffix] or "ACIHOST_" .. near end
   for _, each in ipairs(suffixes) do
      if ("_%s_"):format(each):find(("_%s_"):format(suffix), 1, true) then return "ACIHOST_" .. each end
   end
end

--- What the user should know about the variables that are set, in order of their names.
function environment.notes(variables)
   local notes = {}
   for name in pairs(variables) do
      local suffix = name:match "^ACIHOST_(.+)$"
      local near = suffix and not known[name] and meant(suffix:upper())
      if suffix and not known[name] then
         notes[#notes + 1] = ("%s is no setting%s"):format(name, near and ("; did you mean %s?"):format(near) or "")
      end
   end
   table.sort(notes)
   return notes
end

return environment
