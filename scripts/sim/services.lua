--- The services of the local cloud, by file name, in the order in which they are mounted.
return {
   "control", "entra", "federation", "graph", "arm", "groups", "authorization", "deployments", "network", "identity",
   "storage", "vaults", "containerregistry", "acr", "containerinstance", "metadata", "keyvault", "blob", "prefect",
}
