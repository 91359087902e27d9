local json, t = require "aci.json", {}
for i = 1, 300 do t["k" .. i] = { i } end
return json.encode(t, { pretty = true }), pcall(json.encode, { t, { print } })
