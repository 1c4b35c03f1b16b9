"""Limits: how many pieces of work go on at once, and how often something may be begun.

alisio gcl create database --limit 2
alisio gcl create weather-api --limit 1 --slot-decay-per-second 5
alisio concurrency-limit create heavy 1
python limits.py
"""

from __future__ import annotations

import asyncio

from alisio import flow, task
from alisio.concurrency.asyncio import rate_limit
from alisio.concurrency.sync import concurrency


@task
def query(table: str) -> str:
    """Hold one of the slots that stand for connections."""
    with concurrency("database", occupy=1, timeout_seconds=60):
        return f"rows of {table}"


@task
async def ask(city: str) -> str:
    """Begin no more requests than the service takes."""
    await rate_limit("weather-api")
    return f"the weather in {city}"


@task(tags=["heavy"])
def train(model: str) -> str:
    """Run alone among all tasks with this tag, in whatever run they are."""
    return f"{model} is trained"


@flow(log_prints=True)
async def limited() -> None:
    """Do all three at the same time."""
    queries = query.map(["towns", "stations", "readings"])
    models = train.map(["small", "large"])
    answers = await asyncio.gather(*(ask(city) for city in ("Lugo", "Vigo", "Ourense")))
    for line in [*queries.result(), *models.result(), *answers]:
        print(line)


if __name__ == "__main__":
    asyncio.run(limited())
