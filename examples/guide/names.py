"""Run names that tell runs apart: templates filled in with the parameters, dates with a format.

python names.py
"""

import datetime

from alisio import flow, task


@task(
    name="My Example Task",
    description="An example task for a tutorial.",
    task_run_name="hello-{name}-on-{date:%A}",
)
def my_task(name: str, date: datetime.datetime) -> str:
    return f"hello {name}, today is {date:%A}"


@flow(flow_run_name="{name}-on-{date:%A}")
def my_flow(name: str, date: datetime.datetime) -> str:
    return my_task(name, date)


if __name__ == "__main__":
    print(my_flow("marvin", datetime.datetime(2024, 2, 29, tzinfo=datetime.UTC)))
