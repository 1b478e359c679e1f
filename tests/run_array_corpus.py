"""The array corpus through srcdiff, one line a function: a meter of what works.

    python tests/run_array_corpus.py                      # the compiled Jacobian of every function
    python tests/run_array_corpus.py loops helpers.heun   # a group, a function
    python tests/run_array_corpus.py aliasing             # the aliasing patterns
    python tests/run_array_corpus.py --emitted            # the emitted text as plain Python: no compilation
    python tests/run_array_corpus.py --all                # every mode, layout and dtype
    python tests/run_array_corpus.py --mode numba         # the functions themselves under plain Numba

Prints ok, refused (and what was said), WRONG (and the largest error) or crash for each. Exits 1 on WRONG or crash.
"""

import argparse
import multiprocessing
import sys
import time
import warnings
from collections import Counter
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[1]))  # a checkout that is not installed

import aliasing_patterns
import array_runs
import corpus_arrays
from array_runs import MODES, Outcome

CASES = {**corpus_arrays.all_cases(), **aliasing_patterns.CASES}


def serve(connection):
    """Judge what is asked for, in a process of its own: compiled code that dies takes nothing with it."""
    warnings.simplefilter("ignore")
    while True:
        name, mode, seconds = connection.recv()
        connection.send(array_runs.judge(CASES[name], mode, seconds))


class Worker:
    """A process that judges; it is started anew when it dies or hangs."""

    def __init__(self):
        self.process = None

    def judge(self, name, mode, seconds):
        if self.process is None or not self.process.is_alive():
            context = multiprocessing.get_context("spawn")
            self.connection, theirs = context.Pipe()
            self.process = context.Process(target=serve, args=(theirs,), daemon=True)
            self.process.start()
            theirs.close()
        self.connection.send((name, mode, seconds))
        try:
            if self.connection.poll(seconds + 30):
                return self.connection.recv()
            outcome = Outcome("crash", f"no answer within {seconds + 30} s")
        except EOFError:
            self.process.join(5)
            outcome = Outcome("crash", f"the process died, exit code {self.process.exitcode}")
        self.process.kill()
        self.process.join()
        return outcome


def chosen(patterns):
    """The names of a group, or those that start with a pattern."""
    if not patterns:
        return list(corpus_arrays.all_cases())
    return [n for n in CASES if any(n.startswith(p) or n.partition(".")[2] == p for p in patterns)]


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", help="groups, or functions as group.function or function")
    parser.add_argument("--mode", action="append", choices=array_runs.RUNS, help="a mode; may be repeated")
    parser.add_argument("--emitted", action="store_true", help="the emitted text as plain Python, nothing compiled")
    parser.add_argument("--all", action="store_true", help="every mode, layout and dtype")
    parser.add_argument("--seconds", type=int, default=60, help="time limit of one run")
    parser.add_argument("--quiet", action="store_true", help="print only what is not ok")
    parser.add_argument("--list", action="store_true", help="print the names and exit")
    choice = parser.parse_args(argv)
    names = chosen(choice.names)
    if choice.list:
        print("\n".join(names))
        return 0
    modes = MODES if choice.all else choice.mode or (("emitted",) if choice.emitted else ("jacobian",))
    worker, counts, started = Worker(), Counter(), time.perf_counter()
    for name in names:
        for mode in modes:
            outcome = worker.judge(name, mode, choice.seconds)
            counts[outcome.kind] += 1
            if not choice.quiet or outcome.kind != "ok":
                label = name if len(modes) == 1 else f"{name} {mode}"
                print(f"{label:40} {outcome}", flush=True)
    print(", ".join(f"{counts[kind]} {kind}" for kind in ("ok", "refused", "WRONG", "crash")), end="")
    print(f"  in {time.perf_counter() - started:.0f} s")
    return 1 if counts["WRONG"] or counts["crash"] else 0


if __name__ == "__main__":
    sys.exit(main())
