"""`check`: a derivative against references that share nothing with it, at one point.

The reference values come from Numba's own compilation of the user's function, or from plain Python where Numba
refuses it. Where differences tell too little, a row is "not conclusive" and no false alarm.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from .differentiable import Differentiable, Options, Shapes, jacobian_compiled
from .errors import ArgumentError, SrcdiffError
from .points import (
    SEED,
    contents,
    copied,
    in_double,
    in_single,
    is_float,
    leaves_of,
    mapped,
    no_list,
    random_arguments,
    read_only,
    rows_of,
    strided,
    vector_of,
    with_numbers,
)
from .references import EPS, by_position, compiled_by_numba, differences, directional, distance

__all__ = ["Report", "Row", "check"]

TOLERANCE = 1e-9
DIRECTIONS = 4
COORDINATES = 24


@dataclass(frozen=True)
class Row:
    """One comparison: `passed` is None where nothing could be concluded."""

    name: str
    passed: bool | None
    detail: str


@dataclass
class Report:
    """The comparisons that `check` made. False if one of them failed; printed, a table."""

    title: str
    rows: list[Row] = field(default_factory=list)

    def __bool__(self) -> bool:
        return all(row.passed is not False for row in self.rows)

    def add(self, name: str, passed: bool | None, detail: str) -> None:
        self.rows.append(Row(name, passed, detail))

    def __str__(self) -> str:
        words = {True: "ok", False: "MISMATCH", None: "not conclusive"}
        width = max((len(row.name) for row in self.rows), default=0)
        lines = [f"{row.name:<{width}}  {words[row.passed]:<14}  {row.detail}".rstrip() for row in self.rows]
        verdict = "no mismatch" if self else f"{sum(r.passed is False for r in self.rows)} of {len(self.rows)} mismatch"
        return "\n".join([self.title, *(f"  {line}" for line in lines), f"  {verdict}"])


def check(
    function: Callable[..., Any], *args: Any, wrt: Any = None, of: Any = None, shapes: Shapes | None = None
) -> Report:
    """Compare the derivative of a function with independent references at the point `args`.

    The function's value with Numba's own; directional derivatives with 5-point differences, extrapolated; the rate at
    which the remainder of the Taylor expansion falls; that no argument is changed; and that strided, Fortran-ordered,
    read-only, aliased, float32 and integer arguments give the same, or are refused.

    Without `args` a random point is taken, the same one every time. The options of a decorated function are used.

    Returns
    -------
    A report that prints as a table, and is false on a mismatch.

    Examples
    --------
    >>> from srcdiff import check
    >>> report = check(lambda x, y: x * y**2, 3.0, 2.0)
    >>> bool(report), report.rows[0].passed
    (True, True)
    """
    if isinstance(function, Differentiable):
        own = function._options
        wrt = own.wrt if wrt is None else wrt
        of = own.of if of is None else of
        shapes = {**own.shapes, **(shapes or {})}
        function = function.__srcdiff_function__
    if not args:
        args = random_arguments(function, wrt=wrt, of=of, shapes=shapes)
    return _Check(function, args, wrt, of, shapes).report()


class _Check:
    def __init__(self, function: Callable[..., Any], args: tuple[Any, ...], wrt: Any, of: Any, shapes: Shapes | None):
        from .assembly.inputs import choose_inputs
        from .frontend.parameters import parameter_names, star_parameter
        from .frontend.source import find_source

        self.source = find_source(function)
        options = Options(wrt=wrt, of=of, shapes=shapes)
        self.of = options.of
        self.wrt, _ = choose_inputs(self.source, options.wrt, self.of)
        self.names = parameter_names(self.source)
        star = star_parameter(self.source)
        position = {name: i for i, name in enumerate(self.names)}
        if star is not None and star in self.wrt:
            raise ArgumentError(f"check does not take *{star}", hint="Wrap it in a function of named arguments.")
        self.given = tuple(map(no_list, args, [*self.names, *["*"] * len(args)]))
        missing = [name for name in self.wrt if position[name] >= len(args)]
        if missing:
            defaults = self._defaults()
            if any(name not in defaults for name in missing):
                raise ArgumentError(f"no value for {missing[0]}", hint=f"Pass {', '.join(self.names)}.")
            self.given += tuple(defaults[name] for name in self.names[len(args) : position[missing[-1]] + 1])
        self.active = [position[name] for name in self.wrt]
        self.filled = [position[name] for name in self.of]
        self.f = jacobian_compiled(wrt=options.wrt, of=self.of or None, shapes=shapes)(function)
        # Without contraction to fused operations, so that the value can be compared bit for bit.
        self.exact = jacobian_compiled(wrt=options.wrt, of=self.of or None, shapes=shapes, fastmath=False)(function)
        self.function = function
        self.shapes = shapes
        place = f"{self.source.filename}:{self.source.first_line}"
        self.result = Report(f"{self.source.name} ({place}), d/d{', '.join(self.wrt)}")

    def _defaults(self) -> dict[str, Any]:
        import inspect

        signature = inspect.signature(self.source.function)
        return {n: p.default for n, p in signature.parameters.items() if p.default is not inspect.Parameter.empty}

    # -- the point --------------------------------------------------------------------------------------------------

    def fresh(self) -> tuple[Any, ...]:
        return tuple(map(copied, self.given))

    def promoted(self) -> tuple[Any, ...]:
        """The arguments with everything that varies in double precision."""
        args = list(self.fresh())
        for i in self.active:
            args[i] = mapped(args[i], in_double)
        return tuple(args)

    def vector(self, args: Sequence[Any]) -> Any:
        return vector_of([leaf for i in self.active for leaf in leaves_of(args[i])])

    def at(self, args: Sequence[Any], x: Any) -> tuple[Any, ...]:
        """The arguments with the vector `x` in the place of what varies."""
        numbers = iter(x)
        moved = list(map(copied, args))
        for i in self.active:
            moved[i] = mapped(moved[i], lambda leaf: with_numbers(leaf, numbers))
        return tuple(moved)

    def value(self, run: Callable[..., Any], args: Sequence[Any]) -> Any:
        """All outputs as a vector."""
        passed = tuple(map(copied, args))
        returned = run(*passed)
        outputs = [passed[i] for i in self.filled] if self.filled else [returned]
        return vector_of([leaf for output in outputs for leaf in leaves_of(output)])

    # -- the rows ---------------------------------------------------------------------------------------------------

    def report(self) -> Report:
        import numpy as np

        with np.errstate(all="ignore"):
            args = self.promoted()
            matrix = np.asarray(self.f.jacobian.matrix(*map(copied, args)))
            reference, is_numba, why = self._reference(args)
            self._primal(reference, is_numba, why, args)
            self._forms(matrix, args)
            self._derivatives(reference, matrix, args)
            self._unchanged(args)
            self._variants(matrix, args)
        if not self.result:
            self._explain()
        return self.result

    def _explain(self) -> None:
        """A mismatch may be the special branch of an equality test, which is what its derivative is defined to be."""
        from .lint import lint

        found = lint(self.function, wrt=tuple(self.wrt), of=self.of, shapes=self.shapes)
        for finding in found:
            if finding.kind == "equality":
                self.result.add(f"line {finding.line}", None, finding.message)

    def _reference(self, args: Sequence[Any]) -> tuple[Callable[..., Any], bool, str]:
        """Numba's compilation of the user's function, or the function itself and why Numba refuses it."""
        plain = by_position(self.source, self.names)
        if self.source.bound or plain is not self.source.function:
            return plain, False, "Numba takes no methods, partials or keyword-only parameters"
        try:
            import numba

            compiled = compiled_by_numba(self.source.function, numba)
            compiled(*map(copied, args))
            return compiled, True, ""
        except Exception as error:
            first = next((line for line in str(error).splitlines() if line.strip()), type(error).__name__)
            return plain, False, f"Numba does not compile it ({_shorten(first)})"

    def _primal(self, reference: Callable[..., Any], is_numba: bool, why: str, args: Sequence[Any]) -> None:
        import numpy as np

        try:
            expected = self.value(reference, args)
        except Exception as error:
            self.result.add("value", None, f"{why}; Python raises {type(error).__name__}: {_shorten(error)}")
            return
        found = self.value(self.exact, args)
        against = "Numba's" if is_numba else "plain Python's"
        note = "" if is_numba else f"; {why}"
        if found.shape != expected.shape:
            self.result.add("value", False, f"{found.size} outputs, {expected.size} are expected")
        elif found.tobytes() == expected.astype(found.dtype).tobytes():
            self.result.add("value", True, f"equal to {against}, bit for bit{note}")
        else:
            scale = np.maximum(np.max(np.abs(expected[np.isfinite(expected)]), initial=0.0), 1e-300)
            gap = float(np.max(distance(found, expected) / scale, initial=0.0))
            passed = gap <= 1e-12
            reason = " (the order of sums or products differs)" if passed and is_numba else ""
            self.result.add("value", passed, f"differs from {against} by {gap:.1e} of the largest{reason}{note}")

    def _forms(self, matrix: Any, args: Sequence[Any]) -> None:
        import numpy as np

        if self.filled:
            nested = self.f.jacobian(*map(copied, args))
        else:
            _, nested = self.f.value_and_jacobian(*map(copied, args))
        sizes = [1 if np.ndim(leaf) == 0 else np.size(leaf) for i in self.active for leaf in leaves_of(args[i])]
        rows = rows_of(nested, sizes)
        flat = np.asarray(rows).reshape(-1) if rows is not None else None
        same = flat is not None and flat.size == matrix.size and bool(np.all(distance(flat, matrix.ravel()) == 0.0))
        if not same and flat is not None and flat.size == matrix.size:
            error = float(np.max(distance(flat, matrix.ravel()))) / max(float(np.max(np.abs(matrix))), 1e-300)
            same = error <= 1e-13
        detail = f"{matrix.shape[0]} x {matrix.shape[1]}, the same from jacobian and matrix"
        self.result.add("forms", same, detail if same else "jacobian and jacobian.matrix differ")

    def _derivatives(self, reference: Callable[..., Any], matrix: Any, args: Sequence[Any]) -> None:
        import numpy as np

        x = self.vector(args)
        function = self._guarded(reference, args)
        y = function(x)
        generator = np.random.default_rng(SEED)
        scale = np.where(x == 0.0, 1.0, np.abs(x))
        probes = [
            (f"direction {i + 1}", scale * generator.uniform(0.5, 1.0, x.size) * generator.choice([-1.0, 1.0], x.size))
            for i in range(DIRECTIONS if x.size > 1 else 0)
        ]
        labels = self._labels(args)
        if x.size <= COORDINATES:
            probes += [(f"d/d{label}", np.eye(x.size)[i] * scale[i]) for i, label in enumerate(labels)]
        for name, direction in probes:
            self._directional(name, function, x, y, matrix, direction)
        if probes:
            self._taylor(function, x, y, matrix, probes[0][1])

    def _guarded(self, reference: Callable[..., Any], args: Sequence[Any]) -> Callable[[Any], Any]:
        """The function on vectors; nan where it raises, as it may outside of its domain."""
        import numpy as np

        size = self.value(self.exact, args).size

        def function(x: Any) -> Any:
            try:
                y = self.value(reference, self.at(args, x))
            except Exception:
                return np.full(size, np.nan)
            return y if y.size == size else np.full(size, np.nan)

        return function

    def _labels(self, args: Sequence[Any]) -> list[str]:
        import numpy as np

        labels = []
        for i in self.active:
            leaves = list(leaves_of(args[i]))
            for j, leaf in enumerate(leaves):
                name = self.names[i] if len(leaves) == 1 else f"{self.names[i]}[{j}]"
                shape = getattr(leaf, "shape", ())
                labels += [f"{name}{list(index)}" if index else name for index in np.ndindex(*shape)]
        return labels

    def _directional(
        self, name: str, function: Callable[[Any], Any], x: Any, y: Any, matrix: Any, direction: Any
    ) -> None:
        import numpy as np

        exact = directional(matrix, direction)
        terms = np.abs(np.where(direction == 0.0, 0.0, matrix)) @ np.abs(direction)
        estimate, error = differences(function, x, y, direction)
        size = np.maximum(np.maximum(np.abs(exact), np.abs(estimate)), np.where(np.isfinite(terms), terms, 0.0))
        gap = distance(exact, estimate)
        unknown = ~np.isfinite(estimate) | ~np.isfinite(error)
        bad = np.isnan(exact) & ~unknown
        agree = ~unknown & (gap <= TOLERANCE * size)
        close = ~unknown & ~agree & (gap <= 20.0 * error)
        relative = gap / np.where(size == 0.0, 1.0, size)
        worst = float(np.max(np.where(unknown, 0.0, relative), initial=0.0))
        blurred = close & (error > 1e-5 * size)
        wrong = bad | ~(unknown | agree | close)
        if np.any(wrong) and self._kink(function, x, y, direction, wrong):
            self.result.add(name, None, "a kink or a jump at this very point: see srcdiff lint")
        elif np.any(wrong) and self._quantized(function, x, direction, exact, estimate, wrong):
            self.result.add(name, None, "rounding inside the function hides its slope at small steps")
        elif np.any(wrong):
            i = int(np.argmax(np.where(wrong, np.where(np.isnan(relative), np.inf, relative), -1.0)))
            given = f"{_number(estimate[i])} +- {error[i]:.0e}"
            self.result.add(name, False, f"output {i}: {_number(exact[i])}, differences give {given}")
        elif np.any(unknown):
            count = f"{int(unknown.sum())} of {unknown.size} outputs"
            self.result.add(name, None, f"{count} are not finite around the point")
        elif np.any(blurred):
            resolved = float(np.max(np.where(blurred, error, 0.0) / np.where(blurred, size, 1.0)))
            self.result.add(name, None, f"differences resolve it to {resolved:.0e} only")
        else:
            limit = "" if np.all(agree) else ", as far as differences can tell"
            self.result.add(name, True, f"to {max(worst, EPS):.0e}{limit}")

    def _kink(self, function: Callable[[Any], Any], x: Any, y: Any, direction: Any, wrong: Any) -> bool:
        """Whether the slopes to both sides differ, or the value jumps, at the point itself, in all outputs `wrong`.

        A function whose derivative is merely wrong has equal slopes to both sides, up to the curvature, which falls
        with the step; those of a kink stay apart however small the step.
        """
        import numpy as np

        gaps = []
        for h in (2.0**-10, 2.0**-14, 2.0**-18):
            right = (function(x + h * direction) - y) / h
            left = (y - function(x - h * direction)) / h
            gaps.append(np.abs(right - left) / np.maximum(np.maximum(np.abs(right), np.abs(left)), 1e-300))
        apart = (gaps[2] > 1e-3) & (gaps[2] > 0.5 * gaps[0])
        return bool(np.all(apart | ~wrong))

    def _quantized(
        self, function: Callable[[Any], Any], x: Any, direction: Any, exact: Any, estimate: Any, wrong: Any
    ) -> bool:
        """Whether wide steps see the exact slope and only small ones another: `(x + 1e12) - 1e12` is a staircase."""
        import numpy as np

        slopes = [
            (function(x + h * direction) - function(x - h * direction)) / (2.0 * h) for h in 2.0 ** -np.arange(3, 9)
        ]
        near = [np.abs(slope - exact) < 0.1 * np.abs(estimate - exact) for slope in slopes]
        seen = [a & b & c for a, b, c in zip(near, near[1:], near[2:])]
        return bool(np.all(np.logical_or.reduce(seen) | ~wrong))

    def _taylor(self, function: Callable[[Any], Any], x: Any, y: Any, matrix: Any, direction: Any) -> None:
        """|f(x + h d) - f(x) - h J d| falls with the square of h."""
        import numpy as np

        slope = directional(matrix, direction)
        finite = np.isfinite(y) & np.isfinite(slope)
        size = np.where(finite, np.maximum(np.abs(y), np.abs(slope)), 1.0)
        size = np.where(size == 0.0, 1.0, size)
        steps = 2.0 ** -np.arange(2.0, 22.0)
        remainders = []
        for h in steps:
            moved = function(x + h * direction)
            rest = np.where(finite, (moved - y - h * slope) / size, 0.0)
            remainders.append(float(np.sqrt(np.sum(np.abs(rest) ** 2))))
        noise = 32.0 * EPS * math.sqrt(max(1, int(finite.sum())))
        r = np.array(remainders)
        rates = np.log2(np.where(r[1:] > 0.0, r[:-1] / np.where(r[1:] > 0.0, r[1:], 1.0), np.inf))
        clear = np.isfinite(r) & (r > 30.0 * noise)
        usable = [i for i in range(len(rates) - 3) if np.all(clear[i : i + 5])]
        best = max((float(np.min(rates[i : i + 4])) for i in usable), default=math.nan)
        if not np.any(finite) or not np.any(np.isfinite(r)):
            self.result.add("Taylor remainder", None, "the function is not finite here")
        elif usable and best >= 1.9:
            self.result.add("Taylor remainder", True, f"falls at the rate {best:.2f} over four halvings")
        elif float(np.nanmax(r[4:])) <= 30.0 * noise:
            self.result.add("Taylor remainder", True, "none above rounding")
        elif not usable:
            self.result.add("Taylor remainder", None, "it is at the level of rounding before a rate shows")
        elif float(np.max(rates[usable[-1] : usable[-1] + 4])) > 1.5:
            self.result.add("Taylor remainder", None, f"the rate is {best:.2f}: the curvature is too strong")
        elif self._excused(function, x, y, direction, slope, noise * size):
            self.result.add("Taylor remainder", None, f"the rate is {best:.2f}: a kink, a jump, or rounding inside")
        else:
            self.result.add("Taylor remainder", False, f"falls at the rate {best:.2f} only; 2 is expected")

    def _excused(self, function: Callable[[Any], Any], x: Any, y: Any, direction: Any, slope: Any, noise: Any) -> bool:
        """Whether every output with a remainder is at a kink, or rounds inside, or has its slope right all the same."""
        import numpy as np

        h = 2.0**-20
        estimate, _ = differences(function, x, y, direction)
        left = np.abs(function(x + h * direction) - y - h * slope) > noise
        left &= ~(distance(estimate, slope) <= TOLERANCE * np.abs(slope))
        return self._kink(function, x, y, direction, left) or self._quantized(
            function, x, direction, slope, estimate, left
        )

    def _unchanged(self, args: Sequence[Any]) -> None:
        args = tuple(map(copied, args))
        before = [contents(a) for a in args]
        self.f.jacobian.matrix(*args)
        after = [contents(a) for a in args]
        changed = [
            self.names[min(i, len(self.names) - 1)]
            for i, (a, b) in enumerate(zip(before, after))
            if a != b and i not in self.filled
        ]
        self.result.add(
            "arguments", not changed, f"the Jacobian changes {', '.join(changed)}" if changed else "unchanged"
        )

    def _variants(self, matrix: Any, args: Sequence[Any]) -> None:
        import numpy as np

        arrays = [i for i, a in enumerate(args) if isinstance(a, np.ndarray) and a.size]
        kinds: list[tuple[str, Callable[[Any], Any], list[int]]] = [
            ("strided", strided, arrays),
            ("Fortran order", np.asfortranarray, [i for i in arrays if args[i].ndim > 1]),
            ("read-only", read_only, [i for i in arrays if i not in self.filled]),
        ]
        for name, convert, places in kinds:
            if places:
                changed = [convert(a) if i in places else a for i, a in enumerate(map(copied, args))]
                self._variant(name, changed, matrix, 1e-13)
        for i in arrays:
            for j in arrays:
                if i < j and args[i].shape == args[j].shape and args[i].dtype == args[j].dtype and not self.filled:
                    separate = list(map(copied, args))
                    separate[j] = separate[i].copy()
                    aliased = list(map(copied, separate))
                    aliased[j] = aliased[i]
                    expected = np.asarray(self.f.jacobian.matrix(*separate))
                    self._variant(f"{self.names[i]} is {self.names[j]}", aliased, expected, 1e-13)
                    break
            else:
                continue
            break
        floats = [i for i in self.active if any(is_float(leaf) for leaf in leaves_of(args[i]))]
        if floats:
            single = [mapped(a, in_single) if i in floats else a for i, a in enumerate(map(copied, args))]
            rounded = [mapped(a, in_double) if i in floats else a for i, a in enumerate(map(copied, single))]
            self._variant("float32", single, np.asarray(self.f.jacobian.matrix(*rounded)), 1e-4, rough=True)
        scalars = [i for i in self.active if isinstance(args[i], float)]
        if scalars:
            integers = list(map(copied, args))
            for i in scalars:
                integers[i] = round(args[i]) or 1 if math.isfinite(args[i]) else 1
            same = [float(a) if i in scalars else a for i, a in enumerate(map(copied, integers))]
            self._variant("integers", integers, np.asarray(self.f.jacobian.matrix(*same)), 1e-13)

    def _variant(self, name: str, args: Sequence[Any], expected: Any, limit: float, *, rough: bool = False) -> None:
        import numpy as np

        try:
            found = np.asarray(self.f.jacobian.matrix(*args))
        except SrcdiffError as error:
            self.result.add(name, True, f"refused: {_shorten(error.message)}")
            return
        except Exception as error:
            self.result.add(name, False, f"raises {type(error).__name__}: {_shorten(error)}")
            return
        largest = np.max(np.abs(expected[np.isfinite(expected)]), initial=0.0) or 1.0
        error_ = float(np.max(distance(found, expected), initial=0.0) / largest)
        if error_ <= limit:
            self.result.add(name, True, "the same" if not error_ else f"to {error_:.0e}")
        else:
            self.result.add(name, None if rough else False, f"differs by {error_:.1e} of the largest element")


def _number(value: Any) -> str:
    return f"{value:.10g}"


def _shorten(text: object) -> str:
    line = " ".join(str(text).split())
    return line if len(line) <= 90 else line[:87] + "..."
