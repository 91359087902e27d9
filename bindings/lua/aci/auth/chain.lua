-- Which credential is used where the settings leave it open: the chain of Azure's SDKs in their order
-- (azure/auth.md 3.1), and AZURE_TOKEN_CREDENTIALS, which pins a part of it or one of it.
local azure_cli = require "aci.auth.azure_cli"
local certificate = require "aci.auth.certificate"
local client_secret = require "aci.auth.client_secret"
local device_code = require "aci.auth.device_code"
local error_ = require "aci.error"
local federated = require "aci.auth.federated"
local identity = require "aci.auth.identity"
local process = require "aci.process"
local term = require "aci.term"
local trace = require "aci.trace"
local unavailable = require "aci.auth.unavailable"

local chain = {}

local function needs(config, names)
   local missing = {}
   for _, name in ipairs(names) do
      if not config[name] then missing[#missing + 1] = name end
   end
   if #missing > 0 then unavailable.raise("not set: " .. table.concat(missing, ", ")) end
end

-- Each link: its name, its name in AZURE_TOKEN_CREDENTIALS, the group it belongs to, and what makes its fetch;
-- that raises where this machine does not offer it.
local links = {
   { name = "client secret", pin = "environmentcredential", group = "prod", open = function(config)
      needs(config, { "tenant", "client_id", "client_secret" })
      return client_secret.source(config, config)
   end },
   { name = "client certificate", pin = "environmentcredential", group = "prod", open = function(config)
      needs(config, { "tenant", "client_id", "client_certificate" })
      return certificate.source(config, { tenant = config.tenant, client_id = config.client_id,
         certificate = config.client_certificate, password = config.client_certificate_password,
         send_chain = config.send_certificate_chain })
   end },
   { name = "workload identity", pin = "workloadidentitycredential", group = "prod", open = function(config)
      needs(config, { "tenant", "client_id", "federated_token_file" })
      return federated.source(config, { tenant = config.tenant, client_id = config.client_id,
         token_file = config.federated_token_file })
   end },
   { name = "managed identity", pin = "managedidentitycredential", group = "prod", open = function(config, how)
      local wait = how.pinned and 90 or how.patience
      if not how.pinned and not identity.probe(config, how.environment, wait) then
         unavailable.raise("no metadata service answers: this is no machine of Azure's")
      end
      return identity.source(config, { client_id = config.client_id, environment = how.environment, wait = 90 })
   end },
   { name = "az", pin = "azureclicredential", group = "dev", open = function(config)
      if not azure_cli.installed() then unavailable.raise "az is not installed" end
      return azure_cli.source(config, { tenant = config.tenant })
   end },
   { name = "device code", pin = "devicecodecredential", group = "ask", open = function(config, how)
      if not how.pinned and not how.terminal then unavailable.raise "there is no terminal to show a code on" end
      return device_code.source(config, { tenant = config.tenant })
   end },
}

-- Names of the SDKs for what does not exist here.
local foreign = { visualstudiocodecredential = true, azuredeveloperclicredential = true,
   azurepowershellcredential = true, interactivebrowsercredential = true }

--- The links that a value of AZURE_TOKEN_CREDENTIALS leaves (nil: all of them). nil and why not for a value that
-- means none.
function chain.select(pin)
   local word = pin and pin:lower():match "^%s*(.-)%s*$" or ""
   local kept = {}
   for _, link in ipairs(links) do
      if word == "" or link.pin == word or link.group == word then kept[#kept + 1] = link end
   end
   if #kept > 0 then return kept, word ~= "" and word ~= "prod" and word ~= "dev" end
   return nil, foreign[word] and "names a credential of the SDKs that acihost does not have"
      or "is none of: prod, dev, EnvironmentCredential, WorkloadIdentityCredential, ManagedIdentityCredential, "
      .. "AzureCliCredential, DeviceCodeCredential"
end

-- How long a silent metadata service is waited for: where nothing else can come, and the more where the settings
-- name an identity; its endpoint may start half a minute after the group.
local function patience(config, kept)
   local last = kept[#kept]
   local others = last.group ~= "prod" and (azure_cli.installed() or term.isatty "stdin")
   return others and 0 or config.client_id and 60 or 6
end

local function nothing(reasons)
   local lines = {}
   for index, reason in ipairs(reasons) do lines[index] = ("%s: %s"):format(reason.name, reason.message) end
   return error_.raise { kind = "auth", code = "NoCredential", details = reasons,
      message = "no credential for Azure was found (" .. table.concat(lines, "; ") .. ")",
      advice = #reasons == 1 and reasons[1].advice or "set tenant, client_id and client_secret (AZURE_TENANT_ID, "
         .. "AZURE_CLIENT_ID, AZURE_CLIENT_SECRET), or run: az login" }
end

-- Opened once, however many services are asked for at the same time: a person is shown one code.
local function try(link, config, how, scope)
   local fetch
   local ok, token, ends, renew_on = pcall(function()
      fetch = how.opened[link] or link.open(config, how)
      how.opened[link] = fetch
      return fetch(scope)
   end)
   if ok then
      trace.decision("credential: %s is used", link.name)
      return fetch, token, ends, renew_on
   end
   if not unavailable.is(token) then error(token, 0) end
   trace.decision("credential: not %s: %s", link.name, token.message)
   return nil, { name = link.name, message = token.message, advice = token.advice }
end

--- The credentials that may be used, in words.
function chain.names(kept)
   local names = {}
   for index, link in ipairs(kept) do names[index] = link.name end
   return table.concat(names, ", ")
end

--- `fetch(scope) -> token, expires_on` of the first link that this machine offers; that one is used from then on.
-- A link that is offered and refused ends the search: somebody meant it. `options`: environment, wait
-- (seconds for a silent metadata service), found(name).
function chain.source(config, options)
   local kept, pinned = chain.select(config.credentials)
   if not kept then
      error_.raise { kind = "usage", code = "InvalidSetting",
         message = ("credentials (AZURE_TOKEN_CREDENTIALS) %q %s"):format(config.credentials, pinned) }
   end
   local how = { pinned = pinned, opened = {}, environment = options.environment or process.environment(),
      terminal = term.isatty "stdin" and term.isatty "stderr", patience = options.wait or patience(config, kept) }
   local chosen
   return function(scope)
      if chosen then return chosen(scope) end
      local reasons = {}
      for _, link in ipairs(kept) do
         local fetch, token, ends, renew_on = try(link, config, how, scope)
         if fetch then
            chosen = fetch
            if options.found then options.found(link.name) end
            return token, ends, renew_on
         end
         reasons[#reasons + 1] = token
      end
      nothing(reasons)
   end, kept
end

return chain
