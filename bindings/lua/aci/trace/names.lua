--- Where services keep secrets: the names of their members, headers, form fields and addresses.
local names = {}

local function set(words)
   local found = {}
   for word in words:gmatch "%S+" do
      found[word] = true
   end
   return found
end

-- Of JSON, without regard to case, "_" and "-": as they are, and what names end with.
local members = set [[assertion clientassertion secret securevalue sharedkey primarykey secondarykey privatekey
   masterkey devicecode authstring prefectapiauthstring sas sastoken controlkey]]
local endings = { "password", "secret", "secrettext", "token", "apikey", "accountkey", "accesskey", "storagekey",
   "connectionstring" }

--- Is the value of a member of this name secret?
function names.is_secret_member(name)
   local plain = name:lower():gsub("[_%-%. ]", "")
   if members[plain] then
      return true
   end
   for _, ending in ipairs(endings) do
      if plain:sub(-#ending) == ending then
         return true
      end
   end
   return false
end

--- Of a member whose value is no secret elsewhere, though here it is called one.
function names.is_public_member(name)
   local plain = name:lower()
   return plain:find "_id$" ~= nil or plain:find "account_name$" ~= nil or plain:find "container$" ~= nil
end

local headers = set [[authorization proxy-authorization cookie set-cookie x-identity-header secret
   x-ms-copy-source-authorization]]

--- Of headers, `name` in lower case.
function names.is_secret_header(name)
   return headers[name] or name:find "[%-_]key$" ~= nil or name:find "token" ~= nil or name:find "secret" ~= nil
      or name:find "^x%-ms%-.*key" ~= nil and not name:find "sha256$"
end

local fields = set "client_secret client_assertion assertion password code refresh_token device_code access_token"

--- Of a form, as OAuth names them.
function names.is_secret_field(name)
   return fields[name] or names.is_secret_member(name)
end

--- "secureString", "SecureObject": what a template says of a parameter or an output.
function names.is_secure_type(kind)
   return type(kind) == "string" and kind:lower():find "^secure" ~= nil
end

function names.is_vault_secret(kind)
   return type(kind) == "string" and kind:lower() == "microsoft.keyvault/vaults/secrets"
end

--- A secret in Key Vault itself: https://NAME.vault.azure.net/secrets/NAME, in whichever cloud.
function names.is_vault_address(url)
   local host, path = url:match "^%a+://([^/?#]+)([^?#]*)"
   return host ~= nil and host:lower():find "%.vault%." ~= nil and path:lower():find "^/+secrets/" ~= nil
end

--- The same secret as a resource of ARM.
function names.is_vault_resource_address(url)
   return url:lower():find "/microsoft%.keyvault/vaults/[^/]+/secrets/" ~= nil
end

return names
