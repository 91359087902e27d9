---@meta aci.crypto
--- Digests, encodings, identifiers, keys and certificates. Data and keys may be strings or secrets;
--- digests and signatures are raw bytes. Loading it loads OpenSSL (some milliseconds, once).
---
---     crypto.hex(crypto.sha256 "abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
local crypto = {}

---@param data string|aci.Secret
---@return string # 16 bytes; for services that ask for it, never for security
function crypto.md5(data) end

---@param data string|aci.Secret
---@return string # 20 bytes; for services that ask for it, never for security
function crypto.sha1(data) end

---@param data string|aci.Secret
---@return string # 32 bytes
function crypto.sha256(data) end

---@param data string|aci.Secret
---@return string # 64 bytes
function crypto.sha512(data) end

--- The digest of bytes that come in pieces, in a fixed amount of memory.
---@class aci.crypto.Digest
local Digest = {}

---@param data string|aci.Secret
---@return aci.crypto.Digest # itself
function Digest:add(data) end

--- Of what was added so far; more may be added.
---@return string # raw bytes
function Digest:value() end

---@param kind "md5"|"sha1"|"sha256"|"sha512"
---@return aci.crypto.Digest
function crypto.digest(kind) end

---@param key string|aci.Secret
---@param data string|aci.Secret
---@return string # 32 bytes
function crypto.hmac_sha256(key, data) end

--- Are they the same bytes? Takes the same time wherever they differ.
---@param a string|aci.Secret
---@param b string|aci.Secret
---@return boolean
function crypto.equal(a, b) end

--- Lower-case hex. Of a secret, a secret; so with all encodings.
---@param bytes string|aci.Secret
---@return string|aci.Secret
function crypto.hex(bytes) end

---@param text string|aci.Secret
---@return string|aci.Secret|nil bytes
---@return aci.Error? err kind "invalid"
function crypto.unhex(text) end

---@param bytes string|aci.Secret
---@return string|aci.Secret # with padding, on one line
function crypto.base64(bytes) end

--- Strict (RFC 4648): no white space, the right padding, no bits left over.
---@param text string|aci.Secret
---@return string|aci.Secret|nil bytes
---@return aci.Error? err kind "invalid"
function crypto.unbase64(text) end

---@param bytes string|aci.Secret
---@return string|aci.Secret # "-" and "_", no padding
function crypto.base64url(bytes) end

--- As strict; the padding may be there or not.
---@param text string|aci.Secret
---@return string|aci.Secret|nil bytes
---@return aci.Error? err kind "invalid"
function crypto.unbase64url(text) end

---@param n integer 0 to 1048576
---@return string # n bytes from the kernel's generator
function crypto.random(n) end

---@return string # a random UUID, lower case
function crypto.uuid4() end

--- The same UUID for the same name, always (RFC 4122, version 5).
---@param namespace string a UUID
---@param name string
---@return string
function crypto.uuid5(namespace, name) end

---@return aci.Secret # a new P-256 key in PEM (PKCS#8)
function crypto.key() end

---@return aci.Secret # a new RSA key of 2048 bits in PEM (PKCS#8); takes a tenth of a second
function crypto.rsa_key() end

--- RSASSA-PKCS1-v1_5 with SHA-256, which JWTs call RS256 (RFC 7518 3.3). Keys under 2048 bits and
--- keys that are encrypted are refused.
---@param key string|aci.Secret private key in PEM
---@param data string|aci.Secret
---@return string? signature
---@return aci.Error? err kind "invalid"
function crypto.sign_rs256(key, data) end

---@param pem string|aci.Secret certificate, public or private key
---@param data string|aci.Secret
---@param signature string
---@return boolean? same
---@return aci.Error? err kind "invalid": the key cannot be used
function crypto.verify_rs256(pem, data, signature) end

--- RSASSA-PSS with SHA-256 and a salt of 32 bytes, which JWTs call PS256 (RFC 7518 3.5).
---@param key string|aci.Secret private key in PEM
---@param data string|aci.Secret
---@return string? signature
---@return aci.Error? err kind "invalid"
function crypto.sign_ps256(key, data) end

---@param pem string|aci.Secret certificate, public or private key
---@param data string|aci.Secret
---@param signature string
---@return boolean? same
---@return aci.Error? err kind "invalid": the key cannot be used
function crypto.verify_ps256(pem, data, signature) end

--- The public half of an RSA key as a JSON web key (RFC 7517): numbers in base64url.
---@param pem string|aci.Secret certificate, public or private key
---@return {kty: "RSA", n: string, e: string}?
---@return aci.Error? err kind "invalid"
function crypto.public_jwk(pem) end

---@class aci.crypto.Identity
---@field certificate string PEM
---@field key aci.Secret PEM

--- A new certificate authority (P-256, self-signed).
---@param options {name: string, days?: integer} days: 365 if not given
---@return aci.crypto.Identity?
---@return aci.Error? err
function crypto.ca(options) end

--- A new certificate for these DNS names (`*.` allowed) or addresses, signed by the authority and
--- never valid longer than it.
---@param options {ca: aci.crypto.Identity, names: string[], days?: integer} days: 90 if not given
---@return aci.crypto.Identity?
---@return aci.Error? err
function crypto.certificate(options) end

--- A new self-signed certificate with an RSA key of 2048 bits, as applications log in to Entra with.
---@param options {name: string, days?: integer, from?: integer} days: 365 if not given; from: epoch seconds, now
---@return aci.crypto.Identity?
---@return aci.Error? err
function crypto.login_certificate(options) end

---@class aci.crypto.Keybag
---@field key aci.Secret PEM (PKCS#8, not encrypted)
---@field certificates string PEM; the key's own first, then its chain

--- Reads PKCS#12 (.pfx, .p12), also with the old ciphers where OpenSSL's legacy provider is installed.
---@param bytes string|aci.Secret
---@param password? string|aci.Secret
---@return aci.crypto.Keybag?
---@return aci.Error? err kind "invalid"
function crypto.read_pkcs12(bytes, password) end

--- Reads the first private key of a PEM text, which may be encrypted, and its certificates.
---@param text string|aci.Secret
---@param password? string|aci.Secret
---@return aci.crypto.Keybag?
---@return aci.Error? err kind "invalid"
function crypto.read_pem(text, password) end

--- A PKCS#12 file with a key and its certificates (AES-256).
---@param key string|aci.Secret PEM
---@param certificates string PEM
---@param password? string|aci.Secret
---@return aci.Secret?
---@return aci.Error? err kind "invalid"
function crypto.write_pkcs12(key, certificates, password) end

--- What the first certificate of a PEM text says of itself. Times are epoch seconds; the thumbprint that
--- Azure shows is `crypto.hex(crypto.sha1(facts.der)):upper()`.
---@param pem string
---@return {der: string, not_before: integer, not_after: integer, subject: string}?
---@return aci.Error? err kind "invalid"
function crypto.certificate_facts(pem) end

--- The text that Shared Key of Azure Storage signs for a request to the Blob service; the signature
--- is `base64(hmac_sha256(unbase64(key), text))`. Everything as it goes on the wire.
--- (https://learn.microsoft.com/rest/api/storageservices/authorize-with-shared-key)
---@param request {method: string, account: string, target: string, headers?: table<string, string>} target: path and query
---@return string
function crypto.shared_key_string(request) end

--- The text that is signed for a service SAS of a container or blob (version 2020-12-06 and later); the signature
--- is `base64(hmac_sha256(unbase64(key), text))`. Names as they are, not encoded; the fields have their names in the
--- query, values as they are before they are encoded for it.
--- (https://learn.microsoft.com/rest/api/storageservices/create-service-sas)
---@param sas {account: string, container: string, blob?: string, sp?: string, st?: string, se?: string, si?: string, sip?: string, spr?: string, sv?: string, sr?: string, ses?: string, rscc?: string, rscd?: string, rsce?: string, rscl?: string, rsct?: string}
---@return string
function crypto.service_sas_string(sas) end

return crypto
