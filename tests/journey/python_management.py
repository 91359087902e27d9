"""The official management SDKs as a program uses them, told nothing but the environment. Prints one JSON object:
what each part saw, or the error that ended it. With the word `inside` it is the program that runs within a
container group: it reads a secret as the group's identity."""
import asyncio, json, os, sys, time, traceback, uuid

from azure.core import exceptions
from azure.identity import DefaultAzureCredential

SUBSCRIPTION = os.environ.get("AZURE_SUBSCRIPTION_ID", "")
PLACE = "northeurope"
GROUP = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/sdk"
HERE = os.path.abspath(__file__)


def inside(vault):
    from azure.keyvault.secrets import SecretClient
    from azure.identity import ManagedIdentityCredential
    credential = ManagedIdentityCredential(client_id=os.environ["AZURE_CLIENT_ID"])
    for chosen in (credential, DefaultAzureCredential()):
        found = SecretClient(f"https://{vault}.vault.azure.net", chosen).get_secret("for-the-group")
        print("the secret is", found.value, flush=True)


def error_of(call, *args, **kwargs):
    try:
        call(*args, **kwargs)
        return None
    except exceptions.AzureError as err:
        inner = getattr(getattr(err, "error", None), "code", None)
        return [type(err).__name__, getattr(err, "status_code", None), inner]


def eventually(read, seconds=20):
    for _ in range(seconds * 5):
        value = read()
        if value:
            return value
        time.sleep(0.2)
    raise TimeoutError("it did not happen")


def groups(resources):
    made = resources.resource_groups.create_or_update("sdk", {"location": PLACE, "tags": {"a": "b"}})
    resources.resource_groups.create_or_update("gone", {"location": PLACE})
    patched = resources.resource_groups.update("sdk", {"tags": {"c": "d"}})
    resources.resource_groups.begin_delete("gone").result()
    return {
        "made": [made.id == GROUP, made.location, made.properties.provisioning_state, made.tags],
        "patched": patched.tags,
        "exists": [resources.resource_groups.check_existence(name) for name in ("sdk", "gone")],
        "listed": [group.name for group in resources.resource_groups.list()],
        "absent": error_of(resources.resource_groups.get, "gone"),
        "elsewhere": error_of(resources.resource_groups.create_or_update, "sdk", {"location": "westeurope"}),
        "provider": [resources.providers.register("Microsoft.KeyVault").namespace, eventually(
            lambda: resources.providers.get("Microsoft.KeyVault").registration_state == "Registered")],
    }


TEMPLATE = {
    "$schema": "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#",
    "contentVersion": "1.0.0.0",
    "parameters": {"vault": {"type": "string"}, "secret": {"type": "secureString"}},
    "resources": [
        {"type": "Microsoft.ManagedIdentity/userAssignedIdentities", "apiVersion": "2023-01-31",
         "name": "runner", "location": PLACE},
        {"type": "Microsoft.KeyVault/vaults", "apiVersion": "2023-07-01", "name": "[parameters('vault')]",
         "location": PLACE, "properties": {"tenantId": "[subscription().tenantId]",
             "sku": {"family": "A", "name": "standard"}, "enableRbacAuthorization": True}},
        {"type": "Microsoft.KeyVault/vaults/secrets", "apiVersion": "2023-07-01",
         "name": "[format('{0}/for-the-group', parameters('vault'))]",
         "dependsOn": ["[parameters('vault')]"], "properties": {"value": "[parameters('secret')]"}},
    ],
    "outputs": {
        "identity": {"type": "string", "value": "[resourceId('Microsoft.ManagedIdentity/"
                     "userAssignedIdentities', 'runner')]"},
        "client": {"type": "string", "value": "[reference('runner').clientId]"},
        "principal": {"type": "string", "value": "[reference('runner').principalId]"},
    },
}


