"""Simple Demo: the same without a vault: one task that logs one line."""
from prefect import flow, get_run_logger, task


@task
def say_hello():
    get_run_logger().info("Hello from a container instance")


@flow(name="Simple Demo")
def simple_demo():
    say_hello()


if __name__ == "__main__":
    simple_demo()
