"""Key Vault Demo: reads a secret from the vault as the container group's managed identity.

The value is never logged: its name, version and length say enough.
"""
from azure.identity import DefaultAzureCredential
from azure.keyvault.secrets import SecretClient
from prefect import __version__, flow, get_run_logger, task

SECRET = "testsecret"


def vault_url():
    """Prefect 3 keeps it in a variable, Prefect 2 in the original's block."""
    if __version__.startswith("2."):
        from prefect.blocks.system import String

        return String.load("kv-url").value
    from prefect.variables import Variable

    return Variable.get("kv_url")


@task
def log_secret():
    url = vault_url()
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
