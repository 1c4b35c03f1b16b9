"""A flow of two tasks: ask a web API for a fact, and take the fact out of its answer.

python call_api.py [URL]
"""

import sys
from typing import Any

import httpx

from alisio import flow, task


@task(retries=2, retry_delay_seconds=1)
def call_api(url: str) -> dict[str, Any]:
    response = httpx.get(url)
    print(response.status_code)
    response.raise_for_status()
    return response.json()


@task
def parse_fact(response: dict[str, Any]) -> str:
    fact = response["fact"]
    print(fact)
    return fact


@flow(log_prints=True)
def api_flow(url: str) -> str:
    fact_json = call_api(url)
    return parse_fact(fact_json)


if __name__ == "__main__":
    api_flow(*sys.argv[1:] or ["https://catfact.ninja/fact"])
