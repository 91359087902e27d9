"""Flows in Python whose runs are compared with those of twin.lua."""
import time

from prefect import flow, get_run_logger, task

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


@flow(name="Twin good")
def good(n: int = 1):
    get_run_logger().warning("n is %d", n)
    open("twin.py").close()
    plus(flaky(n), 1)


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


@flow(name="Twin again", retries=1)
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
