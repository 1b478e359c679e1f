"""A function, its derivative as source code, and a stiff solver that uses it: ``python examples/quickstart.py``."""

import inspect
import sys

import numpy as np
from scipy.integrate import solve_ivp

from srcdiff import jacobian_compiled


@jacobian_compiled(wrt="y")
def robertson(t, y, k1, k2, k3):
    a, b, c = y
    return np.array([-k1 * a + k3 * b * c, k1 * a - k2 * b * b - k3 * b * c, k2 * b * b])


def show(title, source):
    print(f"\n--- {title} ---\n")
    if sys.stdout.isatty():
        from rich.console import Console
        from rich.syntax import Syntax

        Console().print(Syntax(source.strip(), "python", background_color="default", word_wrap=True))
    else:
        print(source.strip())


def main():
    rates = (0.04, 3e7, 1e4)
    show("the function", inspect.getsource(inspect.unwrap(robertson)))
    show("its Jacobian, as generated: this text is what Numba compiles", robertson.emit(mode="into"))

    y = np.array([0.9, 2e-5, 0.1])
    print("\n--- robertson.jacobian(0.0, y, 0.04, 3e7, 1e4) at y = [0.9, 2e-5, 0.1] ---\n")
    print(robertson.jacobian(0.0, y, *rates))

    print('\n--- solve_ivp(robertson, ..., method="Radau", jac=robertson.jacobian) ---\n')
    solution = solve_ivp(
        robertson,
        (0.0, 1e5),
        [1.0, 0.0, 0.0],
        method="Radau",
        jac=robertson.jacobian,
        args=rates,
        rtol=1e-8,
        atol=[1e-12, 1e-16, 1e-12],
        t_eval=[0.0, 1e-2, 1.0, 1e2, 1e4, 1e5],
    )
    print(f"{'t':>8} {'a':>12} {'b':>12} {'c':>12}")
    for t, (a, b, c) in zip(solution.t, solution.y.T):
        print(f"{t:8g} {a:12.6e} {b:12.6e} {c:12.6e}")
    print(f"\n{solution.nfev} calls of the function, {solution.njev} of the Jacobian")


if __name__ == "__main__":
    main()
