local c = require "aci.crypto"
local ca = assert(c.ca { name = "test" })
local own = assert(c.certificate { ca = ca, names = { "localhost", "127.0.0.1" } })
local bag = assert(c.write_pkcs12(own.key, own.certificate, "word"))
assert(assert(c.read_pkcs12(bag, "word")).certificates)
assert(assert(c.read_pem(require "aci.secret".reveal(own.key) .. own.certificate)).key)
assert(assert(c.certificate_facts(own.certificate)).subject)
return c.read_pkcs12(bag, "other"), c.read_pem "x", c.certificate_facts "x", c.public_jwk "x", c.key()
