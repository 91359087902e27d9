-- uri, uriComponent, uriComponentToString, dataUri, dataUriToString.
local expect = require "aci.template.expect"
local value = require "aci.template.value"

local uris = {}

local function crypto()
   return require "aci.crypto"
end

local function escape(s)
   return (s:gsub("[^%w%-_.~]", function(c)
      return ("%%%02X"):format(c:byte())
   end))
end

local function unescape(s)
   local raw = s:gsub("%%(%x%x)", function(hex)
      return string.char(tonumber(hex, 16))
   end)
   return utf8.len(raw) and raw or s
end

uris.uriComponent = { min = 1, max = 1, run = function(args, call)
   return escape(expect.type(call, args[1], "String"))
end }

uris.uriComponentToString = { min = 1, max = 1, run = function(args, call)
   return unescape(expect.type(call, args[1], "String"))
end }

-- Take "." and ".." out of a path that begins with "/".
local function without_dots(path)
   local kept, open = {}, false
   for segment in path:gmatch "/([^/]*)" do
      open = segment == "." or segment == ".."
      if segment == ".." then
         kept[#kept] = nil
      elseif segment ~= "." then
         kept[#kept + 1] = segment
      end
   end
   return "/" .. table.concat(kept, "/") .. (open and #kept > 0 and "/" or "")
end

local function split_tail(s)
   return s:match "^([^?#]*)(.*)$"
end

-- RFC 3986, section 5.2, for a base with an authority.
local function resolve(scheme, authority, base_path, relative)
   if relative:find "^%a[%w+.-]*:" then
      return relative
   elseif relative:sub(1, 2) == "//" then
      return scheme .. ":" .. relative
   end
   local path, tail = split_tail(relative)
   local base, base_tail = split_tail(base_path)
   base = base == "" and "/" or base
   if path == "" then
      path, tail = base, tail ~= "" and tail or base_tail
   elseif path:sub(1, 1) ~= "/" then
      path = base:gsub("[^/]*$", "") .. path
   end
   return scheme .. "://" .. authority .. without_dots(path) .. tail
end

uris.uri = { min = 2, max = 2, run = function(args, call)
   local base, relative = expect.nth(call, args, 1, "String"), expect.nth(call, args, 2, "String")
   local scheme, authority, path = base:match "^(%a[%w+.-]*)://([^/?#]+)(.*)$"
   if not scheme then
      expect.raise(call, "expects its first argument to be a uri string. The provided value is '%s'.", base)
   end
   return resolve(scheme, authority, path, relative)
end }

uris.dataUri = { min = 1, max = 1, run = function(args)
   local v = args[1]
   local kind = type(v) == "string" and "text/plain" or "application/json"
   local body = type(v) == "string" and v or value.json(v)
   return "data:" .. kind .. ";charset=utf-8;base64," .. crypto().base64(body)
end }

local charsets = { ["utf-8"] = true, ["us-ascii"] = true, ascii = true }

local function malformed(call, s)
   expect.raise(call, "expects its parameter to be formatted as a valid data URI. The provided value '%s' "
      .. "was not formatted correctly.", s)
end

uris.dataUriToString = { min = 1, max = 1, run = function(args, call)
   local s = expect.type(call, args[1], "String")
   local head, body = s:match "^data:([^,]*),(.*)$"
   if not head then
      malformed(call, s)
   end
   local charset = head:lower():match ";charset=([^;]*)"
   if charset and not charsets[charset] then
      expect.raise(call, "parameter is not valid. The provided charset '%s' is not supported.", charset)
   end
   if head:lower():find ";base64$" then
      return crypto().unbase64(body) or malformed(call, s)
   end
   return unescape(body)
end }

return uris
