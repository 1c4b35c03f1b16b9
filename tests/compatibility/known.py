"""Examples that were looked at one by one: what no rule of `judging` can tell."""

from __future__ import annotations

NEED = {
    "docs/v3/advanced/results:8": "a result in the folder that Prefect stores them in",
    "docs/v3/advanced/results:10": "a result in the folder that Prefect stores them in",
    "docs/v3/advanced/results:12": "a result in the folder that Prefect stores them in",
    "docs/v3/advanced/interactive:17": "an argument on the command line",
    "prefect/flow_runs:1": "a deployment's id",
    "prefect/flow_runs:2": "a deployment's id",
}
"""Examples that want something of the reader's, and what, by page and number."""

FAIL_AS_SHOWN = frozenset(
    {
        "docs/v3/how-to-guides/workflows/pass-inputs:3",
        "docs/v3/how-to-guides/workflows/pass-inputs:5",
    }
)
"""Examples that show an error, and have it here too, by page and number."""

OLD = "a name of Prefect 2"

WRONG_THERE = {
    "docs/v3/concepts/tasks:8": "it passes `...` where the reader is to pass something",
    "docs/v3/how-to-guides/deployments/versioning:1": "an argument that Prefect does not have either",
    "docs/v3/how-to-guides/migrate/upgrade-agents-to-workers:1": OLD,
    "docs/v3/how-to-guides/migrate/upgrade-agents-to-workers:2": OLD,
    "docs/v3/how-to-guides/migrate/upgrade-agents-to-workers:4": OLD,
    "docs/v3/how-to-guides/migrate/upgrade-agents-to-workers:6": OLD,
    "docs/v3/how-to-guides/migrate/upgrade-to-prefect-3:3": "a flow that returns Failed raises in Prefect too",
    "docs/v3/how-to-guides/workflows/global-concurrency-limits:2": "asyncio.run of a function that is synchronous",
    "docs/v3/how-to-guides/workflows/global-concurrency-limits:4": "asyncio.run of a function that is synchronous",
    "prefect/runner/storage:4": "a name that Prefect does not have either",
}
"""Examples that fail in Prefect too, and why, by page and number."""
