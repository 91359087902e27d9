local c = require "aci.clock"
assert(c.parse_iso(c.iso(0, 3)) == 0 and c.parse_http_date(c.http_date(0)) == 0)
return c.now(), c.monotonic(), c.parse_iso "x", c.parse_http_date "x"
