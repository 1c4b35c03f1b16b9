"""`python -m alisio_agent.supervisor`: a supervisor without a fork server. Standard input is its job as JSON."""

from __future__ import annotations

import json
import os
import sys

from alisio_agent.supervisor.main import detach, supervise


def main() -> int:
    """Execute the job on standard input.

    Returns:
        An exit status of `alisio_agent.supervisor.outcomes`.
    """
    job = json.loads(sys.stdin.buffer.read())
    detach(job["home"])
    return supervise(job, warm=False)


if __name__ == "__main__":
    # Not sys.exit: a thread may still wait for an API that does not answer, and nothing is left to flush.
    os._exit(main())