def deployments(resources, vault, secret):
    given = {"properties": {"mode": "Incremental", "template": TEMPLATE, "parameters": {
        "vault": {"value": vault}, "secret": {"value": secret}}}}
    client = resources.deployments
    checked = client.begin_validate("sdk", "d", given).result()
    predicted = client.begin_what_if("sdk", "d", given).result()
    made = client.begin_create_or_update("sdk", "d", given).result()
    outputs = {name: output["value"] for name, output in made.properties.outputs.items()}
    bad = dict(given, properties=dict(given["properties"], parameters={}))
    failing = {"properties": {"mode": "Incremental", "template": dict(TEMPLATE, parameters={}, outputs={}, resources=[
        {"type": "Microsoft.Network/virtualNetworks/subnets", "apiVersion": "2024-05-01", "name": "no-net/s",
         "properties": {"addressPrefix": "10.0.0.0/24"}}])}}
    failed = None
    try:
        client.begin_create_or_update("sdk", "failing", failing).result()
    except exceptions.HttpResponseError as err:
        failed = [err.error.code, err.error.details[0].code]
    return {
        "checked": [checked.error, checked.properties.provisioning_state],
        "predicted": [predicted.status, sorted({change.change_type for change in predicted.changes})],
        "made": [made.properties.provisioning_state, len(made.properties.output_resources),
                 made.properties.parameters["secret"], outputs["identity"].rsplit("/", 1)[1]],
        "operations": sorted(o.properties.target_resource.resource_type.rsplit("/", 1)[1] for o in
                             resources.deployment_operations.list("sdk", "d") if o.properties.target_resource),
        "listed": sorted(d.name for d in client.list_by_resource_group("sdk")),
        "exists": [client.check_existence("sdk", name) for name in ("d", "none")],
        "states": [client.get("sdk", name).properties.provisioning_state for name in ("d", "failing")],
        "bad": error_of(client.begin_create_or_update, "sdk", "bad", bad), "lost": failed,
        "resources": sorted(r.name for r in resources.resources.list_by_resource_group("sdk")),
        "filtered": [r.name for r in resources.resources.list(filter="resourceType eq 'Microsoft.KeyVault/vaults'")],
        "outputs": outputs,
    }


def container_group(command, **more):
    return {"location": PLACE, "os_type": "Linux", "restart_policy": "Never", "containers": [{
        "name": "main", "image": "busybox:latest", "command": command,
        "resources": {"requests": {"cpu": 1.0, "memory_in_gb": 1.0}},
        "environment_variables": [{"name": "SEEN", "value": "seen"}, {"name": "HIDDEN", "secure_value": "hidden"}],
    }], **more}


def ended(client, name):
    def read():
        state = client.container_groups.get("sdk", name).containers[0].instance_view
        return state and state.current_state and state.current_state.state == "Terminated" and state.current_state
    return eventually(read)


def containers(client):
    command = ["/bin/sh", "-c", "echo one; echo $SEEN $HIDDEN; exit 7"]
    made = client.container_groups.begin_create_or_update("sdk", "job", container_group(
        command, tags={"a": "b"})).result()
    state = ended(client, "job")
    tagged = client.container_groups.update("sdk", "job", {"tags": {"c": "d"}})
    logs = client.containers.list_logs("sdk", "job", "main")
    seen = {
        "made": [made.provisioning_state, made.os_type, made.restart_policy, made.containers[0].command == command],
        "hidden": [[v.name, v.value, v.secure_value] for v in made.containers[0].environment_variables],
        "ended": [state.exit_code, state.detail_status], "tags": tagged.tags,
        "view": client.container_groups.get("sdk", "job").instance_view.state,
        "log": logs.content, "tail": client.containers.list_logs("sdk", "job", "main", tail=1).content,
        "stamped": client.containers.list_logs("sdk", "job", "main", timestamps=True).content[:2],
        "listed": [g.name for g in client.container_groups.list_by_resource_group("sdk")],
        "all": [g.name for g in client.container_groups.list()],
        "no_container": error_of(client.containers.list_logs, "sdk", "job", "other"),
        "absent": error_of(client.container_groups.get, "sdk", "none"),
        "bad_name": error_of(client.container_groups.begin_create_or_update, "sdk", "Bad Name",
                             container_group(command)),
        "bad_image": error_of(client.container_groups.begin_create_or_update, "sdk", "bad",
                              dict(container_group(command), containers=[])),
    }
    gone = client.container_groups.begin_delete("sdk", "job").result()
    seen["deleted"] = [gone and gone.name, error_of(client.container_groups.get, "sdk", "job")]
    return seen


