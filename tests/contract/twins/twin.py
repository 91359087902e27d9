"""Flows in Python whose runs are compared with those of twin.lua."""
import time

from prefect import flow, get_run_logger, task
from prefect.artifacts import (
    create_link_artifact,
    create_markdown_artifact,
    create_table_artifact,
)

try:
    from prefect.artifacts import create_progress_artifact, update_progress_artifact
except ImportError:  # 2.20
    create_progress_artifact = None

seen = []


def once(what):
    seen.append(what)
    return seen.count(what) == 1


@task(retries=1)
def flaky(n):
    get_run_logger().info("try %d", seen.count("flaky") + 1)
    if once("flaky"):
        raise ValueError("boom")
    return n * 2


@task(retries=1, retry_delay_seconds=1)
def slowly(n):
    if once("slowly"):
        raise ValueError("boom")
    return n


@task
def hopeless():
    raise ValueError("no luck")


@task(timeout_seconds=0.5)
def late():
    for _ in range(40):
        time.sleep(0.05)


@task
def plus(a, b):
    return a + b


@task
def sleepy():
    for _ in range(600):
        time.sleep(0.05)


@task
def choosy(n):
    if n == 1:
        raise ValueError("not this one")
    return n


@task(timeout_seconds=0.5, retries=1)
def stuck():
    if once("stuck"):
        for _ in range(40):
            time.sleep(0.05)


def leave_artifacts():
    create_markdown_artifact(key="note", markdown="**it**", description="what it is")
    create_table_artifact(key="rows", table=[{"a": 1}, {"a": 2}])
    create_link_artifact(key="where", link="https://example.com", link_text="there")
    if create_progress_artifact:
        made = create_progress_artifact(key="far", progress=12.5)
        update_progress_artifact(made, progress=75)


@flow(name="Twin good")
def good(n: int = 1, word: str = "a word"):
    get_run_logger().warning("n is %d, %s", n, word)
    open("twin.py").close()
    plus(flaky(n), 1)
    leave_artifacts()


@flow(name="Twin bad")
def bad():
    hopeless()


@flow(name="Twin half")
def half():
    try:
        hopeless()
    except ValueError:
        pass
    slowly(1)
    stuck()


@flow(name="Twin again", retries=1, retry_delay_seconds=1)
def again():
    if once("again"):
        raise ValueError("once")
    return plus(1, 2)


@flow(name="Twin late")
def too_late():
    late()


@flow(name="Twin long", timeout_seconds=1)
def long():
    for _ in range(60):
        time.sleep(0.05)


@flow(name="Twin many")
def many():
    return sum(future.result() for future in [plus.submit(i, i) for i in range(3)])


@flow(name="Twin picky")
def picky(n: int):
    plus(n, 1)


@flow(name="Twin endless")
def endless():
    sleepy()


@flow(name="Twin mapped")
def mapped():
    return sum(future.result() for future in choosy.map([0, 1, 2]))


@flow(name="Twin unread")
def unread():
    choosy.submit(1)
