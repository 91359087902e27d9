-- Copy this to config.lua, in the folder you work in or beside your script, and keep only the lines that you
-- change: everything has a default. The environment wins over this file (names in brackets), what a script
-- is given on its command line wins over both. A wrong value is refused before any request is made.
return {
   -- Which cloud: "local" is this machine, "azure" costs money. Credentials found here never switch it.
   -- cloud = "local",                        -- [ACIHOST_CLOUD]

   -- Azure: needed when cloud = "azure". Who signs in is the first of: client_id with its secret or certificate,
   -- a federated token, the managed identity, az login, and on a terminal a code for the browser. One of them
   -- alone: credentials = "AzureCliCredential" [AZURE_TOKEN_CREDENTIALS].
   -- tenant       = "contoso.onmicrosoft.com",               -- or a GUID [AZURE_TENANT_ID, TENANT_ID]
   -- subscription = "00000000-0000-0000-0000-000000000000",  -- [AZURE_SUBSCRIPTION_ID, SUBSCRIPTION_ID]
   -- client_id    = "00000000-0000-0000-0000-000000000000",  -- [AZURE_CLIENT_ID, CLIENT_ID]
   -- The secret is better left to the environment: [AZURE_CLIENT_SECRET, CLIENT_SECRET].
   -- client_certificate = "login.pem",       -- or PKCS#12, in place of a secret [AZURE_CLIENT_CERTIFICATE_PATH]
   -- azure_cloud = "AzureUSGovernment",      -- or AzureChinaCloud [AZURE_CLOUD; AZURE_AUTHORITY_HOST says it too]

   -- Prefect: on the local cloud its own is used unless this names another.
   -- prefect_url = "http://127.0.0.1:4200/api",              -- [PREFECT_API_URL]
   -- The key is better left to the environment: [PREFECT_API_KEY].
   -- prefect_version = "3",                  -- what the local cloud plays, 2 unless set [ACIHOST_PREFECT]
   -- queue = "armaci",                       -- Prefect 2: work queue that the agent polls [ACIHOST_QUEUE]
   -- work_pool = "armaci",                   -- Prefect 3: work pool that the worker serves [ACIHOST_WORK_POOL]

   -- Where, and under which names. The vault's and the storage account's are worldwide; they derive from the
   -- subscription and the group where they are not set.
   -- location = "northeurope",               -- [AZURE_LOCATION]
   -- group = "aci-rg",                       -- [AZURE_RESOURCE_GROUP]
   -- vault = "kv-orion-dev",                 -- [KV_NAME]
   -- storage_account = "orionflows01",       -- [AZURE_STORAGE_ACCOUNT]
   -- container = "flows",                    -- for the flows' code
   -- identity = "orionid",
   -- vnet = "orinet",
   -- subnet = "agentnet",
   -- agent = "prefect-agent",                -- the container group of the agent
   -- principal = "prefect-aci",              -- display name of the service principal

   -- What the service principal may do: "custom" is the least that suffices, "Contributor" the original's.
   -- role = "custom",

   -- Which twin of the demo flows runs: Lua on the local cloud, Python on Azure where nothing is set.
   -- flow_language = "python",
   -- agent_image = "docker.io/prefecthq/prefect:2.20.25-python3.11",   -- on Prefect 3 3.8.8-python3.11
   -- job_image = "docker.io/prefecthq/prefect:2.20.25-python3.11",

   -- A container registry with our own image in it: true derives a name, a text is its name. Agent and Lua jobs run
   -- from it then, and flow_language is lua where it is not set. Azure bills the registry by the day.
   -- registry = true,                        -- [ACIHOST_REGISTRY]

   -- The value of the demo's secret is better left to the environment: [ACIHOST_TESTSECRET].
}
