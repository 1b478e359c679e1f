"""``python -m benchmarks [--quick] [--json FILE]``: one table, everything measured in this run, ratios first."""

import argparse
import importlib
import inspect
import json
import math
import os
import platform
import sys
import tempfile
import time

import numba
import numpy as np
from numba import njit

from benchmarks import arrays, flops, handwritten, peers, timing, wide
from benchmarks.problems import PROBLEMS
from srcdiff import jacobian_compiled

HAND = "by hand, Numba"
INTO = "srcdiff into"
FRESH = "srcdiff jacobian"
COLUMNS = (
    # key, heading, width, format
    ("problem", "problem", 13, "{}"),
    ("contestant", "contestant", 26, "{}"),
    ("compiled_ratio", "compiled", 9, "{:.2f}"),
    ("python_ratio", "Python", 8, "{:.2f}"),
    ("setup_ratio", "set-up", 8, "{:.2f}"),
    ("operations", "ops", 6, "{}"),
    ("compiled_ns", "compiled ns", 12, "{:.1f}"),
    ("python_us", "Python us", 11, "{:.2f}"),
    ("setup_s", "set-up s", 9, "{:.3f}"),
    ("emit_ms", "emit ms", 8, "{:.1f}"),
    ("note", "", 0, "{}"),
)


def differentiable(function, wrt, shapes=None, cache=False):
    """A fresh object; without a store nothing compiled before is found again."""
    options = {"wrt": wrt, "shapes": shapes, "cache": cache}
    return jacobian_compiled(function, **{k: v for k, v in options.items() if v is not None})


def seconds(action, *args, **kwargs):
    start = time.perf_counter()
    result = action(*args, **kwargs)
    return time.perf_counter() - start, result


def failure(error):
    lines = str(error).strip().splitlines()
    return f"FAILED: {type(error).__name__}: {lines[0] if lines else ''}"


def agrees(J, reference, tolerance):
    scale = np.abs(reference).max()
    return np.shape(J) == reference.shape and np.abs(np.asarray(J) - reference).max() <= tolerance * scale


def emission(function, wrt, shapes, repeats=5):
    """Least seconds of emitting the text, each time for a fresh object; and the text."""
    runs = [seconds(differentiable(function, wrt, shapes).emit, mode="into") for _ in range(repeats)]
    return min(t for t, _ in runs), runs[-1][1]


class Measurement:
    """All contestants at one problem."""

    def __init__(self, problem, missing, quick):
        self.problem = problem
        self.missing = missing
        self.budget = 0.3 if quick else 2.0
        self.repeats = 3 if quick else 6
        self.points = problem.points(timing.POINTS)
        self.args = self.points[0]
        self.reference = np.full(problem.shape, np.nan)
        handwritten.compiled(problem.by_hand)(self.reference, *self.args)
        self.rows = {}

    def row(self, contestant):
        return self.rows.setdefault(contestant, {"problem": self.problem.name, "contestant": contestant, "note": ""})

    def attempt(self, contestant, action, *args):
        """The action's result; None if it failed, and then the row says why."""
        try:
            return action(*args)
        except Exception as error:
            self.row(contestant)["note"] = failure(error)
            return None

    def run(self):
        by_hand = {HAND: self.problem.by_hand, **self.problem.also_by_hand}
        for name, function in by_hand.items():
            self.row(name)["operations"] = flops.count(inspect.getsource(function)).total
        self.row(INTO)
        self.attempt(INTO, self.text)
        self.compilation(by_hand)
        intos = {name: handwritten.compiled(function) for name, function in by_hand.items()}
        ours = self.attempt(INTO, self.ours)
        if ours is not None:
            intos[INTO] = ours.jacobian.into
        self.compiled_runs(intos)
        self.python_runs(intos, ours)
        self.ratios()
        return list(self.rows.values())

    def text(self):
        taken, text = emission(self.problem.function, self.problem.wrt, self.problem.shapes)
        self.row(INTO)["emit_ms"] = 1e3 * taken
        counted = flops.count(text)
        self.row(INTO)["operations"] = counted.total
        if counted.per_iteration:
            self.row(INTO)["note"] = "operations: per iteration of its loops"

    def ours(self):
        # As users have it: calls from Python run what is linked from the store.
        ours = differentiable(self.problem.function, self.problem.wrt, self.problem.shapes, cache=True)
        out = np.full(self.problem.shape, np.nan)
        ours.jacobian.into(out, *self.args)
        if not agrees(out, self.reference, 1e-12):
            raise ValueError("differs from the Jacobian by hand")
        return ours

    def compilation(self, by_hand):
        """Set-up: from nothing to the first result."""
        problem = self.problem
        out = np.zeros(problem.shape)

        def hand(function):
            return lambda: seconds(lambda: handwritten.compiled(function)(out, *self.args))[0]

        def ours():
            def action():
                differentiable(problem.function, problem.wrt, problem.shapes).jacobian.into(out, *self.args)

            return seconds(action)[0]

        runs = {name: hand(function) for name, function in by_hand.items()}
        if self.attempt(INTO, ours) is not None:
            runs[INTO] = ours
        for name, taken in timing.first_calls(runs, self.repeats).items():
            self.row(name)["setup_s"] = taken

    def compiled_runs(self, intos):
        stage = timing.Stage(self.points, [self.problem.vector(point) for point in self.points], self.problem.shape)
        runs = {name: self.attempt(name, timing.from_compiled_code, into, stage) for name, into in intos.items()}
        if "CasADi, C" not in self.missing:
            runs["CasADi, C"] = self.attempt("CasADi, C", peers.casadi_in_compiled_code, self.problem, self.args, stage)
        runs = {name: run for name, run in runs.items() if run is not None}
        for name, (taken, ratio) in timing.interleaved(runs, self.budget).items():
            self.row(name).update(compiled_ns=1e9 * taken, compiled_ratio=ratio)

    def python_runs(self, intos, ours):
        out = np.zeros(self.problem.shape)
        runs = {name: timing.from_python(into, out, *self.args) for name, into in intos.items()}
        if ours is not None and self.attempt(FRESH, ours.jacobian, *self.args) is not None:
            runs[FRESH] = timing.from_python(ours.jacobian, *self.args)
            self.row(FRESH)["note"] = "returns fresh arrays or tuples"
        for name, contestant in peers.PEERS.items():
            row = self.row(name)
            if name in self.missing:
                row["note"] = self.missing[name]
                continue

            def first(contestant=contestant):
                call = contestant(self.problem, self.args)
                return call, call()

            result = self.attempt(name, seconds, first)
            if result is None:
                continue
            row["setup_s"], (call, J) = result
            if not agrees(np.asarray(J), self.reference, 1e-3 if "differences" in name else 1e-12):
                row["note"] = "WRONG: differs from the Jacobian by hand"
                continue
            runs[name] = timing.from_python(call)
        for name, (taken, ratio) in timing.interleaved(runs, 1.5 * self.budget).items():
            self.row(name).update(python_us=1e6 * taken, python_ratio=ratio)

    def ratios(self):
        for row in self.rows.values():
            if "setup_s" in row:
                row["setup_ratio"] = row["setup_s"] / self.rows[HAND]["setup_s"]


