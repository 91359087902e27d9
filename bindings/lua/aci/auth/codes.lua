-- What the token endpoint's AADSTS codes mean and what to do (azure/auth.md 1.5, 1.6): {cause, fix}.
local letters = "compare issuer, subject and audience of the application's federated credential with the token's, "
   .. "letter by letter"
local device = "start again and enter the new code"

return {
   -- the application and its secret
   [7000215] = { "the client secret is wrong",
      "give the secret's value, not its id (client_secret, AZURE_CLIENT_SECRET); a new one works after up to "
      .. "half a minute" },
   [7000222] = { "the client secret has expired", "add a new secret to the application and give that" },
   [7000216] = { "the request held no client secret", "set client_secret (AZURE_CLIENT_SECRET)" },
   [7000218] = { "the application has to prove itself, and the request held no secret",
      "set client_secret (AZURE_CLIENT_SECRET), or allow public client flows on the application" },
   [700016] = { "the application is not in this tenant",
      "check client_id and tenant: one of them belongs to something else; a new application is known after "
      .. "up to half a minute" },
   [7000112] = { "the application is disabled", "enable the application in the tenant" },
   [65001] = { "nobody has consented to this application",
      "ask an administrator of the tenant for consent to the application's permissions" },
   -- the tenant and the resource
   [90002] = { "there is no such tenant",
      "check tenant (AZURE_TENANT_ID): a GUID or a domain, and the right cloud (AZURE_AUTHORITY_HOST)" },
   [900023] = { "the tenant is neither a GUID nor a domain", "check tenant (AZURE_TENANT_ID)" },
   [500011] = { "the tenant does not know the service that the token is for",
      "check tenant; the service may have to be used once in it" },
   [50001] = { "the tenant does not know the service that the token is for",
      "check tenant; the service may have to be used once in it" },
   [50049] = { "this login host is no cloud's", "check authority (AZURE_AUTHORITY_HOST)" },
   [70011] = { "the scope is not valid", "a scope is one resource followed by /.default" },
   [1002012] = { "the scope is not valid", "a scope is one resource followed by /.default" },
   [900144] = { "the request lacks a parameter", "this is a fault of ours: please report it" },
   [70003] = { "the tenant does not allow this kind of sign-in", "use another credential" },
   [70000] = { "the sign-in that is kept is no longer valid", "sign in again" },
   -- certificates
   [700027] = { "the certificate is not the application's, or has expired",
      "add the certificate to the application (its thumbprint is in the message), or give the one that is there" },
   [700024] = { "the assertion is outside its time",
      "check this machine's clock; of a federated token: is its file still being renewed?" },
   [700023] = { "the assertion is for another token endpoint",
      "check tenant and authority (AZURE_AUTHORITY_HOST); a domain that was renamed: give the tenant's GUID" },
   [700021] = { "the assertion is another application's", "check client_id (AZURE_CLIENT_ID)" },
   [50027] = { "the assertion is not a valid token", "is the file of the federated token whole?" },
   -- federated credentials
   [70021] = { "no federated credential matches", letters },
   [700211] = { "no federated credential has this issuer", letters },
   [700212] = { "no federated credential has this audience", letters .. " (api://AzureADTokenExchange)" },
   [700213] = { "no federated credential has this subject", letters },
   [7002137] = { "no federated credential matches this subject", letters },
   [7002138] = { "the federated credential's subject differs in small and capital letters", letters },
   [50166] = { "Entra cannot read the issuer's keys",
      "the issuer's /.well-known/openid-configuration has to be reachable from the internet" },
   [50013] = { "the federated token's signature is not its issuer's", "is the token of that cluster?" },
   -- people
   [50034] = { "there is no such user", "check the name and the tenant" },
   [50076] = { "the sign-in needs a second factor",
      "sign in with a browser (az login), or use a service principal or a managed identity" },
   [53003] = { "a conditional access policy forbids this sign-in", "ask who keeps the tenant's policies" },
   [65004] = { "the sign-in was declined", device },
   [70016] = { "nobody has entered the code yet", device },
   [70018] = { "the code is not known", device },
   [70020] = { "nobody entered the code in time", device },
   [54005] = { "the code was used already", device },
}
