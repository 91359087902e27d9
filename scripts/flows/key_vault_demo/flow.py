"""Key Vault Demo: reads a secret from the vault as the container group's managed identity.

The value is never logged: its name, version and length say enough.
"""
from azure.identity import DefaultAzureCredential
from azure.keyvault.secrets import SecretClient
from prefect import flow, get_run_logger, task
from prefect.blocks.system import String

SECRET = "testsecret"


@task
def log_secret():
    url = String.load("kv-url").value
    client = SecretClient(vault_url=url, credential=DefaultAzureCredential())
    found = client.get_secret(SECRET)
    get_run_logger().info(
        "The secret %s of %s has version %s and %d characters",
        found.name, url, found.properties.version, len(found.value),
    )


@flow(name="Key Vault Demo")
def key_vault_demo():
    log_secret()


if __name__ == "__main__":
    key_vault_demo()
