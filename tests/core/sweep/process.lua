local c = require "aci._process"
local pid = c.pid()
assert(c.self())
assert(c.find "sh")
assert(c.start_time(pid))
assert(c.environment().PATH and type(c.descendants(pid)) == "table")
return c.home(), c.find "no-such-program", c.signal(pid, "CONT"), c.start_time(4194304)
