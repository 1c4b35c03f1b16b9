"""Stored results: a flow that failed goes on, in its next attempt, from what it had stored.

The measurement is made once. The report fails the first time; when the flow is run again, the result of the
measurement is taken from where it was stored.
"""

from alisio import flow, runtime, task


@task
def measure(town: str) -> float:
    print(f"measuring in {town}")
    return 17.5


@task
def report(town: str, degrees: float) -> str:
    if runtime.flow_run.run_count == 1:
        raise ConnectionError("the printer is away")
    return f"{town}: {degrees} degrees"


@flow(persist_result=True, retries=1, log_prints=True)
def weather(town: str = "Lugo") -> str:
    return report(town, measure(town))


if __name__ == "__main__":
    state = weather(return_state=True)
    print(state.result())
    print("stored in", state.stored.location)
