local c, h, t, fs = require "aci._server", require "aci._http", require "aci._task", require "aci._fs"
local crypto = require "aci.crypto"
local folder = assert(fs.tempdir "sweep")

local function exchange()
   local ca = assert(crypto.ca { name = "test" })
   assert(fs.write(folder .. "/ca.pem", ca.certificate))
   assert(fs.write(folder .. "/body", ("b"):rep(3000)))
   local s <close> = assert(c.listen { tls = { ca = ca } })
   local x <close> = assert(h.start { url = "https://localhost/", method = "PUT", connect_to = "127.0.0.1:" .. s:port(),
      ca_file = folder .. "/ca.pem", body_file = folder .. "/body", sink_file = folder .. "/answer" })
   local r = c.take(s)
   while r == false do
      if not t.wait(s, 0.2) and x:ended() then error("not enough memory at the server", 0) end
      r = c.take(s)
   end
   assert(r:start(200, {}))
   assert(c.write(r, "x"))
   assert(r:finish())
   assert(t.wait(x, 5), "the answer did not come")
   local answer, err = x:result()
   if not answer then error(err.kind == "network" and "not enough memory at the server" or err, 0) end
   if assert(fs.read(folder .. "/answer")) ~= "x" then error "another body" end
end

local ok, err = pcall(exchange)
fs.remove_tree(folder)
if not ok then error(err, 0) end