def life(client):
    client.container_groups.begin_create_or_update("sdk", "stay", container_group(
        ["/bin/sh", "-c", "echo begun; exec sleep 100"])).result()
    view = lambda: client.container_groups.get("sdk", "stay").instance_view.state
    running = eventually(lambda: view() == "Running")
    client.container_groups.stop("sdk", "stay")
    stopped = view()
    client.container_groups.begin_start("sdk", "stay").result()
    again = eventually(lambda: view() == "Running")
    client.container_groups.begin_restart("sdk", "stay").result()
    once_more = eventually(lambda: view() == "Running")
    client.container_groups.begin_delete("sdk", "stay").result()
    return {"states": [running, stopped, again, once_more]}


def identity(client, resources, vault, outputs):
    role = f"/subscriptions/{SUBSCRIPTION}/providers/Microsoft.Authorization/roleDefinitions/" \
        "4633458b-17de-408a-b874-0445c86b69e6"
    resources.resources.begin_create_or_update_by_id(
        f"{GROUP}/providers/Microsoft.KeyVault/vaults/{vault}/providers/Microsoft.Authorization/roleAssignments/"
        f"{uuid.uuid4()}", "2022-04-01", {"properties": {"roleDefinitionId": role, "principalType":
            "ServicePrincipal", "principalId": outputs["principal"]}}).result()
    given = container_group([sys.executable, HERE, "inside", vault], identity={
        "type": "UserAssigned", "user_assigned_identities": {outputs["identity"]: {}}})
    given["containers"][0]["environment_variables"] = [{"name": "AZURE_CLIENT_ID", "value": outputs["client"]}]
    client.container_groups.begin_create_or_update("sdk", "identified", given).result()
    state = ended(client, "identified")
    return {"exit": state.exit_code, "log": client.containers.list_logs("sdk", "identified", "main").content}


def asynchronous():
    async def run():
        from azure.identity.aio import DefaultAzureCredential as Credential
        from azure.mgmt.containerinstance.aio import ContainerInstanceManagementClient as Client
        async with Credential() as credential, Client(credential, SUBSCRIPTION, polling_interval=1) as client:
            async def one(number):
                name = f"task-{number}"
                poller = await client.container_groups.begin_create_or_update("sdk", name, container_group(
                    ["/bin/sh", "-c", f"echo {number}"]))
                made = await poller.result()
                for _ in range(100):
                    logs = (await client.containers.list_logs("sdk", name, "main")).content
                    if logs:
                        break
                    await asyncio.sleep(0.1)
                await (await client.container_groups.begin_delete("sdk", name)).result()
                return [made.name, logs.strip()]
            return await asyncio.gather(*(one(number) for number in range(4)))
    return {"seen": asyncio.run(run())}


def faults(resources):
    """Each of these meets a fault that was planted: the SDK tries again by its own rules."""
    make = resources.resource_groups.create_or_update
    seen = {name: make(name, {"location": PLACE}).name for name in ("throttled", "dropped", "lost", "broken")}
    seen["too_often"] = error_of(make, "hopeless", {"location": PLACE}, retry_total=1)
    for name in ("throttled", "dropped", "lost", "broken"):
        resources.resource_groups.begin_delete(name).result()
    return seen


def part(seen, name, call, *args):
    try:
        seen[name] = call(*args)
    except Exception:
        seen[name] = {"failed": traceback.format_exc()}
    return seen[name]


def main(vault, secret):
    from azure.mgmt.containerinstance import ContainerInstanceManagementClient
    from azure.mgmt.resource import ResourceManagementClient
    credential = DefaultAzureCredential()
    resources = ResourceManagementClient(credential, SUBSCRIPTION, polling_interval=1)
    client = ContainerInstanceManagementClient(credential, SUBSCRIPTION, polling_interval=1)
    seen = {}
    part(seen, "groups", groups, resources)
    part(seen, "faults", faults, resources)
    outputs = part(seen, "deployments", deployments, resources, vault, secret).get("outputs", {})
    resources.providers.register("Microsoft.ContainerInstance")
    part(seen, "containers", containers, client)
    part(seen, "life", life, client)
    part(seen, "identity", identity, client, resources, vault, outputs)
    part(seen, "asynchronous", asynchronous)
    resources.resource_groups.begin_delete("sdk").result()
    print(json.dumps(seen, default=str))


if sys.argv[1] == "inside":
    inside(sys.argv[2])
else:
    main(sys.argv[1], os.environ["SPEC_SECRET"])
