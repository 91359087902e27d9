-- What to do about the codes that Azure answers with. Texts are advice to a person at a terminal.
local advice = {
   -- who you are
   InvalidAuthenticationTokenTenant = "the token is of another tenant than the subscription: check tenant",
   InvalidAuthenticationTokenAudience = "the token is for another service",
   ExpiredAuthenticationToken = "the token has expired: check this machine's clock",
   -- what you may do
   AuthorizationFailed = "ask an owner of that scope for a role with this action; a new assignment takes "
      .. "up to 10 minutes to count",
   LinkedAuthorizationFailed = "the role on the linked resource (its identity or subnet) is missing, or "
      .. "that resource does not exist; a new assignment takes up to 10 minutes to count",
   Authorization_RequestDenied = "the caller needs a Microsoft Graph permission "
      .. "(Application.ReadWrite.OwnedBy makes and manages its own applications), with admin consent",
   InaccessibleImage = "check the image's name and tag; from a registry of Azure the group pulls as an identity "
      .. "that needs the role AcrPull on the registry (setup.lua gives it)",
   AccessDenied = "the vault uses access policies: add one for this caller, or turn on RBAC",
   ForbiddenByFirewall = "the vault's firewall does not let this address in",
   AuthorizationPermissionMismatch = "the caller needs a data role, such as Storage Blob Data Contributor; a "
      .. "control-plane role gives none; a new assignment takes some minutes to count",
   KeyBasedAuthenticationNotPermitted = "this storage account refuses account keys: allow them "
      .. "(properties.allowSharedKeyAccess = true), or give the caller Storage Blob Data Contributor and "
      .. "connect with a credential instead of a key",
   RequestDisallowedByPolicy = "a policy of the subscription forbids this: ask who keeps its policies",
   ScopeLocked = "a lock on the resource or its group forbids this: remove the lock",
   -- names and states
   VaultAlreadyExists = "vault names are worldwide: choose another (setting vault), or purge the deleted "
      .. "vault of that name (teardown.lua --purge)",
   StorageAccountAlreadyTaken = "storage account names are worldwide: choose another (storage_account)",
   StorageAccountInAnotherResourceGroup = "the account is in another group of this subscription: choose "
      .. "another name (setting storage_account) or that group",
   ObjectIsDeletedButRecoverable = "recover the secret, or purge it first",
   ResourceGroupBeingDeleted = "the group is being deleted: wait until it is gone, then run this again",
   InvalidResourceGroupLocation = "the group exists in another location: set location to that one, or "
      .. "choose another group",
   InvalidResourceLocation = "it exists in another location: set location to that one, or "
      .. "choose another name",
   DeploymentActive = "another deployment of that name is running: wait for it, or cancel it",
   AnotherOperationInProgress = "something else is changing this or a related resource: try again when it "
      .. "is done",
   ContainerBeingDeleted = "a container of that name is being deleted: it can be made again after about "
      .. "half a minute",
   InUseSubnetCannotBeDeleted = "delete what is in the subnet first; a container group's link to it can take "
      .. "some minutes to go",
   RoleAssignmentUpdateNotPermitted = "a role assignment of that name is somebody else's: its principal was "
      .. "probably made anew; delete the old assignment",
   RoleAssignmentLimitExceeded = "the subscription is full of role assignments: remove those whose principal "
      .. "is gone",
   InvalidActionOrNotAction = "one unknown action refuses the whole role: correct its name",
   RoleDefinitionWithSameNameExists = "role names are unique in the tenant: choose another name",
   -- what the subscription offers
   MissingSubscriptionRegistration = "register the provider in the subscription, or ask somebody who may",
   SubscriptionNotFound = "check subscription, and that this caller has a role in it",
   LocationNotAvailableForResourceType = "choose a location from that list (setting location)",
   NoRegisteredProviderFound = "choose a location and an api-version from those lists",
   DeploymentQuotaExceeded = "delete old deployments of the group",
}

-- The built-in role that gives a data action; Azure's message names the action only.
advice.roles = {
   ["Microsoft.KeyVault/vaults/secrets/getSecret/action"] = "Key Vault Secrets User",
   ["Microsoft.KeyVault/vaults/secrets/readMetadata/action"] = "Key Vault Secrets User",
   ["Microsoft.KeyVault/vaults/secrets/setSecret/action"] = "Key Vault Secrets Officer",
   ["Microsoft.KeyVault/vaults/secrets/delete"] = "Key Vault Secrets Officer",
   ["Microsoft.KeyVault/vaults/secrets/purge/action"] = "Key Vault Secrets Officer",
   ["Microsoft.KeyVault/vaults/secrets/recover/action"] = "Key Vault Secrets Officer",
   ["Microsoft.KeyVault/vaults/secrets/update/action"] = "Key Vault Secrets Officer",
}

return advice
