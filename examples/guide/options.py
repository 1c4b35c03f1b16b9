"""Name, description and version: what identifies a flow and a task from one run to the next.

The version here is the commit that the code was built from; where the variable is not set, it is None, and
Alisio takes the hash of this file.

    GIT_COMMIT_SHA=$(git rev-parse HEAD) python options.py
"""

import os

from alisio import flow, task


@task(name="My Example Task", description="An example task for a tutorial.")
def my_task() -> int:
    return 42


@flow(
    name="My Example Flow",
    description="An example flow for a tutorial.",
    version=os.getenv("GIT_COMMIT_SHA"),
)
def my_flow() -> int:
    return my_task()


if __name__ == "__main__":
    print(my_flow())
