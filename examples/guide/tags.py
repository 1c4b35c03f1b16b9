"""Tags on tasks: find the runs of tasks of one kind, whatever flow they were part of.

    python tags.py

`alisio.tags` adds more of them to all that runs in its block.
"""

from alisio import flow, tags, task


@task(name="My Example Task", description="An example task for a tutorial.", tags=["tutorial", "tag-test"])
def my_task(word: str) -> str:
    return word.upper()


@flow
def tagged() -> list[str]:
    plain = my_task("plain")
    with tags("evening"):
        late = my_task("late")
    return [plain, late]


if __name__ == "__main__":
    print(tagged())
