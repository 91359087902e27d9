-- The api-version that we speak for each resource type; longest match of the type wins.
return {
   ["Microsoft.Authorization/locks"] = "2020-05-01",
   ["Microsoft.Authorization/roleAssignments"] = "2022-04-01",
   ["Microsoft.Authorization/roleDefinitions"] = "2022-04-01",
   ["Microsoft.ContainerInstance"] = "2023-05-01",
   ["Microsoft.ContainerRegistry"] = "2023-07-01",
   ["Microsoft.KeyVault"] = "2023-07-01",
   ["Microsoft.ManagedIdentity"] = "2023-01-31",
   ["Microsoft.Network"] = "2023-11-01",
   ["Microsoft.OperationalInsights"] = "2022-10-01",
   ["Microsoft.Resources"] = "2022-09-01",
   ["Microsoft.Resources/deployments"] = "2021-04-01",
   ["Microsoft.Storage"] = "2022-09-01",
   subscriptions = "2022-12-01",
}
