---@meta aci.http
--- HTTP requests on the loop. TLS is always verified and at least 1.2, HTTP/2 is spoken where it is
--- offered, connections are shared by the whole process. A host on this machine is never reached
--- through a proxy of the environment; other hosts follow HTTPS_PROXY, http_proxy and NO_PROXY.
--- Misuse raises where the caller made it; a fault of the world is nil and an error object:
---
---    kind      code
---    network   connect resolve reset proxy protocol, tls tls_expired tls_not_yet_valid tls_host
---              tls_untrusted, tls_client (the server asks for a certificate, or refuses ours)
---    timeout   timeout (the time limit), connect_timeout, stalled
---    failed    too_large file body ca_file client_certificate redirect descriptors memory
---    canceled  the transfer was closed
---
--- A file to send that cannot be opened is an error of kind not_found or failed, errno's name its code.
--- An answer with status 400 or more is an answer. URLs in errors have no query.
local http = {}

---@class aci.http.File
---@field file string path

---@class aci.http.Retry
---@field tries? integer altogether, the first included (4)
---@field max_wait? number longest single wait in seconds (60); asked for more, the answer is returned
---@field safe? boolean sending twice is as good as once: true for POST and PATCH that are so; false for PUT and
--- DELETE that are not, which then are not even sent again where a kept connection turns out dead

---@class aci.http.Options
---@field url string|aci.secret absolute, http or https; sent byte for byte, so spaces must be escaped
---@field method? string "GET"
---@field query? table<string, any> added to the URL: names sorted, a list repeats its name
---@field headers? table<string, string|number|aci.secret>
---@field body? string|aci.secret|aci.http.File|fun(): string|aci.secret|nil a file is streamed; a function
--- is called in the waiting task for the next piece until it gives nil, and may wait itself, but not for
--- what a sink of the same request gets: the two take turns; what it gave cannot be sent again
---@field body_length? integer bytes that a function gives in all; without it they go in chunks (HTTP/1.1)
---@field json? any the body as JSON, secrets in it revealed; content-type is set unless given
---@field form? table<string, any> the body as a form, secrets in it revealed
---@field sink? aci.http.File|fun(chunk: string) where the body of a 2xx answer goes. A file appears
--- when it is complete; a function is called in the waiting task and may wait itself
---@field timeout? number seconds for one try; 300 without files and sinks, else no limit
---@field connect_timeout? number seconds (20)
---@field stall_timeout? number seconds without a byte (60)
---@field max_body? integer bytes; 64 MiB in memory, no limit for a sink
---@field secret_body? boolean the answer's body is an aci.secret
---@field ca_file? string PEM file: only its authorities are trusted; SSL_CERT_FILE of the environment else
---@field client_certificate? string file that signs in over TLS: PEM, or PKCS#12 where it ends in .p12 or .pfx
---@field client_key? string PEM file of its key, where that is another file
---@field client_password? string|aci.secret of the key
---@field proxy? string instead of the environment's; "" for none
---@field connect_to? string "address:port" where the connection goes whatever the URL's host is
---@field redirects? integer how many to follow (0); another host gets no secret and no authorization
---@field retry? false|aci.http.Retry after 408, 429, 500, 502, 503, 504 and faults of the connection, when
--- the method may be repeated, `safe` says so or nothing was sent; waits as long as Retry-After,
--- retry-after-ms or x-ms-retry-after-ms ask, else 0.5 s doubling with jitter

---@class aci.http.Response
---@field status integer
---@field headers table<string, string> names in lower case; a repeated one is joined by ", "
---@field body? string|aci.secret nil when it went to a sink
---@field url string of the last request
---@field tries integer

--- Sends a request and waits for the answer.
---@param options aci.http.Options
---@return aci.http.Response|nil
---@return aci.error? err
function http.request(options) end

---@class aci.http.Transfer
local Transfer = {}

--- The answer or the fault; only after task.wait(transfer).
---@return aci.http.Response|nil
---@return aci.error? err
function Transfer:result() end

---@return boolean # has it ended?
function Transfer:ended() end

--- Takes it off the network; in every state, any number of times.
function Transfer:close() end

--- Starts one exchange without waiting: one try, no redirects, no function as body or sink. Keep it in a
--- `<close>` variable.
---@param options aci.http.Options
---@return aci.http.Transfer|nil
---@return aci.error? err
function http.start(options) end

---@class aci.http.Client
local Client = {}

--- http.request with the client's options where these leave them out; headers are merged.
---@param options aci.http.Options
---@return aci.http.Response|nil
---@return aci.error? err
function Client:request(options) end

--- Options that many requests share.
---@param defaults aci.http.Options
---@return aci.http.Client
function http.client(defaults) end

--- At most so many connections to one host in this process; further requests wait for one of them. For a
--- program that asks one host for hundreds of things at once: each connection with TLS holds about 150 KB.
---@param per_host integer # 0: no limit, as at the start
function http.connections(per_host) end

--- Percent-encodes all but RFC 3986's unreserved characters and those in `keep`; a secret gives a secret.
---@param text string|aci.secret
---@param keep? string
---@return string|aci.secret
function http.escape(text, keep) end

--- Decodes %XX; what is not of that form stays.
---@param text string
---@return string
function http.unescape(text) end

--- A map as a query's text, without "?"; a secret in it makes the whole a secret.
---@param map table<string, any>
---@return string|aci.secret
function http.query(map) end

---@class aci.http.URL
---@field scheme "http"|"https"
---@field host string lower case, no brackets
---@field port integer
---@field path string as written; "/" for none
---@field query? string as written, without "?"

--- The parts of an absolute http or https URL.
---@param text string
---@return aci.http.URL|nil
---@return aci.error? err kind "invalid"
function http.url(text) end

---@class aci.http.Challenge
---@field scheme string in lower case
---@field parameters table<string, string> names in lower case; of one said twice, the first
---@field token? string what follows the scheme where that is a single word

--- What a WWW-Authenticate header asks for, in its order; reading ends where it is no longer one.
---@param header string
---@return aci.http.Challenge[]
function http.challenges(header) end

--- The URL with the values of secret parameters (sig, code, token, ...) masked: fit for a log.
---@param url string|aci.secret
---@return string
function http.mask(url) end

--- When set, it is called with what happens: "request", "response", "fault", "retry", "give_up", and a
--- table {method, url (masked), number (of the exchange), try, tries, status, ms, request_id, code,
--- message, wait, reason, headers, and the body as json, form, file or body}. Headers and bodies are as
--- they are, secrets too: aci.trace.mask knows what of them may be shown.
---@type fun(event: string, data: table)|nil
http.trace = nil

return http
