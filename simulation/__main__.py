"""`python -m simulation`: runs many seeds in as many processes as there are cores, or shows one."""

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

# Otherwise Python iterates over sets in random order.
ENVIRONMENT = {**os.environ, "PYTHONHASHSEED": "0", "PYTHONASYNCIODEBUG": ""}
MAX_SHOWN = 3


def start_worker(*arguments: object) -> subprocess.Popen[str]:
    """A process of its own, because the clock is installed for the whole process."""
    command = [sys.executable, "-m", "simulation.worker", *map(str, arguments)]
    return subprocess.Popen(command, env=ENVIRONMENT, stdout=subprocess.PIPE, text=True)


def run_seeds(first: int, count: int, jobs: int, mutation: int = 0) -> Iterator[dict[str, Any]]:
    """Yields a result for each seed as it finishes; `mutation` is the number in
    simulation/mutations.py of a fix to take out. Raises RuntimeError if a worker ends early."""
    jobs = min(jobs, count)
    counts = [(count - n + jobs - 1) // jobs for n in range(jobs)]
    workers = [start_worker("seeds", first + n, counts[n], jobs, mutation) for n in range(jobs)]
    try:
        left = sum(counts)
        while left:
            for worker in workers:
                assert worker.stdout is not None
                line = worker.stdout.readline()
                if line:
                    left -= 1
                    yield json.loads(line)
                elif worker.wait() != 0:
                    raise RuntimeError("a worker of the simulation has ended")
    finally:
        for worker in workers:
            worker.terminate()
            worker.wait()
            if worker.stdout is not None:
                worker.stdout.close()


def show(seed: int, *, whole: bool = False) -> int:
    """Prints what happens with the seed; 1 if it fails."""
    command = [sys.executable, "-m", "simulation.worker", "whole" if whole else "show", str(seed)]
    return subprocess.run(command, env=ENVIRONMENT, check=False).returncode


def run(first: int, count: int, jobs: int) -> int:
    """Prints a summary, and the first failures after shrinking; 1 if there are any."""
    started = time.monotonic()
    failed: list[dict[str, Any]] = []
    seconds = 0.0
    for number, result in enumerate(run_seeds(first, count, jobs), 1):
        seconds += result["seconds"]
        if result["breach"] is not None:
            failed.append(result)
            print(
                f"seed {result['seed']}: {result['breach']['kind']}: {result['breach']['detail']}"
            )
        if number % 1000 == 0:
            pace = number / (time.monotonic() - started) * 60
            print(f"{number} seeds, {pace:.0f} a minute, {len(failed)} failed", flush=True)
    took = time.monotonic() - started
    print(
        f"ran seeds {first} to {first + count - 1}: {seconds:.0f} s of their time in {took:.0f} s,"
        f" {count / took * 60:.0f} seeds a minute, {len(failed)} failed",
        flush=True,
    )
    for result in failed[:MAX_SHOWN]:
        print(
            f"\nseed {result['seed']}, repeated by: make simulate SEED={result['seed']}", flush=True
        )
        show(result["seed"])
    return 1 if failed else 0


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m simulation", description=__doc__)
    parser.add_argument("--seeds", type=int, default=10_000, help="how many")
    parser.add_argument("--first", type=int, default=1, help="the first of them")
    parser.add_argument("--seed", type=int, help="only this one, with its history")
    parser.add_argument("--whole", action="store_true", help="its history is not made short")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    chosen = parser.parse_args()
    if chosen.seed is not None:
        return show(chosen.seed, whole=chosen.whole)
    return run(chosen.first, chosen.seeds, chosen.jobs)


if __name__ == "__main__":
    sys.exit(main())
