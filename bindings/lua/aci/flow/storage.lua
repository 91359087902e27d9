--- The blob storage that flow code comes from, and how it comes.

local auth   = require "aci.auth"
local blob   = require "aci.blob"
local fail   = require "aci.error"
local fs     = require "aci.fs"
local json   = require "aci.json"
local secret = require "aci.secret"

local storage = {}

function storage.problem(message, advice)
   fail.raise { kind = "failed", code = "flow_code", message = message, advice = advice }
end

local function given(value)
   if value == json.null or value == "" then return nil end
   return value
end

storage.given = given

local function plain(value)
   return secret.is(value) and secret.reveal(value) or value
end

--- "AccountName=a;AccountKey=b==" as a map.
local function connection(text)
   local map = {}
   for name, value in plain(text):gmatch "%s*([%w]+)=([^;]*)" do map[name] = value end
   return map
end

--- Another service, or another address of it, than the settings' own.
local function at(config, url, account)
   url = url:gsub("/+$", "")
   local usual = url == ("https://%s.blob.%s"):format(account, config.storage_suffix)
   return usual and config or setmetatable({ blob_endpoint = url }, { __index = config })
end

-- The account's key, or a SAS in its place; the account is named by itself or by its host.
local function by_connection(config, text)
   local parts = connection(text)
   local account = parts.AccountName or (parts.BlobEndpoint or ""):match "^https?://([%w%-]+)%."
   local signature = parts.SharedAccessSignature
   local key = parts.AccountKey or signature and "?" .. signature:gsub("^%?", "")
   if not account or not key then
      storage.problem "the connection string has no account name, or neither a key nor a SharedAccessSignature"
   end
   local url = parts.BlobEndpoint or ("%s://%s.blob.%s"):format(parts.DefaultEndpointsProtocol or "https",
      account, parts.EndpointSuffix or config.storage_suffix)
   return blob.connect(at(config, url, account), account, secret.new(key))
end

--- As an application where all of it is given, else as the container's managed identity or whoever is signed in.
local function by_url(config, data)
   local url = given(data.account_url)
   local account = url:match "^https?://([%w%-]+)"
   local client = given(data.client_id)
   local login = client and auth.client_secret(config, { tenant = plain(data.tenant_id), client_id = plain(client),
      client_secret = data.client_secret }) or auth.credential(config)
   return blob.connect(at(config, url, account), account, login)
end

--- The account that Prefect's credentials for blobs mean: `connection_string`, else `account_url` with an
-- application (`tenant_id`, `client_id`, `client_secret`) or without.
function storage.open(config, credentials)
   if type(credentials) ~= "table" then storage.problem "the credentials of the storage are not a block's data" end
   local text = given(credentials.connection_string)
   if text then return by_connection(config, text) end
   if given(credentials.account_url) then return by_url(config, credentials) end
   storage.problem "the credentials of the storage have neither a connection string nor an account's address"
end

--- A path of a blob that stays inside the folder it is written to.
function storage.safe(path)
   return path ~= "" and path:sub(1, 1) ~= "/" and not ("/" .. path .. "/"):find("/../", 1, true)
end

--- Every blob below a prefix, into a folder. @return how many
function storage.download(store, container, prefix, into)
   local count = 0
   for _, each in ipairs((store:list(container, { prefix = prefix }))) do
      local path = each.name:sub(#prefix + 1):gsub("^/", "")
      if storage.safe(path) and path:sub(-1) ~= "/" then
         local folder = path:match "^(.*)/"
         if folder then assert(fs.mkdir(into .. "/" .. folder)) end
         store:download(container, each.name, into .. "/" .. path)
         count = count + 1
      end
   end
   if count == 0 then storage.problem(("no code in %s/%s"):format(container, prefix)) end
   return count
end

return storage
