local secret = require 'aci.secret'
local s = secret.new('abc') .. 'def'
assert(secret.equal(s, 'abcdef'))
return secret.reveal(s), tostring(s)