def wide_functions(sizes):
    """Compile times of functions of many scalar parameters: the Jacobian's first call against the function's."""
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for n in sizes:
            for loop in (False, True):
                function = wide.load(n, loop, folder)
                args = wide.point(n)
                primal, _ = seconds(lambda function=function, args=args: njit(error_model="numpy")(function)(*args))
                row = {"problem": wide.name(n, loop), "contestant": INTO, "primal_s": primal, "note": ""}
                row["opens_group"] = not rows
                rows.append(row)
                try:
                    wrt = tuple(f"p{i}" for i in range(n))
                    row["emit_ms"] = 1e3 * emission(function, wrt, None, repeats=1)[0]
                    ours = differentiable(function, wrt)
                    out = np.full((2, n), np.nan)
                    row["setup_s"], _ = seconds(ours.jacobian.into, out, *args)
                    row["setup_ratio"] = row["setup_s"] / primal
                    row["note"] = (
                        f"set-up against compiling the function itself, {primal:.2f} s"
                        if agrees(out, _differences(function, args), 1e-6)
                        else "WRONG: differs from finite differences"
                    )
                except Exception as error:
                    row["note"] = failure(error)
    return rows


def _differences(function, args, step=1e-6):
    columns = []
    for i in range(len(args)):
        ends = [function(*args[:i], args[i] + d, *args[i + 1 :]) for d in (step, -step)]
        columns.append((np.array(ends[0]) - np.array(ends[1])) / (2.0 * step))
    return np.array(columns).T


def missing_peers():
    missing = {}
    for name, package in peers.PACKAGES.items():
        try:
            importlib.import_module(package)
        except Exception as error:
            reason = "is not installed (the extra `peers` has it)"
            missing[name] = f"{package} {reason if isinstance(error, ImportError) else failure(error)}"
    if "CasADi, C" not in missing and not peers.c_compiler():
        missing["CasADi, C"] = "no C compiler found"
    return missing


def show(rows):
    """Print the rows; a new problem starts after an empty line."""
    for i, row in enumerate(rows):
        if i == 0:
            print("  ".join(_pad(heading, width, i) for i, (_, heading, width, _) in enumerate(COLUMNS)).rstrip())
        if row["contestant"] == HAND or row.get("opens_group"):
            print()
        cells = [_pad(_cell(row, key, form), width, i) for i, (key, _, width, form) in enumerate(COLUMNS)]
        print("  ".join(cells).rstrip())


def _cell(row, key, form):
    value = row.get(key)
    return "-" if value is None or (isinstance(value, float) and math.isnan(value)) else form.format(value)


def _pad(text, width, column):
    return text.ljust(width) if column < 2 or not width else text.rjust(width)


def main():
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer repetitions: about a minute")
    parser.add_argument("--json", metavar="FILE", help="write the figures there, too")
    options = parser.parse_args()

    start = time.perf_counter()
    machine = f"{platform.machine()}, Python {platform.python_version()}, numba {numba.__version__}"
    print(f"srcdiff benchmarks: {machine}. Ratios to the Jacobian written by hand in Numba; less is better.")
    print("compiled: into(out, *args) in a compiled loop. Python: one call from Python. set-up: to the first result.\n")
    missing = missing_peers()
    # The first compilation in a process pays for Numba's own set-up: not part of any figure.
    handwritten.compiled(handwritten.reprojection)(np.zeros((2, 15)), *PROBLEMS[-1].points(1)[0])
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        os.environ["SRCDIFF_CACHE_DIR"] = folder
        for problem in PROBLEMS:
            rows += Measurement(problem, missing, options.quick).run()
    rows += wide_functions((26, 64))
    show(rows)
    print("\nArrays of any length (`python -m benchmarks.arrays`)\n")
    with tempfile.TemporaryDirectory() as folder:
        array_rows = arrays.measure(options.quick, folder)
    arrays.show(array_rows)
    rows += array_rows
    print(f"\n{time.perf_counter() - start:.0f} s in all")
    if options.json:
        with open(options.json, "w") as file:
            json.dump({"machine": machine, "quick": options.quick, "rows": rows}, file, indent=1)
    return int(any(row["note"].startswith(("FAILED", "WRONG")) for row in rows))


if __name__ == "__main__":
    sys.exit(main())
