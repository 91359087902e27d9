local json, secret = require 'aci.json', require 'aci.secret'
local v = json.decode(secret.new '{"t":"a\\tb"}', {secrets = {'t'}})
assert(#v.t == 3)
return json.encode {v, {b = 1, c = {1, 2}}}, json.encode({v.t}, {secrets = true})
