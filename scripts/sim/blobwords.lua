--- What Blob storage says: the shape of its errors, the headers of every answer, its texts.
local clock = require "aci.clock"
local xml   = require "aci.xml"

local words = {}

words.BOM = "\xEF\xBB\xBF"
words.HEAD = words.BOM .. '<?xml version="1.0" encoding="utf-8"?>'

--- The texts that come with a code.
words.TEXTS = {
   AuthenticationFailed = "Server failed to authenticate the request. Make sure the value of "
      .. "Authorization header is formed correctly including the signature.",
   AuthorizationFailure = "This request is not authorized to perform this operation.",
   AuthorizationPermissionMismatch = "This request is not authorized to perform this operation using "
      .. "this permission.",
   AuthorizationProtocolMismatch = "This request is not authorized to perform this operation using "
      .. "this protocol.",
   AuthorizationSourceIPMismatch = "This request is not authorized to perform this operation using "
      .. "this source IP.",
   BlobAlreadyExists = "The specified blob already exists.",
   BlobNotFound = "The specified blob does not exist.",
   BlockCountExceedsLimit = "The committed block count cannot exceed the maximum limit of 50,000 blocks.",
   ConditionNotMet = "The condition specified using HTTP conditional header(s) is not met.",
   ContainerAlreadyExists = "The specified container already exists.",
   ContainerBeingDeleted = "The specified container is being deleted. Try operation later.",
   ContainerNotFound = "The specified container does not exist.",
   Crc64Mismatch = "The CRC64 value specified in the request did not match with the CRC64 value "
      .. "calculated by the server.",
   EmptyMetadataKey = "The key for one of the metadata key-value pairs is empty.",
   InsufficientAccountPermissions = "The account being accessed does not have sufficient permissions "
      .. "to execute this operation.",
   InternalError = "Server encountered an internal error. Please try again after some time.",
   InvalidAuthenticationInfo = "Server failed to authenticate the request. Please refer to the "
      .. "information in the www-authenticate header.",
   InvalidBlobOrBlock = "The specified blob or block content is invalid.",
   InvalidBlockList = "The specified block list is invalid.",
   InvalidHeaderValue = "The value for one of the HTTP headers is not in the correct format.",
   InvalidInput = "One of the request inputs is not valid.",
   InvalidMd5 = "The MD5 value specified in the request is invalid. The MD5 value must be 128 bits and "
      .. "Base64-encoded.",
   InvalidMetadata = "The metadata specified is invalid. It has characters that are not permitted.",
   InvalidQueryParameterValue = "Value for one of the query parameters specified in the request URI is "
      .. "invalid.",
   InvalidRange = "The range specified is invalid for the current size of the resource.",
   InvalidResourceName = "The specifed resource name contains invalid characters.",
   InvalidUri = "The requested URI does not represent any resource on the server.",
   InvalidXmlDocument = "XML specified is not syntactically valid.",
   KeyBasedAuthenticationNotPermitted = "Key based authentication is not permitted on this storage "
      .. "account.",
   LeaseNotPresentWithBlobOperation = "There is currently no lease on the blob.",
   LeaseNotPresentWithContainerOperation = "There is currently no lease on the container.",
   Md5Mismatch = "The MD5 value specified in the request did not match with the MD5 value calculated by "
      .. "the server.",
   MetadataTooLarge = "The metadata specified exceeds the maximum permissible limit (8KB).",
   MissingContentLengthHeader = "The Content-Length header was not specified.",
   MissingRequiredHeader = "An HTTP header that's mandatory for this request is not specified.",
   MissingRequiredQueryParameter = "A query parameter that's mandatory for this request is not specified.",
   NoAuthenticationInformation = "Server failed to authenticate the request. Please refer to the "
      .. "information in the www-authenticate header.",
   OutOfRangeInput = "The specified resource name length is not within the permissible limits.",
   OutOfRangeQueryParameterValue = "One of the query parameters specified in the request URI is outside "
      .. "the permissible range.",
   PublicAccessNotPermitted = "Public access is not permitted on this storage account.",
   RequestBodyTooLarge = "The request body is too large and exceeds the maximum permissible limit.",
   ResourceNotFound = "The specified resource does not exist.",
   UnsatisfiableCondition = "The request includes an unsatisfiable condition for this operation.",
   UnsupportedHttpVerb = "The resource doesn't support specified Http Verb.",
}

