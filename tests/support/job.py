# What Prefect's own worker makes of flow runs: for each id in the arguments after the pool's name, one line of
# JSON with the container group's resource, as it would be deployed, and what else decides about the job.
import asyncio
import json
import sys
import warnings

warnings.filterwarnings("ignore")

from prefect.client.orchestration import get_client
from prefect_azure.workers import container_instance as own


def configuration_class():
    for name in ("AzureContainerJobConfiguration", "AzureContainerWorkerJobConfiguration"):
        if hasattr(own, name):
            return getattr(own, name)


async def resolve(kind, client, pool, run):
    if hasattr(kind, "resolve_for_flow_run"):
        return await kind.resolve_for_flow_run(
            flow_run=run, client=client, work_pool=pool, worker_name="w"
        )
    worker = own.AzureContainerWorker(work_pool_name=pool.name)
    worker._client, worker._work_pool = client, pool
    return await worker._get_configuration(run)


def shown(job):
    group = job.arm_template["resources"][0]
    for variable in group["properties"]["containers"][0]["properties"]["environmentVariables"]:
        if hasattr(variable.get("secureValue"), "get_secret_value"):
            variable["secureValue"] = variable["secureValue"].get_secret_value()
    login = job.aci_credentials.client_secret
    return {
        "group": group,
        "probe": job.arm_template.get("probe"),
        "name": job.name,
        "subscription": job.subscription_id.get_secret_value(),
        "resource_group": job.resource_group_name,
        "secret": login.get_secret_value() if login else None,
        "stream": job.stream_output,
        "keep": job.keep_container_group if hasattr(job, "keep_container_group") else None,
        "start": job.task_start_timeout_seconds,
        "every": job.task_watch_poll_interval,
    }


async def main():
    kind = configuration_class()
    async with get_client() as client:
        for pair in sys.argv[1:]:
            name, run = pair.split("/")
            pool = await client.read_work_pool(name)
            try:
                found = await resolve(kind, client, pool, await client.read_flow_run(run))
                print("JOB " + json.dumps(shown(found)))
            except Exception as error:
                print("JOB " + json.dumps({"error": type(error).__name__ + ": " + str(error)}))


asyncio.run(main())
