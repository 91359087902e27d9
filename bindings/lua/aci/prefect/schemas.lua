--- Our own minimal schemas of the block types that the set-up uses, for servers that lack them. Property
-- names, types, required and secret fields are what matters: clients check a document's data against
-- their own class, not against the stored schema.

local json = require "aci.json"

local function text(title, extra)
   local property = { title = title, type = "string" }
   for key, value in pairs(extra or {}) do property[key] = value end
   return property
end

local function hidden(title)
   return text(title, { writeOnly = true, format = "password" })
end

local function list(title)
   return { title = title, type = "array", items = { type = "string" } }
end

local function map(title)
   return { title = title, type = "object", additionalProperties = { type = "string" } }
end

local function number(title, default)
   return { title = title, type = "number", default = default }
end

local function fields(slug, title, properties, required, secrets)
   return { title = title, type = "object", properties = properties, block_type_slug = slug,
      required = json.array(required), secret_fields = json.array(secrets) }
end

local schemas = {}

schemas["string"] = {
   name = "String", description = "A text that flows read by name.",
   fields = fields("string", "String", { value = text "Value" }, { "value" }, {}),
}

schemas["azure"] = {
   name = "Azure", description = "A folder in Azure Blob Storage that holds flow code.",
   capabilities = { "get-directory", "put-directory", "read-path", "write-path" },
   fields = fields("azure", "Azure", {
      bucket_path = text "Bucket Path",
      azure_storage_connection_string = hidden "Connection string",
      azure_storage_account_name = hidden "Account name",
      azure_storage_account_key = hidden "Account key",
      azure_storage_tenant_id = hidden "Tenant id",
      azure_storage_client_id = hidden "Client id",
      azure_storage_client_secret = hidden "Client secret",
      azure_storage_container = hidden "Container",
      azure_storage_anon = { title = "Anonymous", type = "boolean", default = true },
   }, { "bucket_path" }, {
      "azure_storage_connection_string", "azure_storage_account_name", "azure_storage_account_key",
      "azure_storage_tenant_id", "azure_storage_client_id", "azure_storage_client_secret",
      "azure_storage_container",
   }),
}

schemas["azure-container-instance-credentials"] = {
   name = "Azure Container Instance Credentials",
   description = "The service principal that creates container groups.",
   fields = fields("azure-container-instance-credentials", "AzureContainerInstanceCredentials", {
      client_id = text "Client ID", tenant_id = text "Tenant ID", client_secret = hidden "Client Secret",
      credential_kwargs = { title = "Additional arguments", type = "object" },
   }, {}, { "client_secret" }),
}

schemas["azure-blob-storage-credentials"] = {
   name = "Azure Blob Storage Credentials", description = "An account of Azure Blob Storage.",
   fields = fields("azure-blob-storage-credentials", "AzureBlobStorageCredentials", {
      connection_string = hidden "Connection String", account_url = text "Account URL",
      client_id = text "Client ID", tenant_id = text "Tenant ID", client_secret = hidden "Client Secret",
   }, {}, { "connection_string", "client_secret" }),
}

schemas["docker-registry"] = {
   name = "Docker Registry", description = "A container registry with a user name and a password.",
   capabilities = { "docker-login" },
   fields = fields("docker-registry", "DockerRegistry", {
      username = text "Username", password = hidden "Password", registry_url = text "Registry Url",
      reauth = { title = "Reauth", type = "boolean", default = true },
   }, { "username", "password", "registry_url" }, { "password" }),
}

schemas["azure-container-instance-job"] = {
   name = "Azure Container Instance Job",
   description = "Runs each flow run in a container group of its own.",
   capabilities = { "run-infrastructure" },
   references = { aci_credentials = "azure-container-instance-credentials",
      image_registry = "docker-registry" },
   fields = fields("azure-container-instance-job", "AzureContainerInstanceJob", {
      type = text("Type", { default = "container-instance-job", enum = { "container-instance-job" } }),
      env = map "Environment", labels = map "Labels", name = text "Name", command = list "Command",
      aci_credentials = { title = "Credentials",
         allOf = { { ["$ref"] = "#/definitions/AzureContainerInstanceCredentials" } } },
      resource_group_name = text "Resource group", subscription_id = hidden "Subscription id",
      identities = list "Identities", image = text "Image",
      entrypoint = text("Entrypoint", { default = "/opt/prefect/entrypoint.sh" }),
      image_registry = { title = "Image registry", type = "object" },
      cpu = number("CPU", 1.0), memory = number("Memory", 1.0),
      gpu_count = { title = "GPU count", type = "integer" }, gpu_sku = text "GPU SKU",
      subnet_ids = list "Subnets", dns_servers = list "DNS servers",
      stream_output = { title = "Stream output", type = "boolean" },
      task_start_timeout_seconds = { title = "Start timeout", type = "integer", default = 240 },
      task_watch_poll_interval = number("Watch interval", 5.0),
   }, { "resource_group_name", "subscription_id" },
      { "aci_credentials.client_secret", "subscription_id", "image_registry.password" }),
}

local job = schemas["azure-container-instance-job"].fields
job.definitions = {
   AzureContainerInstanceCredentials = schemas["azure-container-instance-credentials"].fields,
}

return schemas
