"""Sources of flows that several scenarios deploy."""

from __future__ import annotations

QUICK = """
    from alisio import flow

    @flow(log_prints=True)
    def main(word: str = "hello"):
        print(f"the word is {word}")
"""

HELD = """
    import time
    from pathlib import Path

    from alisio import flow

    @flow(log_prints=True)
    def main(gate: Path):
        print("waiting at the gate")
        while not gate.exists():
            time.sleep(0.02)
        print("through the gate")
"""
"""Runs until the file `gate` is there."""

BRIEF = """
    import time

    from alisio import flow

    @flow
    def main(mark: str = ""):
        time.sleep(0.3)
"""
"""Runs long enough to overlap with others, if it may."""

PAIRED = """
    import os
    import time
    from pathlib import Path

    from alisio import flow

    @flow
    def main(folder: Path):
        (folder / str(os.getpid())).touch()
        while len(list(folder.iterdir())) < 2:
            time.sleep(0.02)
        time.sleep(0.3)
"""
"""Runs the first of which does not end before another one has begun, in the same `folder`."""

RECORDED = """
    import os
    from pathlib import Path

    from alisio import flow

    @flow
    def main(record: Path, mark: str):
        with record.open("a") as file:
            file.write(f"{mark}\\n")
"""
"""Each execution adds the line `mark` to the file `record`: the file tells what really ran, whatever the states say."""
