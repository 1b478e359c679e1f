"""Least squares to NIST's certified digits: residuals in ordinary NumPy, their Jacobian by srcdiff.

Each problem has two starting points, the first one far away. The method is Levenberg and Marquardt's; its last steps
are Gauss and Newton's. With exact Jacobians the parameters agree with the certified ones to more than ten digits.
"""

import numpy as np
from scipy.optimize import least_squares

from examples.nist_data import PROBLEMS
from srcdiff import jacobian_compiled


@jacobian_compiled(wrt="b")
def misra1a(b, x, y):
    return b[0] * (1.0 - np.exp(-b[1] * x)) - y


@jacobian_compiled(wrt="b")
def hahn1(b, x, y):
    residual = np.empty_like(x)
    for i in range(len(x)):
        top = b[0] + b[1] * x[i] + b[2] * x[i] ** 2 + b[3] * x[i] ** 3
        bottom = 1.0 + b[4] * x[i] + b[5] * x[i] ** 2 + b[6] * x[i] ** 3
        residual[i] = top / bottom - y[i]
    return residual


@jacobian_compiled(wrt="b")
def thurber(b, x, y):
    return (b[0] + x * (b[1] + x * (b[2] + x * b[3]))) / (1.0 + x * (b[4] + x * (b[5] + x * b[6]))) - y


@jacobian_compiled(wrt="b")
def mgh09(b, x, y):
    return b[0] * (x**2 + x * b[1]) / (x**2 + x * b[2] + b[3]) - y


@jacobian_compiled(wrt="b")
def mgh10(b, x, y):
    return b[0] * np.exp(b[1] / (x + b[2])) - y


@jacobian_compiled(wrt="b")
def boxbod(b, x, y):
    return b[0] * (1.0 - np.exp(-b[1] * x)) - y


@jacobian_compiled(wrt="b")
def rat42(b, x, y):
    return b[0] / (1.0 + np.exp(b[1] - b[2] * x)) - y


@jacobian_compiled(wrt="b")
def rat43(b, x, y):
    return b[0] / (1.0 + np.exp(b[1] - b[2] * x)) ** (1.0 / b[3]) - y


@jacobian_compiled(wrt="b")
def eckerle4(b, x, y):
    return b[0] / b[1] * np.exp(-0.5 * ((x - b[2]) / b[1]) ** 2) - y


MODELS = {
    "Misra1a": misra1a,
    "Hahn1": hahn1,
    "MGH09": mgh09,
    "MGH10": mgh10,
    "BoxBOD": boxbod,
    "Rat42": rat42,
    "Rat43": rat43,
    "Eckerle4": eckerle4,
    "Thurber": thurber,
}


def step(J, r, damping):
    """The least-squares solution of J step = -r, with columns scaled to length 1 and damped."""
    scale = np.maximum(np.sqrt(np.sum(J * J, axis=0)), 1e-300)
    rows = np.vstack((J / scale, np.sqrt(damping) * np.eye(len(scale))))
    return np.linalg.lstsq(rows, np.concatenate((-r, np.zeros(len(scale)))), rcond=None)[0] / scale


def levenberg_marquardt(residuals, start, x, y):
    """Damped steps until none lowers the sum of squares: the parameters, and the number of Jacobians."""
    b, damping = np.array(start), 1e-2
    for count in range(1, 1000):
        r, J = residuals.value_and_jacobian(b, x, y)
        while damping < 1e12:
            change = step(J, r, damping)
            trial = residuals(b + change, x, y)
            if trial @ trial < r @ r:
                break
            damping *= 4.0
        else:
            return b, count
        b = b + change
        damping = max(damping / 8.0, 1e-14)
        if np.all(np.abs(change) <= 1e-13 * np.abs(b)):
            break
    return b, count


def minpack(residuals, start, x, y):
    """The same method as MINPACK has it, whose steps follow the narrow valley of MGH10."""
    result = least_squares(residuals, start, jac=residuals.jacobian, method="lm", args=(x, y), ftol=1e-15, xtol=1e-15)
    return result.x, result.njev


def polish(residuals, b, x, y):
    """Gauss-Newton steps, as long as they get shorter."""
    last = np.inf
    while True:
        r, J = residuals.value_and_jacobian(b, x, y)
        change = step(J, r, 0.0)
        size = np.max(np.abs(change / b))
        if not size < last:
            return b
        b, last = b + change, size


def solve(problem, start):
    """The fitted parameters, their residual sum of squares, and the number of Jacobians of the fit."""
    residuals = MODELS[problem.name]
    fit = minpack if problem.name == "MGH10" else levenberg_marquardt
    with np.errstate(over="ignore"):
        b, jacobians = fit(residuals, start, problem.x, problem.y)
    b = polish(residuals, b, problem.x, problem.y)
    r = residuals(b, problem.x, problem.y)
    return b, r @ r, jacobians


def digits(found, certified):
    """The log relative error: the number of digits that agree."""
    error = np.max(np.abs(np.asarray(found) - certified) / np.abs(certified))
    return 11.0 if error == 0.0 else min(11.0, -np.log10(error))


def main():
    print("problem    difficulty  start  Jacobians  digits: parameters, sum of squares")
    for problem in PROBLEMS:
        for number, start in enumerate(problem.starts, 1):
            b, total, jacobians = solve(problem, start)
            print(
                f"{problem.name:10} {problem.difficulty:10} {number:6} {jacobians:10} "
                f"{digits(b, problem.certified):18.1f} {digits([total], [problem.residual_sum]):15.1f}"
            )


if __name__ == "__main__":
    main()
