"""Variables: from the command line into runs, and from runs back."""

from __future__ import annotations

import json
import subprocess
import sys
import uuid

from tests.e2e.stack import Stack

SOURCE = """
    import sys

    from alisio import flow
    from alisio.variables import Variable

    @flow(log_prints=True)
    def main(name: str):
        crew = Variable.get(name, default=["nobody"])
        print("crew:", *crew)
        Variable.set(name, [*crew, "Marvin"], tags=["flown"], overwrite=True)

    if __name__ == "__main__":
        main(sys.argv[1])
"""


def test_a_run_reads_and_sets_variables(stack: Stack) -> None:
    """A supervised run sees what the command has set, and a run by hand what that run has set."""
    name = f"crew_{uuid.uuid4().hex}"
    stack.cli("variable", "set", name, '["Zaphod", "Ford"]')
    deployed = stack.deploy(SOURCE)
    stack.start_agent()

    run_id = stack.run(deployed, "--param", f"name={name}")

    stack.wait_for_run(run_id, "COMPLETED")
    assert "crew: Zaphod Ford" in stack.logs(run_id)
    assert ["Zaphod", "Ford", "Marvin"] == json.loads(stack.cli("variable", "get", name).out)

    script = [sys.executable, str(stack.write("script.py", SOURCE)), name]
    done = subprocess.run(script, env=stack.backend.environment, capture_output=True, text=True, timeout=60, check=True)
    assert "crew: Zaphod Ford Marvin" in done.stderr
    [found] = stack.api.post("/variables/filter", {"filter": {"names": [name]}})["items"]
    assert (["Zaphod", "Ford", "Marvin", "Marvin"], ["flown"]) == (found["value"], found["tags"])

    stack.cli("variable", "unset", name)
    assert f"there is no variable {name!r}" in stack.refused("variable", "get", name)
