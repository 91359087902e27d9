--- What is asked less often: conditions together, deletes with snapshots in mind, pages of folders and containers,
-- headers in odd forms.
local LIST = "GET /{c}?restype=container&comp=list"

local LONG_AGO, FAR_AHEAD = "Mon, 01 Jan 2024 00:00:00 GMT", "Tue, 01 Jan 2124 00:00:00 GMT"

local function together(r)
   local etag = r:put("a blob", "t", "0123456789").headers.etag
   local stale = '"0x8D0000000000000"'
   local function get(title, headers, method, documented)
      r:ask(title, (method or "GET") .. " /{c}/t", { headers = headers, documented = documented })
   end
   get("if-match and if-none-match, both its ETag", { ["if-match"] = etag, ["if-none-match"] = etag })
   get("if-match holds, if-none-match another", { ["if-match"] = etag, ["if-none-match"] = stale })
   get("if-none-match another, if-modified-since far ahead", { ["if-none-match"] = stale,
      ["if-modified-since"] = FAR_AHEAD })
   get("if-none-match its ETag, if-modified-since long ago", { ["if-none-match"] = etag,
      ["if-modified-since"] = LONG_AGO }, nil, { status = "304", ["x-ms-error-code"] = "ConditionNotMet" })
   get("if-match another, if-unmodified-since far ahead", { ["if-match"] = stale, ["if-unmodified-since"] = FAR_AHEAD })
   get("if-match its ETag, if-unmodified-since long ago", { ["if-match"] = etag, ["if-unmodified-since"] = LONG_AGO })
   get("a range and a condition that holds not", { ["x-ms-range"] = "bytes=0-1", ["if-match"] = stale })
   get("a range beyond the end and a condition that holds not", { ["x-ms-range"] = "bytes=99-", ["if-match"] = stale })
   get("HEAD with a range", { ["x-ms-range"] = "bytes=0-1" }, "HEAD")
   get("an ETag without quotes", { ["if-match"] = (etag:gsub('"', "")) })
end

local function deletes(r)
   for index, value in ipairs { "include", "none" } do
      r:put("a blob " .. index, "d", "x")
      r:ask("with snapshots: " .. value, "DELETE /{c}/d", { headers = { ["x-ms-delete-snapshots"] = value },
         documented = value == "none" and { status = "400", ["x-ms-error-code"] = "InvalidHeaderValue" } or nil })
      r:ask("what is there after " .. value, "HEAD /{c}/d")
   end
   r:put("a last blob", "e", "x")
   r:ask("if-unmodified-since long ago", "DELETE /{c}/e", { headers = { ["if-unmodified-since"] = LONG_AGO } })
   r:ask("if-modified-since far ahead", "DELETE /{c}/e", { headers = { ["if-modified-since"] = FAR_AHEAD } })
   r:ask("if-match: *", "DELETE /{c}/e", { headers = { ["if-match"] = "*" } })
   for _, method in ipairs { "DELETE", "GET", "HEAD" } do
      for _, value in ipairs { "*", '"0x8D0000000000000"' } do
         r:ask(("%s of nothing, if-match: %s"):format(method, value), method .. " /{c}/e",
            { headers = { ["if-match"] = value } })
      end
   end
   r:ask("metadata of nothing, if-match: *", "PUT /{c}/e?comp=metadata", { headers = { ["if-match"] = "*" } })
end

-- Follows the markers; each page is a row.
local function walk(r, title, target)
   local http = require "aci.http"
   local marker, page = nil, 0
   repeat
      page = page + 1
      local _, tree = r:ask(("%s, page %d"):format(title, page), target
         .. (marker and "&marker=" .. http.escape(marker) or ""))
      marker = nil
      for _, each in ipairs(tree and tree.children or {}) do
         if each.name == "NextMarker" and each.text ~= "" then marker = each.text end
      end
   until not marker or page > 12
end

local function pages(r)
   for _, name in ipairs { "a", "b/1", "b/2", "c/d/3", "c/e", "f", "z/9" } do r:put("writes " .. name, name, "x") end
   walk(r, "folders, one each", LIST .. "&delimiter=%2F&maxresults=1")
   walk(r, "folders, three each", LIST .. "&delimiter=%2F&maxresults=3")
   walk(r, "folders below c", LIST .. "&delimiter=%2F&prefix=c%2F&maxresults=1")
   for _, name in ipairs { "-x1", "-x2", "-x3" } do
      r:ask("container " .. name, "PUT /{c}" .. name .. "?restype=container")
   end
   walk(r, "containers, two each", "GET /?comp=list&prefix={c}-x&maxresults=2")
   for _, name in ipairs { "-x1", "-x2", "-x3" } do
      r:ask("container " .. name .. " deleted", "DELETE /{c}" .. name .. "?restype=container")
   end
end

local function headers(r)
   r:put("metadata in letters of both cases", "m", "x", { ["x-ms-meta-MixedCase"] = "V", ["x-ms-meta-lower"] = "v" })
   r:ask("metadata in letters of both cases, read", "HEAD /{c}/m")
   r:ask("metadata in the list", LIST .. "&include=metadata&prefix=m")
   r:put("a type without a slash", "type", "x", { ["x-ms-blob-content-type"] = "text" })
   r:ask("a type without a slash, read", "HEAD /{c}/type")
   r:put("an empty type", "none", "x", { ["x-ms-blob-content-type"] = "" })
   r:ask("an empty type, read", "HEAD /{c}/none")
   r:put("written over with less", "type", "yy")
   r:ask("written over with less, read", "GET /{c}/type")
   r:ask("HEAD of a blob with spaces in its name", "HEAD /{c}/no%20such%20blob")
   r:ask("the list by HEAD", "HEAD /{c}?restype=container&comp=metadata")
end

return { { "conditions together", together }, { "deletes", deletes }, { "pages of folders", pages },
   { "lesser headers", headers } }
