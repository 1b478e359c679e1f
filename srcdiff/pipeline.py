"""The stages in order: source, lowering, differentiation, clean-up, text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from .analyses.activity import activity, callees, has_arrays, uses_arrays
from .assembly.arrays import ArrayAssembly
from .assembly.inputs import choose_inputs, input_names
from .assembly.scalars import ScalarAssembly, best
from .frontend.entry import Lowered, lower_entry
from .frontend.parameters import Spec
from .frontend.source import Source
from .ir.expr import interning
from .ir.statements import CallHelper, leaves, statements
from .ir.verify import verify
from .modes import MODES
from .module import Module

__all__ = ["build", "needs_chunks"]


def build(
    source: Source,
    specs: Mapping[str, Spec],
    *,
    mode: str,
    wrt: Any = None,
    of: Sequence[str] = (),
    shapes: Mapping[str, tuple[int, ...]] | None = None,
    strict: bool = False,
    assumed: Sequence[str] = (),
    checked: bool = True,
    chunk: int | None = None,
) -> Module:
    """Source text of one mode for given argument types; `checked` puts in the checks of shapes.

    `chunk` is the number of directions that an array program carries at once.
    """
    if mode not in MODES:
        raise ValueError(f"mode must be one of {', '.join(MODES)}, not {mode!r}")
    with interning(), source.deep():
        return _build(source, specs, mode, wrt, of, shapes or {}, strict, assumed, checked, chunk)


def _build(
    source: Source, specs: Mapping[str, Spec], mode: str, wrt: Any, of: Sequence[str],
    shapes: Mapping[str, tuple[int, ...]], strict: bool, assumed: Sequence[str], checked: bool, chunk: int | None,
) -> Module:  # fmt: skip
    inputs, single = choose_inputs(source, wrt, of)
    lowered = lower_entry(source, specs, inputs, of, shapes, promote=mode != "primal")
    verify(lowered.function.body)
    if needs_chunks(lowered, inputs):
        return ArrayAssembly(lowered, inputs, single, mode, strict, assumed, chunk).module()

    def assemble(variant: Lowered) -> ScalarAssembly:
        return ScalarAssembly(variant, inputs, single, mode, strict, assumed, checked)

    return best(lowered, assemble).module()


def needs_chunks(lowered: Lowered, inputs: Sequence[str]) -> bool:
    """Whether arrays of run-time lengths vary: the function is differentiated in chunks of directions."""
    dynamic = [leaf for leaf in leaves(lowered.result) if None in leaf.shape]
    open_ = any(None in leaf.shape for name in inputs for leaf in leaves(lowered.inputs[name].structure))
    if dynamic or open_ or lowered.filled_arrays:
        return True
    body = lowered.function.body
    if not uses_arrays(body) and not any(map(has_arrays, callees(body))):
        return False
    scalars, arrays, atoms = input_names([lowered.inputs[name] for name in inputs])
    found = activity(body, scalars, arrays, atoms)
    if found.arrays:
        return True
    calls = (s for s in statements(body) if isinstance(s, CallHelper))
    return any(has_arrays(s.helper) and found.reads(*s.args) for s in calls)
