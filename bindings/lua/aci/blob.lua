-- Blob storage: containers, blobs, lists, uploads and downloads, by account key (Shared Key), by token, or by the
-- address with a signature (SAS) that somebody with the key made.
-- `config.blob_endpoint` may name another service with the account in its path (Azurite:
-- http://127.0.0.1:10000/devstoreaccount1); else the account's own host is used.
local answers = require "aci.blob.answers"
local clock = require "aci.clock"
local crypto = require "aci.crypto"
local error_ = require "aci.error"
local fs = require "aci.fs"
local http = require "aci.http"
local sas = require "aci.blob.sas"
local shared_key = require "aci.auth.shared_key"
local task = require "aci.task"
local upload = require "aci.blob.upload"

local blob = {}

-- Known to Azure, to Azurite 3.35 and 3.37 and to our own cloud.
blob.VERSION = "2023-11-03"

local Store = {}
Store.__index = Store
Store.__tostring = function(self) return "Blob storage: " .. self.endpoint end

local function default_endpoint(config, account)
   return ("https://%s.blob.%s"):format(account, config.storage_suffix)
end

--- The transport: without a limit for the whole of a request, since a file may be large (a stalled one still
-- ends). An endpoint of the user's own is not part of the local cloud, so it is reached directly.
local function transport_for(config, own_endpoint)
   if config.http then return config.http end
   if not own_endpoint then
      return http.client { connect_timeout = 15, connect_to = config.connect_to, ca_file = config.ca_file }
   end
   return http.client { connect_timeout = 15, ca_file = not config.connect_to and config.ca_file or nil }
end

--- How a client proves itself: {credential}, {sas} or {signer}.
local function login_by(account, key)
   if type(key) == "table" and key.token ~= nil then return { credential = key } end
   if not sas.is(key) then return { signer = shared_key.new { account = account, key = key } } end
   local given = sas.read(key)
   if given.account and account and given.account ~= account then
      error_.raise { kind = "usage", code = "InvalidSetting",
         message = ("the SAS is for the storage account %s, not for %s"):format(given.account, account) }
   end
   return { sas = given }
end

--- A client of an account's blobs. `account` defaults to the settings', `key` to their storage_key; instead
-- of a key a credential (aci.auth) may be given: then its tokens are used, and it needs a data role; or a SAS: its
-- query, or an address with it, which names the account too.
function blob.connect(config, account, key)
   require("aci.local").settle(config)
   local named = account
   account, key = account or config.storage_account, key or config.storage_key
   if not key then
      error_.raise { kind = "usage", code = "InvalidSetting",
         message = "no key for the storage account " .. account,
         advice = "give azure:storage_key(account), a credential, or set storage_key (AZURE_STORAGE_KEY)" }
   end
   local login = login_by(sas.is(key) and named or account, key)
   local given = login.sas or {}
   account = given.account or account
   local usual = default_endpoint(config, account)
   local endpoint = given.endpoint or config.blob_endpoint or usual
   return setmetatable({ account = account, endpoint = endpoint, config = config, credential = login.credential,
      signer = login.signer, given = login.sas, transport = transport_for(config, endpoint ~= usual) }, Store)
end

--- The address of a container or blob, with the query in a fixed order and fully encoded.
local function address(self, container, name, query)
   local url = self.endpoint .. "/" .. container
   if name then url = url .. "/" .. http.escape(name, "/") end
   local names, pairs_of = {}, {}
   for key in pairs(query or {}) do names[#names + 1] = key end
   table.sort(names)
   for i, key in ipairs(names) do pairs_of[i] = key .. "=" .. http.escape(tostring(query[key])) end
   return #names > 0 and url .. "?" .. table.concat(pairs_of, "&") or url
end

--- The address as it is sent: with the SAS, where that is the way in.
local function whole(self, url)
   return self.given and url .. (url:find("?", 1, true) and "&" or "?") .. self.given.query or url
end

local function length_of(body)
   if body == nil then return 0 end
   if type(body) == "table" then return assert(fs.stat(body.file)).size end
   return #body
end

--- Authorises: the last step before a request is sent, when nothing changes any more.
local function authorise(self, method, url, headers, body)
   if self.given then return headers end
   if self.credential then
      headers["x-ms-date"] = clock.http_date(clock.now())
      headers.authorization = "Bearer " .. self.credential:token "https://storage.azure.com/.default"
      return headers
   end
   -- Signed, but sent by the transport itself.
   headers["content-length"] = method == "PUT" and tostring(length_of(body)) or nil
   self.signer:sign(method, url, headers)
   headers["content-length"] = nil
   return headers
end

local conditions = { if_match = "if-match", if_none_match = "if-none-match",
   if_modified_since = "if-modified-since", if_unmodified_since = "if-unmodified-since" }

local function headers_for(options, more)
   local headers = { ["x-ms-version"] = blob.VERSION, ["x-ms-client-request-id"] = crypto.uuid4() }
   for option, header in pairs(conditions) do headers[header] = options[option] end
   for name, value in pairs(options.metadata or {}) do headers["x-ms-meta-" .. name:lower()] = value end
   for name, value in pairs(more or {}) do headers[name] = value end
   return headers
end

--- One request. `request`: method, container, name, query, headers, options (conditions, metadata), body,
-- sink, accept (a set of statuses that are answers). Raises the service's refusal.
function Store:send(request)
   local url = address(self, request.container, request.name, request.query)
   local headers = headers_for(request.options or {}, request.headers)
   local body = request.body or (request.method == "PUT" and "" or nil)
   local response, why = self.transport:request {
      method = request.method, url = whole(self, url), body = body, sink = request.sink, max_body = request.max_body,
      headers = authorise(self, request.method, url, headers, body),
      retry = { tries = 5, max_wait = 60 },
   }
   if not response then error(why, 0) end
   if response.status >= 400 and not (request.accept and request.accept[response.status]) then
      error(answers.refusal(response, request.method, url, self.given and self.given.facts), 0)
   end
   return response
end

local container_query = { restype = "container" }

--- Makes a container. True when it is new, false when it was there. One that is being deleted is waited for
-- (Azure keeps its name for half a minute).
function Store:create_container(container)
   local deadline, pause = clock.monotonic() + 90, (self.config.poll or { first = 2 }).first
   while true do
      local response = self:send { method = "PUT", container = container, query = container_query,
         accept = { [409] = true } }
      if response.status ~= 409 then return true end
      local err = answers.refusal(response, "PUT", self.endpoint .. "/" .. container, self.given and self.given.facts)
      if err.code == "ContainerAlreadyExists" then return false end
      if err.code ~= "ContainerBeingDeleted" or clock.monotonic() > deadline then error(err, 0) end
      task.sleep(pause)
   end
end

--- Whether a container exists.
function Store:container_exists(container)
   return self:send({ method = "HEAD", container = container, query = container_query,
      accept = { [404] = true } }).status ~= 404
end

--- Deletes a container with all its blobs. True when it was there.
function Store:delete_container(container)
   return self:send({ method = "DELETE", container = container, query = container_query,
      accept = { [404] = true } }).status ~= 404
end

--- Writes a blob of some bytes (a string or a secret). `options`: content_type, metadata (names as in C),
-- if_match, if_none_match ("*": only when it is new), ... Gives `{etag, last_modified, md5}`.
function Store:put(container, name, data, options)
   options = options or {}
   return answers.written(self:send {
      method = "PUT", container = container, name = name, options = options, body = data,
      headers = { ["x-ms-blob-type"] = "BlockBlob", ["content-md5"] = crypto.base64(crypto.md5(data)),
         ["content-type"] = options.content_type or "application/octet-stream" },
   })
end

--- Writes a blob from a file: in one request, or in blocks where it is larger than `options.single` bytes
-- (default 64 MiB; blocks of `options.block`, default 8 MiB, `options.at_once` of them, default 4). Further
-- options as for put(). The file is never held in memory as a whole.
function Store:upload(container, name, path, options)
   return upload.file(self, container, name, path, options or {})
end

--- The bytes of a blob and what is known of it; no bytes when `options.if_none_match` names the ETag that
-- it still has. Raises kind not_found, or conflict when `options.if_match` does not hold. `options.max`
-- bounds its size (default 64 MiB).
function Store:get(container, name, options)
   options = options or {}
   local response = self:send { method = "GET", container = container, name = name, options = options,
      max_body = options.max }
   return response.status ~= 304 and response.body or nil, answers.properties(response)
end

--- Writes a blob to a file, which appears only when it is whole. Gives what properties() gives.
function Store:download(container, name, path, options)
   return answers.properties(self:send { method = "GET", container = container, name = name,
      options = options, sink = { file = path } })
end

--- What is known of a blob: `{size, etag, last_modified, content_type, md5, metadata}`, or nil.
function Store:properties(container, name)
   local response = self:send { method = "HEAD", container = container, name = name,
      accept = { [404] = true } }
   return response.status ~= 404 and answers.properties(response) or nil
end

--- Deletes a blob. True when it was there.
function Store:delete(container, name, options)
   return self:send({ method = "DELETE", container = container, name = name, options = options,
      accept = { [404] = true } }).status ~= 404
end

--- The blobs of a container, through all pages, as `{name, size, etag, last_modified, content_type, md5,
-- metadata}`, and the prefixes when there is a delimiter. `options`: prefix, delimiter, page (how many a
-- request asks for), metadata (true: with it).
function Store:list(container, options)
   options = options or {}
   local blobs, prefixes, marker = {}, {}, nil
   repeat
      local response = self:send { method = "GET", container = container, query = {
         restype = "container", comp = "list", prefix = options.prefix, delimiter = options.delimiter,
         maxresults = options.page, include = options.metadata and "metadata" or nil, marker = marker,
      } }
      marker = answers.page(response, blobs, prefixes)
   until not marker
   return blobs, prefixes
end

--- The address of a container (`name` nil) or blob with a signature that lets whoever has it do what `options`
-- say, for a time, without the key: a secret. `options`: permissions (letters; default "r", of a container "rl"),
-- expires (epoch seconds or "2030-01-01T00:00:00Z"; default in an hour), starts (leave it out: clocks differ), ip (an
-- address or "from-to"), protocol ("https" or "https,http"), and what the answers shall say of the blob:
-- cache_control, content_disposition, content_encoding, content_language, content_type.
function Store:sas(container, name, options)
   if not self.signer then
      error_.raise { kind = "usage", code = "NoKey",
         message = ("a SAS is signed with the account's key, and this client of %s has none"):format(self.account),
         advice = "connect with azure:storage_key(account)" }
   end
   local place = { version = blob.VERSION, endpoint = self.endpoint, container = container, name = name }
   return address(self, container, name) .. "?" .. sas.query(self.signer, place, options or {})
end

return blob
