---@meta aci.clock
--- What time it is, and moments as text. A moment is a number: seconds since 1970, UTC.
local clock = {}

--- Wall time.
---@return number
function clock.now() end

--- Seconds that never go back and that nobody sets; only differences mean something.
---@return number
function clock.monotonic() end

--- "2026-11-24T01:02:03.123456Z"
---@param t? number # default: now
---@param digits? integer # decimals, 0 to 9; default 6
---@return string
function clock.iso(t, digits) end

--- Reads ISO 8601: date, "T" or a space, time with or without seconds and decimals, "Z" or an
--- offset; without either it is UTC. A date alone is its midnight.
---@param text string
---@return number? t
---@return aci.error? err # kind "invalid"
function clock.parse_iso(text) end

--- "Tue, 24 Nov 2026 01:02:03 GMT"
---@param t? number # default: now
---@return string
function clock.http_date(t) end

--- Reads a date as HTTP has it, in the three forms of RFC 9110.
---@param text string
---@return number? t
---@return aci.error? err # kind "invalid"
function clock.parse_http_date(text) end

return clock
