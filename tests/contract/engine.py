"""A flow of tasks by Prefect's own engine, of either major, told nothing but where the API is: what it leaves there
(runs, states, task runs, logs, artifacts, variables), asked by Prefect's own client. Prints one JSON object."""
import asyncio, json, warnings

warnings.filterwarnings("ignore")
import prefect
from prefect import flow, get_client, get_run_logger, task
from prefect.artifacts import create_link_artifact, create_markdown_artifact, create_table_artifact
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterId, LogFilter, LogFilterFlowRunId, \
    TaskRunFilter, TaskRunFilterFlowRunId
from prefect.client.schemas.sorting import LogSort
from prefect.states import Cancelled
from prefect.variables import Variable

tries = []


@task(tags=["limited"])
def twice(n):
    return 2 * n


@task(retries=2, retry_delay_seconds=0)
def second_time():
    tries.append(1)
    if len(tries) == 1:
        raise ValueError("not yet")
    get_run_logger().warning("the second time")
    return len(tries)


@task
def broken():
    raise ValueError("broken")


@task
def cancelled():
    return Cancelled(message="never mind")


@flow(name="Engine's inner", retries=1)
def inner(n: int):
    return twice(n)


@flow(name="Engine's outer")
def outer(n: int = 3, who: str = "me"):
    get_run_logger().info("for %s", who)
    create_markdown_artifact("# made", key="engine-note", description="d")
    create_table_artifact([{"a": 1}], key="engine-table")
    create_link_artifact("https://example.org", key="engine-link", link_text="here")
    Variable.set("engine_var", "one", overwrite=True)
    broken(return_state=True)
    cancelled(return_state=True)
    return [f.result() for f in twice.map([n, n + 1])] + [inner(n), second_time()]


@flow(name="Engine's failure", retries=1, retry_delay_seconds=0)
def failure():
    broken()


async def logs_of(client, run_id):
    lines = await client.read_logs(LogFilter(flow_run_id=LogFilterFlowRunId(any_=[run_id])),
                                   sort=LogSort.TIMESTAMP_ASC)
    return sorted(f"{line.level} {line.name} {'task' if line.task_run_id else 'flow'}" for line in lines)


async def tasks_of(client, run_id):
    found = await client.read_task_runs(task_run_filter=TaskRunFilter(
        flow_run_id=TaskRunFilterFlowRunId(any_=[run_id])))
    seen = []
    for each in found:
        states = [s.name for s in sorted(await client.read_task_run_states(each.id), key=lambda s: s.timestamp)]
        # (Prefect 2 has a name of its own invention for the run of a flow within a flow)
        name = each.task_key.rsplit(".", 1)[-1].split("-")[0]
        seen.append([name, states, each.run_count, sorted(each.tags),
                     each.flow_run_run_count, each.empirical_policy.retries])
    return sorted(seen, key=json.dumps)


async def run_of(client, run):
    states = sorted(await client.read_flow_run_states(run.id), key=lambda s: s.timestamp)
    return {"states": [s.name for s in states], "count": run.run_count, "parameters": run.parameters,
            "child": run.parent_task_run_id is not None, "timed": bool(run.start_time and run.end_time),
            "tasks": await tasks_of(client, run.id), "logs": await logs_of(client, run.id)}


async def settled(client, run):
    """Prefect 3 tells of task runs a moment later."""
    before = None
    for _ in range(60):
        now = await run_of(client, await client.read_flow_run(run.id))
        shown = json.dumps(now)
        if shown == before and "Running\"]" not in shown:
            return now
        before = shown
        await asyncio.sleep(0.5)
    return now


async def recorded():
    await asyncio.sleep(4)  # logs are sent every two seconds
    async with get_client() as client:
        runs = await client.read_flow_runs()
        flows = {f.id: f.name for f in await client.read_flows()}
        seen = {}
        for run in runs:
            seen[flows[run.flow_id]] = await settled(client, run)
        return seen


def artifacts():
    async def read():
        async with get_client() as client:
            seen = []
            for key in ("engine-note", "engine-table", "engine-link"):
                found = (await client._client.get(f"/artifacts/{key}/latest")).json()
                seen.append([found["type"], found["data"], found["description"], found["flow_run_id"] is not None])
            return seen
    return asyncio.run(read())


def main():
    result = outer(2)
    try:
        failure()
        failed = None
    except ValueError as err:
        failed = str(err)
    value = Variable.get("engine_var")
    print(json.dumps({"result": result, "failed": failed, "artifacts": artifacts(),
                      "variable": getattr(value, "value", value), **asyncio.run(recorded())}))


main()
