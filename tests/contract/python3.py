"""Prefect 3's own client as programs use it, told nothing but where the API is: blocks, variables, a
deployment and its runs. Prints one JSON object: what each part saw, or the error that ended it. Its argument is a folder to work in."""
import asyncio, json, os, sys, traceback, warnings

warnings.filterwarnings("ignore")
FOLDER = sys.argv[1]
os.chdir(FOLDER)
sys.path.insert(0, FOLDER)

FLOW = '''
from prefect import flow

@flow(name="Python Three")
def python_three(n: int = 3, who: str = "me"):
    return n
'''
with open("flow.py", "w") as file:
    file.write(FLOW)

from pydantic import SecretStr
from prefect import flow
from prefect.blocks.core import Block
from prefect.blocks.system import Secret
from prefect.client.orchestration import get_client
from prefect.client.schemas.actions import WorkPoolCreate
from prefect.deployments import run_deployment
from prefect.variables import Variable
from prefect_azure import AzureBlobStorageCredentials, AzureContainerInstanceCredentials


class Inner(Block):
    word: SecretStr


class Outer(Block):
    inner: Inner
    size: int = 3


def error_of(call, *args, **kwargs):
    try:
        call(*args, **kwargs)
    except Exception as err:
        return [type(err).__name__, str(err).splitlines()[0]]


def blocks():
    for _ in range(2):
        AzureContainerInstanceCredentials(tenant_id="t", client_id="c", client_secret="hush-1").save(
            "py-sp", overwrite=True)
        AzureBlobStorageCredentials(connection_string="AccountName=a;AccountKey=hush-2").save(
            "py-storage", overwrite=True)
        Secret(value="hush-3").save("py-hush", overwrite=True)
        Inner(word="hush-4").save("py-inner", overwrite=True)
        Outer(inner=Inner.load("py-inner"), size=4).save("py-outer", overwrite=True)
    sp, outer = AzureContainerInstanceCredentials.load("py-sp"), Outer.load("py-outer")
    seen = {
        "sp": [sp.tenant_id, sp.client_id, sp.client_secret.get_secret_value()],
        "storage": AzureBlobStorageCredentials.load("py-storage").connection_string.get_secret_value(),
        "secret": Secret.load("py-hush").get(), "outer": [outer.size, outer.inner.word.get_secret_value()],
        "again": error_of(Secret(value="other").save, "py-hush"), "absent": error_of(Secret.load, "none"),
        "bad": error_of(Secret(value="x").save, "Bad_Name"),
    }
    Secret.delete("py-hush")
    return {**seen, "deleted": error_of(Secret.load, "py-hush")}


def variables():
    Variable.set("py_var", {"a": [1, None]}, tags=["x"])
    seen = {"taken": error_of(Variable.set, "py_var", 1), "value": Variable.get("py_var"),
            "none": Variable.get("no_var", default="else")}
    Variable.set("py_var", "text", overwrite=True)
    return {**seen, "changed": Variable.get("py_var"), "unset": [Variable.unset("py_var"), Variable.unset("py_var")]}


async def make_pool():
    async with get_client() as client:
        await client.create_work_pool(WorkPoolCreate(name="py-pool", type="process", base_job_template={}))


def deploy(**more):
    source = flow.from_source(source=FOLDER, entrypoint="flow.py:python_three")
    return str(source.deploy(name="By Python", work_pool_name="py-pool", print_next_steps=False, ignore_warnings=True,
                             **more))


async def described():
    async with get_client() as client:
        made = await client.read_deployment_by_name("Python Three/By Python")
        await client.pause_deployment(made.id)
        paused = (await client.read_deployment(made.id)).paused
        await client.resume_deployment(made.id)
        return {"entrypoint": made.entrypoint, "pool": [made.work_pool_name, made.work_queue_name],
                "parameters": made.parameters, "tags": made.tags, "description": made.description,
                "version": made.version, "enforced": made.enforce_parameter_schema,
                "schema": sorted(made.parameter_openapi_schema["properties"]),
                "steps": [list(step) for step in made.pull_steps],
                "paused": [paused, (await client.read_deployment(made.id)).paused]}


def deployment():
    asyncio.run(make_pool())
    given = {"parameters": {"n": 5}, "tags": ["t"], "description": "d", "version": "1"}
    ids = [deploy(**given), deploy(**given)]
    run = run_deployment("Python Three/By Python", timeout=0, parameters={"who": "you"}, tags=["r"],
                         as_subflow=False, idempotency_key="once")
    again = run_deployment("Python Three/By Python", timeout=0, as_subflow=False, idempotency_key="once")
    wrong = error_of(run_deployment, "Python Three/By Python", timeout=0, parameters={"n": "text"}, as_subflow=False)
    return {**asyncio.run(described()), "once": ids[0] == ids[1], "state": run.state.name, "same": run.id == again.id,
            "given": run.parameters, "run tags": sorted(run.tags), "wrong": wrong and wrong[0],
            "unknown": error_of(run_deployment, "Python Three/None", timeout=0)}


def main():
    seen = {}
    for part in (blocks, variables, deployment):
        try:
            seen[part.__name__] = part()
        except Exception:
            seen[part.__name__] = {"failed": traceback.format_exc()}
    print(json.dumps(seen))


main()
