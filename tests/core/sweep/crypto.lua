local c, secret = require "aci.crypto", require "aci.secret"
assert(c.hex(c.sha256 "abc"):sub(1, 8) == "ba7816bf")
assert(c.digest "sha1":add "a":add(secret.new "bc"):value() == c.sha1 "abc")
local key = secret.new "Jefe"
assert(#c.hmac_sha256(key, "what do ya want for nothing?") == 32)
assert(c.unbase64(c.base64 "ab") == "ab" and c.unbase64url(c.base64url "ab") == "ab" and c.unhex "6162" == "ab")
assert(secret.reveal(c.unbase64(c.base64(key))) == "Jefe")
assert(c.shared_key_string { method = "GET", account = "a", target = "/a?b=c", headers = { ["x-ms-date"] = "d" } })
assert(c.service_sas_string { account = "a", container = "c", blob = "b", sp = "r" })
return c.uuid4(), c.uuid5("6ba7b810-9dad-11d1-80b4-00c04fd430c8", "n"), c.random(8), c.unhex "x", c.unbase64 "?",
   c.equal("a", key), c.sign_rs256("x", "y"), pcall(c.shared_key_string, { methd = 1 }),
   pcall(c.service_sas_string, { account = "a", container = "c\n" })
