local a = require "aci.archive"
local t = assert(a.tar { { name = "d/" }, { name = "d/f", data = "x", mode = 1 },
   { name = "l", type = "link", target = "d/f" } })
local packed = assert(a.gzip(t))
assert(assert(a.gunzip(packed)) == t)
assert(#assert(a.untar(t)) == 3)
return a.gunzip "x", a.untar "x", a.gunzip(packed, 9), pcall(a.tar, { { nme = "d" } })
