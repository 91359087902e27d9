--- What the token endpoint says: its error body, and the texts by AADSTS number.
local clock  = require "aci.clock"
local crypto = require "aci.crypto"
local json   = require "aci.json"
local refuse = require "sim.refuse"

local words = {}

--- The body of a refusal: an AADSTS number, the client's correlation id, a stamp.
function words.shape(_, code, message, refusal)
   local now = clock.iso(clock.now()):gsub("T", " "):gsub("%.%d+Z$", "Z")
   local trace, correlation = crypto.uuid4(), refusal.correlation or crypto.uuid4()
   local number = refusal.number
   if not number then
      return { error = code, error_description = message }
   end
   local text = ("AADSTS%d: %s\r\nTrace ID: %s\r\nCorrelation ID: %s\r\nTimestamp: %s"):format(
      number, message, trace, correlation, now)
   return { error = code, error_description = text, error_codes = json.array { number }, timestamp = now,
      trace_id = trace, correlation_id = correlation,
      error_uri = "https://login.microsoftonline.com/error?code=" .. number }
end

local WRONG_TENANT = "This can happen if the application has not been installed by the administrator of the "
   .. "tenant or consented to by any user in the tenant. "
local FEDERATED = "No matching federated identity record found for presented assertion %s '%%s'. Check your "
   .. "federated identity credential Subject, Audience and Issuer against the presented assertion. "
   .. "https://docs.microsoft.com/azure/active-directory/develop/workload-identity-federation"

-- number = { error, text }. Numbers that the fact sheet gives no text for are worded after the documentation.
local TEXTS = {
   [50013] = { "invalid_grant", "Assertion failed signature validation. [Reason - %s]" },
   [50027] = { "invalid_request", "JWT token is invalid or malformed. [Reason - %s]" },
   [50049] = { "invalid_instance", "Unknown or invalid instance." },
   [50166] = { "invalid_request", "Request to External OIDC endpoint failed. Issuer: '%s'." },
   [54005] = { "invalid_grant", "OAuth2 Authorization code was already redeemed, please retry with a new valid "
      .. "code or use an existing refresh token." },
   [65004] = { "authorization_declined", "User declined to consent to access the app." },
   [70000] = { "invalid_grant", "Provided grant is invalid or malformed." },
   [70003] = { "unsupported_grant_type", "The app requested an unsupported grant type '%s'." },
   [70011] = { "invalid_scope",
      "The provided value for the input parameter 'scope' is not valid. The scope %s is not valid." },
   [70016] = { "authorization_pending",
      "OAuth 2.0 device flow error. Authorization is pending. Continue polling." },
   [70018] = { "bad_verification_code", "Invalid verification code due to User typing in wrong user code for "
      .. "device code flow." },
   [70020] = { "expired_token", "The provided value for the input parameter 'device_code' is not valid. This "
      .. "device code has expired." },
   [90002] = { "invalid_tenant", "Tenant '%s' not found. Check to make sure you have the correct tenant ID and "
      .. "are signing into the correct cloud. Check with your subscription administrator, this may happen if "
      .. "there are no active subscriptions for the tenant." },
   [500011] = { "invalid_resource", "The resource principal named %s was not found in the tenant named Local "
      .. "cloud. " .. WRONG_TENANT .. "You might have sent your authentication request to the wrong tenant." },
   [700016] = { "unauthorized_client", "Application with identifier '%s' was not found in the directory 'Local "
      .. "cloud'. " .. WRONG_TENANT .. "You may have sent your authentication request to the wrong tenant." },
   [700021] = { "invalid_client", "Client assertion application identifier doesn't match 'client_id' "
      .. "parameter. Review the documentation at https://docs.microsoft.com/azure/active-directory/develop/"
      .. "active-directory-certificate-credentials." },
   [700023] = { "invalid_client", "Client assertion audience claim does not match Realm issuer. Review the "
      .. "documentation at https://docs.microsoft.com/azure/active-directory/develop/"
      .. "active-directory-certificate-credentials." },
   [700024] = { "invalid_client", "Client assertion is not within its valid time range. Current time: %s, "
      .. "assertion valid from %s, expiry time of assertion %s." },
   [700027] = { "invalid_client", "The certificate with identifier used to sign the client assertion is not "
      .. "registered on application. [Reason - %s, Thumbprint of key used by client: '%s', Please visit the "
      .. "Azure Portal, Graph Explorer or directly use MS Graph to see configured keys for app Id '%s'.]" },
   [700211] = { "invalid_client", FEDERATED:format "issuer" },
   [700212] = { "invalid_client", FEDERATED:format "audience" },
   [700213] = { "invalid_client", FEDERATED:format "subject" },
   [900023] = { "invalid_request",
      "Specified tenant identifier '%s' is neither a valid DNS name, nor a valid external domain." },
   [900144] = { "invalid_request", "The request body must contain the following parameter: '%s'." },
   [1002012] = { "invalid_scope", "The provided value for scope %s is not valid. Client credential flows must "
      .. "have a scope value with /.default suffixed to the resource identifier (application ID URI)." },
   [7000215] = { "invalid_client", "Invalid client secret provided. Ensure the secret being sent in the request "
      .. "is the client secret value, not the client secret ID, for a secret added to app '%s'." },
   [7000216] = { "invalid_client", "'client_assertion', 'client_secret' or 'request' is required for the "
      .. "'client_credentials' grant type." },
   [7000218] = { "invalid_client",
      "The request body must contain the following parameter: 'client_assertion' or 'client_secret'." },
   [7000222] = { "invalid_client", "The provided client secret keys for app '%s' are expired. Visit the Azure "
      .. "portal to create new keys for your app: https://aka.ms/NewClientSecret, or consider using certificate "
      .. "credentials for added security: https://aka.ms/certCreds." },
   [7002138] = { "invalid_client", FEDERATED:format "subject" .. " The subject differs in letter case only." },
}

--- Refuses a request by an AADSTS number; what follows goes into its text.
function words.deny(req, number, ...)
   local code, text = TEXTS[number][1], TEXTS[number][2]
   local asked = req.headers["client-request-id"]
   if asked and not asked:find "^%x+%-%x+%-%x+%-%x+%-%x+$" then
      asked = nil
   end
   refuse.with { status = code == "invalid_client" and 401 or 400, code = code, number = number,
      message = text:format(...), correlation = asked }
end

--- A member of the form; refused where it is missing.
function words.need(req, form, name)
   if (form[name] or "") == "" then
      words.deny(req, 900144, name)
   end
   return form[name]
end

return words
