"""An elevator that answers ten floors at once: tasks given to a task runner run side by side.

python elevator.py [SECONDS_PER_FLOOR]
"""

import sys
import time

from alisio import flow, task
from alisio.task_runners import ConcurrentTaskRunner


@task(task_run_name="floor-{floor}")
def stop_at_floor(floor: int, seconds_per_floor: float) -> int:
    print(f"elevator moving to floor {floor}")
    time.sleep(floor * seconds_per_floor)
    print(f"elevator stops on floor {floor}")
    return floor


@flow(task_runner=ConcurrentTaskRunner(), log_prints=True)
def elevator(seconds_per_floor: float = 1.0) -> list[int]:
    stops = [stop_at_floor.submit(floor, seconds_per_floor) for floor in range(10, 0, -1)]
    return [stop.result() for stop in stops]


if __name__ == "__main__":
    elevator(*map(float, sys.argv[1:]))
