local c, secret = require "aci._http", require "aci.secret"
local o = { url = "http://127.0.0.1:1/", body = secret.new "b", headers = { a = secret.new "v", b = 2 } }
c.check(o)
local t = assert(c.start(o))
t:close() t:close()
return c.start { url = "http://127.0.0.1:1/", body_file = "/dev/null/none" },
   c.escape(secret.new "a b"), c.escape "a b", c.unescape "%41", c.url "http://h/p?q", c.url "x",
   c.resolve("http://h/a/b", "../c"), c.retry_after { ["retry-after"] = "3" }, pcall(c.check, { uri = 1 }),
   c.challenges 'Bearer authorization="https://a", resource="b", Basic realm="x\\"y"'
