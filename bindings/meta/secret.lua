---@meta aci.secret
--- Bytes that print as `<secret>` wherever they turn up, and are wiped when they are collected.
--- Keys, bodies and header values take them as they are. From the first one on the kernel writes no
--- core dump of the process and lets no other of the same user read it; strace and gdb of an ordinary
--- user need ACIHOST_DUMPABLE=1 in its environment.
local secret = {}

--- `#s` is the length, `..` with a string or a secret gives a secret, `==` compares in constant
--- time (two secrets), `tostring` is "<secret>".
---@class aci.Secret: userdata
---@operator concat(string|aci.Secret): aci.Secret
---@operator len: integer

--- A secret of these bytes. The string itself stays in Lua's memory until it is collected: read
--- secrets as secrets where you can (`secrets` of json.decode, `secret_body` of http.request).
---@param text string|aci.Secret
---@return aci.Secret
function secret.new(text) end

--- The bytes, as a string: only where something must have them so.
---@param s aci.Secret
---@return string
function secret.reveal(s) end

--- A secret that is masked only where it stands itself, because it is called secret here and stands
--- openly elsewhere: a subscription's id, an account's name.
---@param text string|aci.Secret
---@return aci.Secret
function secret.formal(text) end

--- The text with every live secret in it masked that `secret.new` has made (of 6 bytes and more). Messages
--- of errors, Prefect's logs, the trace of -v and what an uncaught error says go through it.
---@param text string
---@return string
function secret.conceal(text) end

---@return boolean
function secret.is(value) end

--- Are the bytes equal? Takes the same time wherever they differ.
---@param a string|aci.Secret
---@param b string|aci.Secret
---@return boolean
function secret.equal(a, b) end

return secret
