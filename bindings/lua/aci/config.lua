-- The settings: defaults, config.lua, the environment, what the script was given; checked before any
-- request is made. `aci.config.settings` is the list, `aci.config.rules` what each may hold.
local clouds = require "aci.auth.clouds"
local environment = require "aci.config.environment"
local error_ = require "aci.error"
local fs = require "aci.fs"
local nearest = require "aci.nearest"
local process = require "aci.process"
local secret = require "aci.secret"
local settings = require "aci.config.settings"

local config = {}

local by_name, names = {}, {}
for _, setting in ipairs(settings) do
   by_name[setting.name] = setting
   names[#names + 1] = setting.name
end

-- Values that only a script can give: the transport (tests), a credential, how long polls wait.
local from_scripts_only = { http = true, credential = true, poll = true, prefect_pause = true,
   prefect_tries = true, prefect_http = true }

local function usage(message, details, advice)
   return error_.raise { kind = "usage", code = "InvalidSetting", message = message,
      details = details, advice = advice }
end

local function has_word(name, word)
   return ("_%s_"):format(name):find(("_%s_"):format(word), 1, true) ~= nil
end

--- The setting that was meant: one that is spelt almost so, or the first that has the word in its name, or is one
-- of its words.
local function meant(name)
   local near = nearest(name, names)
   for _, each in ipairs(near and {} or names) do
      if has_word(each, name) or has_word(name, each) then return each end
   end
   return near
end

local function check_names(values, where)
   for name in pairs(values) do
      if not by_name[name] and not from_scripts_only[name] then
         local near = type(name) == "string" and meant(name)
         usage(("%s has an unknown setting %q"):format(where, tostring(name)), nil,
            near and ("did you mean %s?"):format(near) or nil)
      end
   end
end

--- ./config.lua, else the one beside the script.
local function find_file(script)
   if fs.stat "config.lua" then return "config.lua" end
   local folder = script and script:match "^(.*)/[^/]*$"
   local beside = folder and folder .. "/config.lua"
   return beside and fs.stat(beside) and beside or nil
end

local function read_file(path)
   if not path then return {} end
   local chunk, why = loadfile(path, "t")
   if not chunk then usage("the settings file cannot be read: " .. why) end
   local ran, values = pcall(chunk)
   if not ran then usage("the settings file fails: " .. tostring(values):match "^[^\n]*") end
   if type(values) ~= "table" then
      usage(path .. " has to return a table of settings", nil, 'for example: return { location = "northeurope" }')
   end
   check_names(values, path)
   return values
end

--- The environment's value of a setting, where from, and a note when two names disagree.
local function from_environment(setting, variables)
   local value, from, note
   for _, name in ipairs(setting.env) do
      local found = variables[name]
      if found and not from then
         value, from = found, name
      elseif found and found ~= value then
         note = ("%s and %s differ; %s is used"):format(from, name, from)
      end
   end
   return value, from, note
end

local function pick(setting, sources, notes)
   local name = setting.name
   if sources.overrides[name] ~= nil then return sources.overrides[name], "the script" end
   local value, variable, note = from_environment(setting, sources.environment)
   if note then notes[#notes + 1] = note end
   if value ~= nil then return value, "the environment, " .. variable end
   if sources.file[name] ~= nil then return sources.file[name], sources.path end
   if setting.default ~= nil then return setting.default, "default" end
end

--- Checks one value: the value in the form that is kept, or nil and why not.
local function check(setting, value, so_far)
   local plain = secret.is(value) and secret.reveal(value) or value
   local is_boolean = setting.rule == by_name.any_location.rule or setting.on_request and type(plain) == "boolean"
   if is_boolean then return setting.rule(plain) end
   if setting.number and type(plain) == "number" then plain = ("%.14g"):format(plain) end
   if setting.map and type(plain) == "table" then return setting.rule(plain) end
   if type(plain) ~= "string" then
      local wanted = setting.map and "a table" or setting.number and "a number" or "text"
      return nil, ("has to be %s, not a %s"):format(wanted, type(plain))
   elseif plain == "" then
      return nil, "is empty"
   end
   local kept, why = setting.rule(plain, so_far)
   if kept == nil then return nil, why end
   return setting.secret and secret.new(kept) or kept
end

local function shown(setting, value)
   if setting.secret or type(value) ~= "string" or value == "" then return "" end
   return (" %q"):format(#value > 60 and value:sub(1, 57) .. "..." or value)
end

local function where_to_set(setting, from)
   local variable = from and from:match "^the environment, (.+)$"
   if variable then return ("correct %s in the environment"):format(variable) end
   variable = setting.env[1]
   return ("set %s in config.lua"):format(setting.name)
      .. (variable and (" or %s in the environment"):format(variable) or "")
end

local function fault_of(setting, value, from, why)
   return {
      setting = setting.name, why = why, from = from, example = setting.example,
      message = ("%s%s %s (from %s); for example: %s"):format(
         setting.name, shown(setting, value), why, from, setting.example),
      advice = where_to_set(setting, from),
   }
end

local function missing(name, why)
   local setting = by_name[name]
   return {
      setting = name, why = why, example = setting.example,
      message = ("%s is missing: %s; for example: %s"):format(name, why, setting.example),
      advice = where_to_set(setting),
   }
end

--- What only shows when the settings are seen together.
local function check_together(c, need, faults)
   local function want(name, why)
      if c[name] == nil then faults[#faults + 1] = missing(name, why) end
   end
   if c.cloud == "azure" then
      for _, name in ipairs(need) do want(name, "it has to be given when cloud is azure") end
      if c.client_secret then
         want("client_id", "client_secret is given, and a secret belongs to a client")
         want("tenant", "client_secret is given, and a client belongs to a tenant")
      end
      if c.client_certificate then
         want("client_id", "client_certificate is given, and a certificate belongs to a client")
         want("tenant", "client_certificate is given, and a client belongs to a tenant")
      end
   end
   if c.prefect_url and c.prefect_url:find "^https://api%.prefect%.cloud" then
      want("prefect_key", "Prefect Cloud asks for a key")
   end
end

local function raise_faults(faults)
   if #faults == 0 then return end
   local lines = {}
   for i, fault in ipairs(faults) do
      lines[i] = fault.message .. (#faults > 1 and "; " .. fault.advice or "")
   end
   local head = #faults == 1 and "wrong setting: " or ("%d wrong settings:\n  "):format(#faults)
   usage(head .. table.concat(lines, "\n  "), faults, #faults == 1 and faults[1].advice or nil)
end

--- Fills the names that the original left to its reader: from the subscription and the group, so
--- that they are the same every time and nobody else's. Needs a known subscription.
function config.derive(c)
   if not c.subscription then return c end
   local unique
   for _, setting in ipairs(settings) do
      local wanted = not setting.on_request and not c[setting.name] or setting.on_request and c[setting.name] == true
      if setting.derived and wanted then
         unique = unique or require("aci.template").unique_string(c.subscription, c.group)
         c[setting.name] = setting.derived .. unique
         c.from[setting.name] = "derived from the subscription and the group"
      end
   end
   return c
end

local addresses = { "authority", "arm_endpoint", "graph_endpoint", "vault_suffix", "storage_suffix",
   "registry_suffix" }

--- The addresses of the cloud that is named, or whose login host is: those that nobody set. The local cloud plays
-- the public one only.
local function take_addresses(c)
   local named = c.azure_cloud and clouds.named(c.azure_cloud)
   local found = named or clouds.of_authority(c.authority) or clouds.public
   if c.cloud == "local" then
      if found ~= clouds.public then
         c.notes[#c.notes + 1] = ("the local cloud plays AzureCloud; %s is left aside"):format(found.name)
         c.authority, c.from.authority = clouds.public.authority, "the local cloud"
      end
      return
   end
   for _, name in ipairs(addresses) do
      if c.from[name] == "default" and found ~= clouds.public then
         c[name], c.from[name] = found[name], found.name
      end
   end
end

local function gather(overrides, options)
   check_names(overrides, "config.load")
   local path = options.file
   if path == nil then path = find_file(options.script or (arg and arg[0])) end
   return {
      overrides = overrides, path = path or nil, file = read_file(path or nil),
      environment = options.environment or process.environment(),
   }
end

--- Loads and checks the settings. `overrides` win over the environment, that over config.lua, that
--- over the defaults. `options`: `file` (a path, or false for none), `script` (for the config.lua
--- beside it), `environment` (a map), `need` (what `cloud = "azure"` requires; default subscription and
--- prefect_url). Raises kind usage, naming every wrong setting. `from` of the result says where each
--- value came from, `notes` what the user should know.
function config.load(overrides, options)
   overrides, options = overrides or {}, options or {}
   local sources = gather(overrides, options)
   local c, faults = { from = {}, notes = environment.notes(sources.environment), file = sources.path }, {}
   for _, setting in ipairs(settings) do
      local value, from = pick(setting, sources, c.notes)
      if value ~= nil then
         local kept, why = check(setting, value, c)
         if kept == nil then faults[#faults + 1] = fault_of(setting, value, from, why) end
         c[setting.name], c.from[setting.name] = kept, from
      end
   end
   for name in pairs(from_scripts_only) do c[name] = overrides[name] end
   if #faults == 0 then take_addresses(c) end
   if #faults == 0 then check_together(c, options.need or { "subscription", "prefect_url" }, faults) end
   raise_faults(faults)
   return config.derive(c)
end

return config