local STATUS = {
   AuthenticationFailed = 403, AuthorizationFailure = 403, AuthorizationPermissionMismatch = 403,
   AuthorizationProtocolMismatch = 403, AuthorizationSourceIPMismatch = 403, BlobAlreadyExists = 409,
   BlobNotFound = 404, BlockCountExceedsLimit = 409, ConditionNotMet = 412, ContainerAlreadyExists = 409,
   ContainerBeingDeleted = 409, ContainerNotFound = 404, InsufficientAccountPermissions = 403,
   InternalError = 500, InvalidAuthenticationInfo = 401, InvalidRange = 416,
   KeyBasedAuthenticationNotPermitted = 403, LeaseNotPresentWithBlobOperation = 412,
   LeaseNotPresentWithContainerOperation = 412, MissingContentLengthHeader = 411,
   NoAuthenticationInformation = 401, PublicAccessNotPermitted = 409, RequestBodyTooLarge = 413,
   ResourceNotFound = 404, UnsupportedHttpVerb = 405,
}

--- Raises the refusal of a code in the service's words. `fields` may hold headers, and `detail`: an array of
-- { element, text } that follow the message.
function words.refuse(code, fields)
   fields = fields or {}
   require("sim.refuse").with { status = STATUS[code] or 400, code = code, message = words.TEXTS[code],
      headers = fields.headers, details = fields.detail }
end

--- Refuses unless the condition holds; gives its value back.
function words.unless(condition, code, fields)
   if not condition then
      words.refuse(code, fields)
   end
   return condition
end

--- A header or query parameter whose value is refused.
function words.bad_header(name, value, code)
   words.refuse(code or "InvalidHeaderValue", { detail = { { "HeaderName", name },
      { "HeaderValue", tostring(value or "") } } })
end

function words.bad_query(name, value, reason)
   words.refuse("InvalidQueryParameterValue", { detail = { { "QueryParameterName", name },
      { "QueryParameterValue", tostring(value or "") }, { "Reason", reason or "" } } })
end

--- What this cloud does not play.
function words.not_here(what)
   require("sim.refuse")(501, "NotImplemented", "The local cloud does not implement " .. what
      .. " of Blob storage.")
end

--- Text for an element; characters that XML cannot hold become U+FFFD.
function words.escape(text)
   text = text:gsub("[%z\1-\8\11\12\14-\31]", "\u{FFFD}"):gsub("\xEF\xBF[\xBE\xBF]", "\u{FFFD}")
   return utf8.len(text) and xml.escape(text) or xml.escape((text:gsub("[\x80-\xFF]", "?")))
end

--- The body of an error: a byte order mark and one line; nothing for HEAD.
function words.error(_, code, message, refusal, req)
   local headers = { ["x-ms-error-code"] = code == "InternalServerError" and "InternalError" or code }
   if req.method == "HEAD" then
      return nil, headers
   end
   headers["content-type"] = "application/xml"
   local more = {}
   for index, pair in ipairs(refusal.details or {}) do
      more[index] = ("<%s>%s</%s>"):format(pair[1], words.escape(pair[2]), pair[1])
   end
   local text = ("%s\nRequestId:%s\nTime:%s"):format(message or code, req.id,
      (clock.iso(clock.now()):gsub("Z$", "0Z")))
   return ("%s<Error><Code>%s</Code><Message>%s</Message>%s</Error>"):format(words.HEAD, code,
      words.escape(text), table.concat(more)), headers
end

--- The headers of every answer.
function words.headers(req)
   return { server = "Windows-Azure-Blob/1.0 Microsoft-HTTPAPI/2.0", ["x-ms-request-id"] = req.id,
      ["x-ms-version"] = req.version, ["x-ms-client-request-id"] = req.headers["x-ms-client-request-id"] }
end

return words
