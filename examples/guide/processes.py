"""Tasks that compute side by side, each in a process of its own: `python processes.py [LIMIT]`."""

import math
import sys

from alisio import flow, get_run_logger, task
from alisio.task_runners import ProcessPoolTaskRunner


def is_prime(number: int) -> bool:
    return number > 1 and all(number % divisor for divisor in range(2, math.isqrt(number) + 1))


@task
def count_primes(start: int, end: int) -> int:
    found = sum(is_prime(number) for number in range(start, end))
    get_run_logger().info("%d primes from %d to %d", found, start, end)
    return found


@flow(task_runner=ProcessPoolTaskRunner(max_workers=2))
def primes(limit: int = 100_000) -> int:
    step = limit // 4
    starts = list(range(0, limit, step))
    counts = count_primes.map(starts, [start + step for start in starts])
    return sum(counts.result())


if __name__ == "__main__":
    print(primes(int(sys.argv[1]) if len(sys.argv) > 1 else 100_000), "primes")
