-- Copy this to config.lua, in the folder you work in or beside your script, and keep only the lines that you
-- change: everything has a default. The environment wins over this file (names in brackets), what a script
-- is given on its command line wins over both. A wrong value is refused before any request is made.
return {
   -- Which cloud: "local" is this machine, "azure" costs money. Credentials found here never switch it.
   -- cloud = "local",                        -- [ACIHOST_CLOUD]

   -- Azure: needed when cloud = "azure". Who signs in is the first of: client_id with its secret or certificate,
   -- a federated token, the managed identity, az login, and on a terminal a code for the browser.
   -- tenant       = "contoso.onmicrosoft.com",               -- or a GUID [AZURE_TENANT_ID, TENANT_ID]
   -- subscription = "00000000-0000-0000-0000-000000000000",  -- [AZURE_SUBSCRIPTION_ID, SUBSCRIPTION_ID]
   -- client_id    = "00000000-0000-0000-0000-000000000000",  -- [AZURE_CLIENT_ID, CLIENT_ID]
   -- The secret is better left to the environment: [AZURE_CLIENT_SECRET, CLIENT_SECRET].
   -- client_certificate = "login.pem",       -- or PKCS#12, in place of a secret [AZURE_CLIENT_CERTIFICATE_PATH]
   -- send_certificate_chain = true,          -- for a subject and issuer login [AZURE_CLIENT_SEND_CERTIFICATE_CHAIN]
   -- A certificate's password is better left to the environment: [AZURE_CLIENT_CERTIFICATE_PASSWORD].
   -- federated_token_file = "/var/run/token",                -- [AZURE_FEDERATED_TOKEN_FILE]
   -- credentials = "AzureCliCredential",     -- the only way to sign in [AZURE_TOKEN_CREDENTIALS]
   -- azure_cloud = "AzureUSGovernment",      -- or AzureChinaCloud [AZURE_CLOUD; AZURE_AUTHORITY_HOST says it too]

   -- Prefect: on the local cloud its own is used unless this names another.
   -- prefect_url = "http://127.0.0.1:4200/api",              -- [PREFECT_API_URL]
   -- Cloud's key, or a guarded server's user:password, is better left to the environment: [PREFECT_API_KEY,
   -- PREFECT_API_AUTH_STRING].
   -- prefect_version = 3,                    -- what the local cloud plays, 2 unless set [ACIHOST_PREFECT]
   -- queue = "armaci",                       -- Prefect 2: work queue that the agent polls [ACIHOST_QUEUE]
   -- work_pool = "armaci",                   -- Prefect 3: work pool that the worker serves [ACIHOST_WORK_POOL]

   -- Where, and under which names. The vault's and the storage account's are worldwide; they derive from the
   -- subscription and the group where they are not set.
   -- location = "northeurope",               -- [AZURE_LOCATION]
   -- any_location = true,                    -- take a region that our list does not know [ACIHOST_ANY_LOCATION]
   -- group = "aci-rg",                       -- [AZURE_RESOURCE_GROUP]
   -- vault = "kv-orion-dev",                 -- [KV_NAME]
   -- storage_account = "orionflows01",       -- [AZURE_STORAGE_ACCOUNT]
   -- container = "flows",                    -- for the flows' code
   -- identity = "orionid",
   -- vnet = "orinet",
   -- subnet = "agentnet",
   -- agent = "prefect-agent",                -- the container group of the agent
   -- principal = "prefect-aci",              -- display name of the service principal

   -- Tags for all that takes tags, as a policy of yours may want them; a tag taken out here stays on what has it. On
   -- Prefect 3 the container groups of runs get them too; Prefect 2's infrastructure block knows no tags.
   -- tags = { team = "data", stage = "dev" },  -- [ACIHOST_TAGS, as team=data,stage=dev]

   -- What the service principal may do: "custom" is the least that suffices, "Contributor" the original's.
   -- role = "custom",

   -- Which twin of the demo flows runs: Lua on the local cloud, Python on Azure where nothing is set.
   -- flow_language = "python",
   -- agent_image = "docker.io/prefecthq/prefect:2.20.25-python3.11",   -- on Prefect 3 3.8.8-python3.11
   -- job_image = "docker.io/prefecthq/prefect:2.20.25-python3.11",

   -- What a flow run's container group gets: CPUs and GB, at least 1 each. On Prefect 3 one run can have others:
   -- acihost run.lua ... --job-variable cpu=2
   -- job_cpu = 2,                            -- [ACIHOST_JOB_CPU]
   -- job_memory = 4,                         -- [ACIHOST_JOB_MEMORY]

   -- A container registry with our own image in it: true derives a name, a text is its name. Agent and Lua jobs run
   -- from it then, and flow_language is lua where it is not set. Azure bills the registry by the day.
   -- registry = true,                        -- [ACIHOST_REGISTRY]

   -- The way out of the agent's network (about 36 USD a month). false: not made; one that is there stays.
   -- nat_gateway = false,                    -- [ACIHOST_NAT_GATEWAY]

   -- The network that you are in: certificates to trust besides the system's, as a proxy's.
   -- ca_file = "/etc/ssl/corporate.pem",     -- [ACIHOST_CA_FILE]

   -- The local cloud's state is kept in a folder of yours unless this names another.
   -- home = "/var/lib/acihost",              -- [ACIHOST_HOME]

   -- Another Blob service, with the account in its path; its key is better left to the environment:
   -- [AZURE_STORAGE_KEY].
   -- blob_endpoint = "http://127.0.0.1:10000/devstoreaccount1",   -- [ACIHOST_BLOB_ENDPOINT]

   -- Addresses of a cloud that azure_cloud does not know.
   -- authority = "https://login.microsoftonline.com",        -- [AZURE_AUTHORITY_HOST]
   -- arm_endpoint = "https://management.azure.com",
   -- graph_endpoint = "https://graph.microsoft.com",
   -- vault_suffix = "vault.azure.net",
   -- storage_suffix = "core.windows.net",
   -- registry_suffix = "azurecr.io",

   -- The value of the demo's secret is better left to the environment: [ACIHOST_TESTSECRET].
}
