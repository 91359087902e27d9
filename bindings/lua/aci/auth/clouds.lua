-- Azure's clouds (azure/auth.md 1.9): their login hosts and the addresses that follow from them.
local clouds = {}

local public = {
   name = "AzureCloud", authority = "https://login.microsoftonline.com",
   arm_endpoint = "https://management.azure.com", graph_endpoint = "https://graph.microsoft.com",
   vault_suffix = "vault.azure.net", storage_suffix = "core.windows.net", registry_suffix = "azurecr.io",
}
local government = {
   name = "AzureUSGovernment", authority = "https://login.microsoftonline.us",
   arm_endpoint = "https://management.usgovcloudapi.net", graph_endpoint = "https://graph.microsoft.us",
   vault_suffix = "vault.usgovcloudapi.net", storage_suffix = "core.usgovcloudapi.net",
   registry_suffix = "azurecr.us",
}
local china = {
   name = "AzureChinaCloud", authority = "https://login.partner.microsoftonline.cn",
   arm_endpoint = "https://management.chinacloudapi.cn", graph_endpoint = "https://microsoftgraph.chinacloudapi.cn",
   vault_suffix = "vault.azure.cn", storage_suffix = "core.chinacloudapi.cn", registry_suffix = "azurecr.cn",
}

-- Names that az, Terraform, the SDKs and their ancestors use, in small letters.
local by_name = {
   azurecloud = public, azurepublic = public, azurepubliccloud = public, public = public,
   azureusgovernment = government, azureusgovernmentcloud = government, azuregovernment = government,
   usgovernment = government, azurechinacloud = china, azurechina = china, china = china,
}

local by_host = {
   ["login.microsoftonline.com"] = public, ["login.microsoft.com"] = public, ["login.windows.net"] = public,
   ["sts.windows.net"] = public,
   ["login.microsoftonline.us"] = government, ["login-us.microsoftonline.com"] = government,
   ["login.usgovcloudapi.net"] = government,
   ["login.chinacloudapi.cn"] = china, ["login.partner.microsoftonline.cn"] = china,
}

--- A cloud by its name, or nil.
function clouds.named(name)
   return by_name[name:lower()]
end

--- A cloud by the address of its login host, or nil.
function clouds.of_authority(url)
   return by_host[url:lower():match "^https?://([^/:]+)" or ""]
end

clouds.public = public

return clouds
