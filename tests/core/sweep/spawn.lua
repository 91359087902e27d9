local c, t = require "aci._spawn", require "aci._task"
local proc <close> = assert(c.spawn { args = { "cat" }, input = "hello", stdout = "pipe",
   env = { PATH = "/usr/bin:/bin" } })
local stream = proc:stream "stdout"
local text = ""
while true do
   local piece = stream:take()
   if piece == nil then break end
   if piece then text = text .. piece else assert(t.wait(stream, 5), "no output came") end
end
assert(t.wait(proc, 5), "the end did not come")
assert(proc:result().code == 0 and text == "hello", text)
return c.spawn { args = { "no-such-program" } }, pcall(c.spawn, { argv = {} })
