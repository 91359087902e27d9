local c, h, t = require "aci._server", require "aci._http", require "aci._task"
local s <close> = assert(c.listen {})
local x <close> = assert(h.start { url = "http://127.0.0.1:" .. s:port() .. "/a?b=c", method = "POST", body = "d",
   headers = { cookie = "e=f" } })

-- The server closes a connection that it has no memory for: the client then knows no more than that it broke.
local function over()
   local _, err = x:result()
   error(err and err.kind == "network" and "not enough memory at the server" or err or "nothing came", 0)
end

local function from(waitable, f)
   local got, err = f(waitable)
   while got == false do
      if not t.wait(waitable, 0.2) and x:ended() then over() end
      got, err = f(waitable)
   end
   return got or error(err or "nothing there", 0)
end

local r = from(s, c.take)
assert(from(r, c.read) == "d" and r.query == "b=c" and r.headers.cookie == "e=f")
r.own = tostring(r) .. tostring(s)
assert(r:start(200, { a = { "b", "c" }, d = 1 }))
assert(c.write(r, "x"))
assert(r:finish())
assert(t.wait(x, 5), "the answer did not come")
if (x:result() or over()).body ~= "x" then error "another body" end
c.stop(s) c.stop_now(s)
return c.listen { host = "x" }, c.listen { tls = { ca = { certificate = "a", key = "b" } } },
   pcall(c.listen, { prt = 1 })
