"""The functions measured: those of the examples, as users write them, and where they are evaluated."""

import inspect
import types
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from benchmarks import handwritten
from examples import hires, pollu, reprojection, robertson


def toy(x1, x2, x3):
    return x1 + x2, x3 * x1, x2**3


@dataclass(frozen=True)
class Problem:
    name: str
    function: Callable
    wrt: tuple[str, ...]
    shape: tuple[int, int]
    point: Callable  # generator of random numbers -> arguments
    by_hand: Callable
    also_by_hand: dict[str, Callable] = field(default_factory=dict)
    shapes: dict[str, int] | None = None

    def points(self, n, seed=0):
        """n argument tuples; arguments outside ``wrt`` stay the same."""
        rng = np.random.default_rng(seed)
        names = list(inspect.signature(self.function).parameters)
        drawn = [self.point(rng) for _ in range(n)]
        return [tuple(p[i] if name in self.wrt else drawn[0][i] for i, name in enumerate(names)) for p in drawn]

    def vector(self, args):
        """The active inputs as one vector: the peers' form."""
        names = list(inspect.signature(self.function).parameters)
        return np.concatenate([np.ravel(args[names.index(name)]) for name in self.wrt]).astype(float)

    def unflatten(self, args, v):
        """``args`` with the active inputs taken from the vector ``v`` (of any library)."""
        names = list(inspect.signature(self.function).parameters)
        values = list(args)
        if len(self.wrt) == 1:
            values[names.index(self.wrt[0])] = v
            return values
        start = 0
        for i in (names.index(name) for name in self.wrt):
            if getattr(args[i], "shape", ()):
                values[i] = v[start : start + args[i].shape[0]]
                start += args[i].shape[0]
            else:
                values[i] = v[start]
                start += 1
        return values

    def flat(self, args, xp):
        """The function of that vector, with ``xp`` in the place of NumPy."""
        function = rebound(self.function, xp)

        def of_vector(v):
            result = function(*self.unflatten(args, v))
            return xp.array(result) if isinstance(result, tuple) else result

        return of_vector


def rebound(function, xp):
    """The same function with ``xp`` for NumPy, here and in its helpers.

    The branch for small rotations is dropped: traced peers (jit, vmap, symbols) cannot branch on data.
    """
    namespace = dict(function.__globals__)
    namespace["np"] = xp
    for name, value in function.__globals__.items():
        if name == "rodrigues_rotate":
            namespace[name] = _rotate_without_branch(xp)
        elif name in function.__code__.co_names and isinstance(value, types.FunctionType):
            namespace[name] = rebound(value, xp)
    return types.FunctionType(function.__code__, namespace, function.__name__)


def _rotate_without_branch(xp):
    def rotate(w, X):
        theta = xp.sqrt(xp.dot(w, w))
        axis = w / theta
        cos_theta = xp.cos(theta)
        return X * cos_theta + xp.cross(axis, X) * xp.sin(theta) + axis * (xp.dot(axis, X) * (1.0 - cos_theta))

    return rotate


def _camera(rng):
    cam = [*rng.normal(size=3) * 0.3, *rng.normal(size=2) * 0.3, -5.0 + 0.3 * rng.normal()]
    return np.array([*cam, 900.0 + rng.normal(), 320.0, 240.0, -0.1, 0.02])


PROBLEMS = (
    Problem("toy", toy, ("x1", "x2", "x3"), (3, 3), lambda rng: tuple(rng.uniform(0.5, 2.0, 3)), handwritten.toy),
    Problem(
        "robertson",
        inspect.unwrap(robertson.robertson),
        ("y",),
        (3, 3),
        lambda rng: (0.0, rng.uniform(0.1, 1.0, 3) * [1.0, 1e-4, 1.0], *robertson.RATES),
        handwritten.robertson,
    ),
    Problem(
        "hires",
        inspect.unwrap(hires.hires),
        ("y",),
        (8, 8),
        lambda rng: (0.0, rng.uniform(0.1, 1.0, 8)),
        handwritten.hires,
    ),
    Problem(
        "pollu",
        inspect.unwrap(pollu.pollu),
        ("y",),
        (20, 20),
        lambda rng: (0.0, pollu.REFERENCE * rng.uniform(0.5, 2.0, 20), pollu.RATES),
        handwritten.pollu,
    ),
    Problem(
        "reprojection",
        inspect.unwrap(reprojection.reprojection_error),
        ("cam", "X", "weight"),
        (2, 15),
        lambda rng: (_camera(rng), rng.uniform(-1.0, 1.0, 3), rng.uniform(0.5, 1.0), rng.uniform(0.0, 600.0, 2)),
        handwritten.reprojection,
        {"by hand, SO(3) identity": handwritten.reprojection_so3},
        {"cam": 11, "X": 3, "feature": 2},
    ),
)
