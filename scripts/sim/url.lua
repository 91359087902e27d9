--- Percent-encoding (the server side needs no HTTP client for it).
local url = {}

--- Decodes %XX.
function url.unescape(text)
   return (text:gsub("%%(%x%x)", function(hex) return string.char(tonumber(hex, 16)) end))
end

--- Encodes all but the unreserved characters of RFC 3986.
function url.escape(text)
   return (text:gsub("[^%w%-%._~]", function(c) return ("%%%02X"):format(c:byte()) end))
end

return url
