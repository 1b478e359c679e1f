"""``python -m benchmarks.overhead [--quick]``: what a call costs, against a plain Numba dispatcher with the same body.

The reference is the text that srcdiff emits, compiled by ``numba.njit`` with the same options: ratios tell what the
object around it adds. Dotted rows look up ``f.jacobian.into`` at every call.
"""

import argparse
import sys

import numpy as np
from numba import njit

from benchmarks import timing
from benchmarks.problems import PROBLEMS
from srcdiff import jacobian_compiled

OPTIONS = {"error_model": "numpy", "fastmath": {"contract"}}


def plain(f, mode):
    """The emitted text as an ordinary dispatcher."""
    space = {}
    exec(f.emit(mode), space)
    name = next(n for n in reversed(space) if callable(space[n]) and n.startswith(f.__name__))
    for key, value in list(space.items()):
        if key != name and getattr(value, "__globals__", None) is space:
            space[key] = njit(**OPTIONS)(value)
    return njit(**OPTIONS)(space[name])


def from_python(f, args, out):
    """Pairs of (form, reference) as runs from a Python loop."""
    into, jacobian, both = f.jacobian.into, f.jacobian, f.value_and_jacobian

    given = (out, *args)

    def dotted(n):
        for _ in range(n):
            f.jacobian.into(*given)

    def dotted_jacobian(n):
        for _ in range(n):
            f.jacobian(*args)

    run = timing.from_python
    fill = run(plain(f, "into"), out, *args)
    fresh = run(plain(f, "jacobian"), *args)
    yield "f(*args)", run(f, *args), run(plain(f, "primal"), *args)
    yield "into(out, *args)", run(into, out, *args), fill
    yield "f.jacobian.into(out, *args)", dotted, fill
    yield "jacobian(*args)", run(jacobian, *args), fresh
    yield "f.jacobian(*args)", dotted_jacobian, fresh
    yield "value_and_jacobian(*args)", run(both, *args), run(plain(f, "value_and_jacobian"), *args)


def from_compiled_code(f, problem):
    """The same in a compiled loop: called there, and in a function that is called there."""
    points = problem.points(timing.POINTS)
    stage = timing.Stage(points, [problem.vector(point) for point in points], problem.shape)

    direct = plain(f, "into")

    @njit(**OPTIONS)
    def through_object(out, *args):
        f.jacobian.into(out, *args)

    @njit(**OPTIONS)
    def through_dispatcher(out, *args):
        direct(out, *args)

    run = timing.from_compiled_code
    yield "into, compiled loop", run(f.jacobian.into, stage), run(direct, stage)
    yield "f.jacobian.into, in a function", run(through_object, stage), run(through_dispatcher, stage)


def main():
    parser = argparse.ArgumentParser(prog="python -m benchmarks.overhead", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer repetitions")
    budget = 0.3 if parser.parse_args().quick else 2.0
    print(f"{'problem':13} {'call':34} {'ratio':>6} {'ns':>8}")
    for problem in PROBLEMS:
        f = jacobian_compiled(problem.function, wrt=problem.wrt, shapes=problem.shapes)
        args, out = problem.points(1)[0], np.zeros(problem.shape)
        for name, ours, reference in (*from_python(f, args, out), *from_compiled_code(f, problem)):
            (seconds, ratio) = timing.interleaved({"plain": reference, "ours": ours}, budget)["ours"]
            print(f"{problem.name:13} {name:34} {ratio:6.2f} {1e9 * seconds:8.1f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
