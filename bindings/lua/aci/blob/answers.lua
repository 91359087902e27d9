-- What Blob storage answers: headers to tables, XML lists to arrays, refusals to error objects.
local error_ = require "aci.error"
local fault = require "aci.fault"
local http = require "aci.http"
local xml = require "aci.xml"
local advice = require "aci.fault.advice"
local sas = require "aci.blob.sas"

local answers = {}

local function bare(etag)
   return etag and (etag:gsub('^"(.*)"$', "%1"))
end

--- The table of an XML answer, or nil. Azure's begin with a byte order mark, Azurite's do not.
local function parsed(response)
   local text = fault.text(response)
   if not text or text == "" then return nil end
   return (xml.parse((text:gsub("^\xEF\xBB\xBF", ""))))
end

local function child(node, name)
   for _, each in ipairs(node and node.children or {}) do
      if each.name == name then return each end
   end
end

local function text_of(node, name)
   local found = child(node, name)
   local text = found and found.text
   return text ~= "" and text or nil
end

--- What to do about a code. Azurite calls every bad signature AuthorizationFailure; Azure calls the firewall so.
local function advice_for(code, given)
   local of_sas = given and sas.advice(code, given)
   if of_sas then return of_sas end
   if code == "AuthorizationFailure" then
      return "the account key is wrong, or the account's firewall does not let this address in"
   end
   return code == "AuthenticationFailed" and "the account key is wrong, or this machine's clock is" or advice[code]
end

--- The error object of a refusal. For a bad signature it shows the text that the service signed. `given`: what the
-- SAS says that was sent.
function answers.refusal(response, method, url, given)
   local body = parsed(response)
   local code = response.headers["x-ms-error-code"] or text_of(body, "Code")
   local message = (text_of(body, "Message") or code or "the service answered " .. response.status)
      :match "^[^\r\n]*"
   local detail = text_of(body, "AuthenticationErrorDetail")
   if detail then message = message .. " " .. detail end
   return error_.new {
      kind = fault.kind(response.status, code), code = code, status = response.status, method = method,
      url = fault.bare_url(url), request_id = response.headers["x-ms-request-id"], message = message,
      advice = advice_for(code, given),
   }
end

--- What a write gives.
function answers.written(response)
   local headers = response.headers
   return { etag = bare(headers.etag), last_modified = headers["last-modified"],
      md5 = headers["content-md5"] }
end

--- What the headers of a read say of the blob.
function answers.properties(response)
   local headers, metadata = response.headers, {}
   for name, value in pairs(headers) do
      local key = name:match "^x%-ms%-meta%-(.+)$"
      if key then metadata[key] = value end
   end
   return { etag = bare(headers.etag), last_modified = headers["last-modified"],
      size = math.tointeger(tonumber(headers["content-length"])), content_type = headers["content-type"],
      md5 = headers["content-md5"], metadata = metadata }
end

local function name_of(node)
   local name = child(node, "Name")
   if not name then return nil end
   if (name.attributes or {}).Encoded == "true" then return http.unescape(name.text) end
   return name.text
end

local function metadata_of(node)
   local metadata = {}
   for _, each in ipairs((child(node, "Metadata") or {}).children or {}) do
      metadata[each.name:lower()] = each.text
   end
   return metadata
end

local function blob_of(node)
   local properties = child(node, "Properties")
   return {
      name = name_of(node), etag = bare(text_of(properties, "Etag")),
      size = math.tointeger(tonumber(text_of(properties, "Content-Length"))),
      last_modified = text_of(properties, "Last-Modified"),
      content_type = text_of(properties, "Content-Type"), md5 = text_of(properties, "Content-MD5"),
      metadata = metadata_of(node),
   }
end

--- Adds one page of a list to `blobs` and `prefixes`; gives the marker of the next page, or nil.
function answers.page(response, blobs, prefixes)
   local root = parsed(response)
   if not root or root.name ~= "EnumerationResults" then
      error_.raise { kind = "server", code = "NotXML", status = response.status,
         url = fault.bare_url(response.url), message = "Blob storage answered a list with something else" }
   end
   for _, node in ipairs((child(root, "Blobs") or {}).children or {}) do
      if node.name == "Blob" then
         blobs[#blobs + 1] = blob_of(node)
      elseif node.name == "BlobPrefix" then
         prefixes[#prefixes + 1] = name_of(node)
      end
   end
   return text_of(root, "NextMarker")
end

return answers
