"""`python -m tests.cloud`: the scenarios and the faults on one local cloud, which is brought up and destroyed here.

Scenarios wait more than they compute, so several processes of pytest share the cloud. What breaks it for a while, or
takes it away, comes afterwards and one by one.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.e2e.backends import SHARED_CLOUD, CloudBackend

_TESTS = ("tests/e2e", "tests/cloud")
_ALONE = "alone or last"


def main() -> int:
    """Run the tests; return 0 where all of them passed, and nothing of the cloud is left."""
    parser = argparse.ArgumentParser(prog="python -m tests.cloud", description=__doc__)
    parser.add_argument("--workers", default="4", help="how many tests run at once")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="alisio-test-cloud-") as folder:
        cloud = CloudBackend(Path(folder))
        try:
            cloud.start()
            at_once = _pytest(cloud, *_TESTS, "-m", f"not ({_ALONE})", "-n", asked.workers, "--dist", "worksteal")
            one_by_one = _pytest(cloud, "tests/cloud", "-m", _ALONE)
        except AssertionError as error:
            sys.stderr.write(f"the local cloud does not start:\n{error}\n")
            return 1
        finally:
            cloud.stop()
    return 1 if at_once or one_by_one else 0


def _pytest(cloud: CloudBackend, *arguments: str) -> int:
    given = os.environ | {SHARED_CLOUD: json.dumps(cloud.environment)}
    options = ("--timeout", "900", "--durations", "10", "--backends", "cloud")
    return subprocess.run([sys.executable, "-m", "pytest", *options, *arguments], env=given, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
