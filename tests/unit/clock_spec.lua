local clock = require "aci.clock"
local errors = require "aci.error"

describe("aci.clock", function()
   it("tells the time", function()
      assert.near(os.time(), clock.now(), 2)
      local before = clock.monotonic()
      assert.is_true(clock.monotonic() >= before)
   end)

   it("writes ISO 8601", function()
      assert.equal("1970-01-01T00:00:00.000000Z", clock.iso(0))
      assert.equal("2026-11-24T01:02:03.123456Z", clock.iso(1795482123.123456))
      assert.equal("2026-11-24T01:02:03Z", clock.iso(1795482123.123456, 0))
      assert.equal("2026-11-24T01:02:03.1235Z", clock.iso(1795482123.123456, 4))
      assert.equal("2027-01-01T00:00:00.000000Z", clock.iso(1798761599.9999999))
      assert.equal("1969-12-31T23:59:59.500000Z", clock.iso(-0.5))
      assert.truthy(clock.iso():match "^%d%d%d%d%-%d%d%-%d%dT")
   end)

   it("reads ISO 8601", function()
      for text, t in pairs {
         ["2026-11-24T01:02:03.123456Z"] = 1795482123.123456,
         ["2026-11-24T01:02:03Z"] = 1795482123,
         ["2026-11-24t01:02:03z"] = 1795482123,
         ["2026-11-24 01:02:03"] = 1795482123,
         ["2026-11-24T01:02Z"] = 1795482120,
         ["2026-11-24"] = 1795478400,
         ["2026-11-24T03:32:03+02:30"] = 1795482123,
         ["2026-11-23T17:02:03-0800"] = 1795482123,
         ["2026-11-24T02:02:03+01"] = 1795482123,
         ["2026-11-24T01:02:03,5Z"] = 1795482123.5,
         ["2026-11-24T01:02:03.1234567Z"] = 1795482123.1234567,
         ["2024-02-29T00:00:00Z"] = 1709164800,
         ["1969-12-31T23:59:59.500Z"] = -0.5,
         ["2016-12-31T23:59:60Z"] = 1483228800,
      } do
         assert.near(t, assert(clock.parse_iso(text)), 1e-6, text)
      end
   end)

   it("refuses what is no time", function()
      for _, text in ipairs {
         "", "now", "2026-13-01", "2026-00-01", "2026-02-29", "2026-11-31", "2026-11-24T24:00:00Z",
         "2026-11-24T01:60:00Z", "2026-11-24T01:02:03.Z", "2026-11-24T01:02:03Zx", "2026-11-24T",
         "2026-11-24T01:02:03+2", "2026-11-24T01:02:03+25:00", "26-11-24", "2026-11-24T01:02:03Z\0",
      } do
         local t, err = clock.parse_iso(text)
         assert.is_nil(t, text)
         assert.is_true(errors.is(err, "invalid"))
      end
   end)

   it("comes back to the same text", function()
      for i = 0, 200 do
         local text = clock.iso(1795482123 + i * 86399.123457)
         assert.equal(text, clock.iso(clock.parse_iso(text)))
      end
   end)

   it("writes and reads the dates of HTTP", function()
      assert.equal("Sun, 06 Nov 1994 08:49:37 GMT", clock.http_date(784111777))
      assert.equal(784111777, clock.parse_http_date "Sun, 06 Nov 1994 08:49:37 GMT")
      assert.equal(784111777, clock.parse_http_date "Sunday, 06-Nov-94 08:49:37 GMT")
      assert.equal(784111777, clock.parse_http_date "Sun Nov  6 08:49:37 1994")
      assert.equal(784975777, clock.parse_http_date "Wed Nov 16 08:49:37 1994")
      for _, text in ipairs { "", "Sun, 06 Nov 1994 08:49:37", "Sun, 31 Feb 1994 08:49:37 GMT",
         "06 Nov 1994 08:49:37 GMT", "Sun, 06 Nov 1994 08:49:37 GMT " } do
         assert.is_nil((clock.parse_http_date(text)), text)
      end
   end)

   it("raises for misuse", function()
      assert.error_matches(function() clock.iso(1e20) end, "not a moment")
      assert.error_matches(function() clock.iso(0 / 0) end, "not a moment")
      assert.error_matches(function() clock.iso(0, 12) end, "decimals")
      assert.error_matches(function() clock.http_date {} end, "number expected")
      assert.error_matches(function() clock.parse_iso() end, "string expected")
   end)
end)
