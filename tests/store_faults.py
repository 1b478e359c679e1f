"""The store's long fault tests, by number: `python tests/store_faults.py [--quick]`.

    starts    32 processes at once, 50 rounds, each a start with an empty directory
    kills     SIGKILL at 500 random moments of a cold start, each followed by a start that must be right
    bits      1,000 starts, each with a single bit of an artefact flipped: seen, and a right answer without an exception
              or a signal

Each process prints results that are compared; the counts are printed, and the exit status is 1 if anything failed.
Ctrl-C ends what is running, and its counts so far are printed.
"""

import argparse
import contextlib
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))

PROGRAM = """
import sys
import numpy as np
from srcdiff import jacobian, jacobian_compiled

@jacobian_compiled(wrt="y")
def f(t, y, k):
    a, b = y
    return np.array([k * a * b, a - t * b])

def g(x):
    return x**3 * SCALE

SCALE = float(sys.argv[1])
number = {"float": 2.0, "int": 2, "complex": 2 + 0j}[sys.argv[2]]
print(f.jacobian(1.0, np.array([2.0, 3.0]), 0.5).tolist(), jacobian(g)(number))
"""


def expected(scale, kind):
    last = 12.0 * scale
    return f"[[1.5, 1.0], [1.0, -1.0]] {complex(last) if kind == 'complex' else last}\n"


class Place:
    """A directory with the program and a store."""

    def __init__(self):
        self.path = tempfile.mkdtemp(prefix="srcdiff-faults-")
        self.cache = os.path.join(self.path, "cache")
        self.program = os.path.join(self.path, "program.py")
        with open(self.program, "w") as file:
            file.write(PROGRAM)
        self.environment = {**os.environ, "PYTHONPATH": ROOT, "SRCDIFF_CACHE_DIR": self.cache}

    def start(self, scale=1.0, kind="float"):
        command = [sys.executable, self.program, str(scale), kind]
        return subprocess.Popen(
            command, env=self.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )

    def artefacts(self):
        found = []
        for folder, _, names in os.walk(self.cache):
            found += [os.path.join(folder, name) for name in names if name.endswith(".artefact")]
        return sorted(found)

    def partial(self):
        """Files under a final name that are not whole."""
        from srcdiff.compile.store import unpack

        broken = 0
        for path in self.artefacts():
            with open(path, "rb") as file:
                broken += unpack(file.read()) is None
        return broken

    def empty(self):
        shutil.rmtree(self.cache, ignore_errors=True)

    def remove(self):
        shutil.rmtree(self.path, ignore_errors=True)


class Tally:
    """How many runs there were so far, and what failed."""

    def __init__(self):
        self.runs = 0
        self.failures = []


def judge(process, wanted, failures, warnings_allowed=False):
    out, err = process.communicate()
    if out != wanted or process.returncode != 0 or (err and not (warnings_allowed and "srcdiff cache" in err)):
        failures.append((process.returncode, out, err[-500:]))


def starts(processes, rounds, tally):
    """Different signatures and different constants at once, in one directory."""
    place, failures = Place(), tally.failures
    for number in range(rounds):
        place.empty()
        jobs = [(float(1 + i % 2), ("float", "int", "complex")[i % 3]) for i in range(processes)]
        running = [(job, place.start(*job)) for job in jobs]
        for job, process in running:
            judge(process, expected(*job), failures)
        tally.runs += processes
        if place.partial():
            failures.append(("partial files", number))
    place.remove()


def kills(count, rng, tally):
    place, failures = Place(), tally.failures
    begin = time.perf_counter()
    judge(place.start(), expected(1.0, "float"), failures)
    longest = time.perf_counter() - begin
    for _ in range(count):
        if rng.random() < 0.5:
            place.empty()
        process = place.start()
        try:
            process.wait(rng.uniform(0.0, 1.1 * longest))
        except subprocess.TimeoutExpired:
            process.kill()
        process.communicate()
        tally.runs += 1
        if place.partial():
            failures.append(("partial file",))
        if rng.random() < 0.1:
            judge(place.start(), expected(1.0, "float"), failures)
    judge(place.start(), expected(1.0, "float"), failures)
    place.remove()


def bits(count, rng, tally):
    """One bit of one artefact is flipped, and a process starts with it; the others are whole, and are used."""
    from srcdiff.compile.store import unpack

    place, failures = Place(), tally.failures
    judge(place.start(), expected(1.0, "float"), failures)
    whole = {}
    for path in place.artefacts():
        with open(path, "rb") as file:
            whole[path] = file.read()
    for number in range(count):
        path = list(whole)[number % len(whole)]
        damaged = bytearray(whole[path])
        bit = rng.randrange(8 * len(damaged))
        damaged[bit // 8] ^= 1 << bit % 8
        with open(path, "wb") as file:
            file.write(damaged)
        if unpack(bytes(damaged)) is not None:
            failures.append(("a flipped bit was not seen", path, bit))
        judge(place.start(), expected(1.0, "float"), failures, warnings_allowed=True)
        with open(path, "wb") as file:
            file.write(whole[path])
        tally.runs += 1
    place.remove()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", nargs="*", default=["starts", "kills", "bits"])
    parser.add_argument("--quick", action="store_true", help="a twentieth of the numbers")
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    sys.path.insert(0, ROOT)
    rng = random.Random(given.seed)
    share = 20 if given.quick else 1
    runs = {
        "starts": lambda tally: starts(32 // (4 if given.quick else 1), 50 // share, tally),
        "kills": lambda tally: kills(500 // share, rng, tally),
        "bits": lambda tally: bits(1000 // share, rng, tally),
    }
    failed = 0
    for name in given.what:
        begin = time.perf_counter()
        tally = Tally()
        with contextlib.suppress(KeyboardInterrupt):
            runs[name](tally)
        failed += len(tally.failures)
        seconds = time.perf_counter() - begin
        print(f"{name:<8} {tally.runs:>5} runs, {len(tally.failures)} failures, {seconds:.0f} s", flush=True)
        for failure in tally.failures[:5]:
            print("        ", failure)
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
