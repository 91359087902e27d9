local json = require "aci.json"
local v, err = json.decode '[1,2,{"a":1,"a":2}]'
assert(v == nil)
if err.column ~= 13 then error(err) end
