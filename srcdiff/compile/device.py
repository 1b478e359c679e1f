"""The text of device functions and of kernels for batches. Knows no Numba."""

from __future__ import annotations

import inspect
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ..analyses.activity import callees
from ..assembly.inputs import choose_inputs
from ..assembly.parts import check_names, definition, support_texts
from ..assembly.scalars import ScalarAssembly, best
from ..differentiate.devices import DeviceLayout, DevicePointLayout
from ..differentiate.helpers import _body
from ..differentiate.points import Target
from ..differentiate.results import Layout
from ..emitter.device import DeviceWriter
from ..emitter.header import header
from ..emitter.module import function_text, module_text
from ..errors import Unsupported, UnsupportedSyntax, UnsupportedType
from ..evaluate.points import Argument, Batch, PointAssembly, call_text, lower_point
from ..frontend.entry import Lowered, lower_entry
from ..frontend.source import Source
from ..frontend.specs import ArraySpec, ScalarSpec, Spec, TupleSpec
from ..ir.expr import Const, Expr, interning
from ..ir.statements import (
    Allocate,
    ArrayCall,
    Block,
    For,
    If,
    Origin,
    Rebind,
    Return,
    While,
    count_of,
    leaves,
    statements,
)
from ..ir.types import FLOAT32
from ..ir.verify import verify
from ..module import Module
from ..optimize.buffers import Buffer
from ..pipeline import needs_chunks
from ..rules.device import DEVICE
from .device_arrays import DeviceArrays, on_device, reference

__all__ = ["BUDGET", "Kernel", "build_device", "build_kernel", "is_narrow"]

DEVICE_MODES = ("primal", "jacobian", "value_and_jacobian", "into", "jvp")


def is_narrow(specs: Sequence[Spec]) -> bool:
    """Whether the working precision is float32: all floats among the arguments are."""
    bits: set[int] = set()

    def visit(spec: Spec) -> None:
        if isinstance(spec, TupleSpec):
            for item in spec.items:
                visit(item)
        elif isinstance(spec, ScalarSpec) and spec.type.is_differentiable:
            bits.add(spec.type.bits)
        elif isinstance(spec, ArraySpec) and spec.dtype.is_differentiable:
            bits.add(spec.dtype.bits)

    for spec in specs:
        visit(spec)
    return bits == {32}


def narrow_target(target: Target) -> Target:
    """An array of results where the working precision is float32."""
    return replace(target, dtype=FLOAT32) if target.dtype.kind == "float" else target


class _OnDevice(ScalarAssembly):
    """What device functions and kernels share: bodies are rewritten before they are printed."""

    narrow = False

    def on_device(self) -> None:
        """Rewrite the body and the functions that it calls."""
        assert self.body is not None
        primal = self.lowered.function.body
        self._no_recursion(primal)
        self.body = on_device(self.lowered.source, primal, self.body, self.narrow, self._undefined)

    def _no_recursion(self, body: Block) -> None:
        """Calls must end: devices have no recursive functions."""
        writer = DeviceWriter(self.lowered.source, self.narrow, None)
        ended: set[int] = set()

        def visit(block: Block, running: tuple[int, ...], first: Origin | None) -> None:
            for s in statements(block):
                writer.origin = first or s.origin or writer.origin
                for callee in callees((replace(s, body=(), orelse=()),) if isinstance(s, (If, For, While)) else (s,)):
                    if id(callee) in running:
                        writer.refuse(
                            UnsupportedSyntax,
                            f"{reference(callee).lowering.source.name} calls itself, which devices do not allow",
                            "Write it as a loop.",
                        )
                    if id(callee) not in ended:
                        visit(_body(callee), (*running, id(callee)), first or writer.origin)
                        ended.add(id(callee))

        visit(body, (), None)

    @property
    def _undefined(self) -> Any:
        """nan for every result, where all results are floats."""
        outputs = list(leaves(self.outputs))
        values = self.mode != "jacobian" and any(not leaf.dtype.is_differentiable for leaf in outputs)
        if values or self.lowered.written_back:
            return None

        def statements_() -> Block:
            layout = self.layout()
            total = sum(count_of(leaf) for leaf in outputs)
            nan: list[Expr] = [Const(math.nan)] * total
            directions = range(max(len(self.labels), 1))
            rows: list[Mapping[int, Expr]] = [dict.fromkeys(directions, Const(math.nan)) for _ in nan]
            return tuple(layout.finish(Return(tuple(nan)), nan, rows))

        return statements_

    def device_text(self, functions: Sequence[str], own: str, entry: str) -> Module:
        """The module around the function `own`."""
        assert self.body is not None
        program = self.program
        main = function_text(own, self._parameters(), self.body, checked=False)
        every = [*self.derivatives.texts(self.body), main, *functions]
        check_names(self.lowered.source, every)
        branches = dict(self.differentiator.branches) if self.differentiator is not None else {}
        support = support_texts(every)
        used = set(re.findall(r"(?<![\w.])[^\W\d]\w*(?=\()", "\n".join([*every, *support])))
        devices = [inspect.getsource(f).rstrip() + "\n" for name, f in DEVICE.items() if name in used]
        imports = dict(program.imports)
        if any("cuda." in text for text in every):
            imports["cuda"] = "from numba import cuda"
        text = module_text(
            header(self, self.differentiator, branches),
            every,
            imports,
            program.constants,
            {key: definition(key, value) for key, value in program.objects.items()},
            [*devices, *support],
        )
        return Module(text, entry, tuple(self._parameters()), dict(program.objects), branches)


class DeviceAssembly(_OnDevice):
    """A device function of one mode."""

    def layout(self) -> Layout:
        """Tuples, or stores into `out`."""
        plain = super().layout()
        return DeviceLayout(
            plain.mode, plain.outputs, plain.inputs, plain.fresh, plain.filled, plain.returns_value, plain.written,
            plain.narrow, plain.out,
        )  # fmt: skip


class KernelAssembly(_OnDevice, PointAssembly):
    """One point of a batch, in a thread of a kernel."""

    clears = False

    def layout(self) -> DevicePointLayout:
        """Stores into the arrays of results, which have the working precision."""
        plain = PointAssembly.layout(self)
        if self.narrow:
            self.targets = tuple(narrow_target(t) for t in self.targets)
        return DevicePointLayout(
            plain.mode, plain.outputs, plain.inputs, plain.fresh, plain.filled, plain.returns_value, plain.written,
            plain.narrow, names=plain.names, index=plain.index, cleared=None,
        )  # fmt: skip


BUDGET = 300
"""Statements from which on a program is written with loops over arrays and columns: compile time stays bounded."""


def _assembled(
    kind: type[_OnDevice], source: Source, specs: Mapping[str, Spec], options: Any, mode: str,
    shapes: Mapping[str, tuple[int, ...]],
) -> _OnDevice | DeviceArrays:  # fmt: skip
    """The function with numbers for its elements; or with arrays, where it indexes by what is computed or is long.

    `shapes` are those of the arguments as far as they are known.
    """
    inputs, single = choose_inputs(source, options.wrt, options.of)
    narrow = is_narrow(list(specs.values()))
    refused: Unsupported | None = None
    lowered = lower_entry(source, specs, inputs, options.of, options.shapes, promote=mode != "primal")
    verify(lowered.function.body)
    if lowered.program.dynamic and not _only_reads(lowered, inputs):
        try:
            return DeviceArrays(source, specs, options, mode, shapes, narrow)
        except Unsupported as error:
            try:
                lowered = _elementwise(source, specs, inputs, options, mode, shapes)
            except Unsupported:
                raise error from None
            refused = error

    def assemble(variant: Lowered) -> _OnDevice:
        assembly = kind(variant, inputs, single, mode, options.strict, (), False)
        assembly.narrow = narrow
        return assembly

    assembly = best(lowered, assemble)
    assert isinstance(assembly, _OnDevice)
    assembly.differentiate()
    assert assembly.body is not None
    size = sum(1 for _ in statements(assembly.body))
    if refused is not None and size > 2 * BUDGET:
        raise refused
    if refused is None and size > BUDGET and lowered.guards:
        try:
            return DeviceArrays(source, specs, options, mode, shapes, narrow)
        except Unsupported:
            pass
    assembly.on_device()
    return assembly


def _elementwise(
    source: Source, specs: Mapping[str, Spec], inputs: Sequence[str], options: Any, mode: str,
    shapes: Mapping[str, tuple[int, ...]],
) -> Lowered:  # fmt: skip
    """The function with numbers for the elements of its arrays, whose shapes are known, or found."""
    if any(isinstance(spec, ArraySpec) and name not in shapes for name, spec in specs.items()):
        return lower_point(source, specs, inputs, options, mode, "devices")
    lowered = lower_entry(source, specs, inputs, options.of, shapes, promote=mode != "primal")
    if lowered.program.dynamic:
        raise UnsupportedType("its arrays do not become numbers", hint="")
    verify(lowered.function.body)
    return lowered


def _only_reads(lowered: Lowered, inputs: Sequence[str]) -> bool:
    """Whether arrays of unknown lengths are only read, and do not vary."""
    makes = any(isinstance(s, (Allocate, ArrayCall, Rebind)) for s in statements(lowered.function.body))
    return not makes and not needs_chunks(lowered, inputs) and not lowered.written_arrays


def build_device(source: Source, specs: Mapping[str, Spec], options: Any, mode: str) -> Module:
    """The module of a device function.

    Raises
    ------
    Unsupported
        The function uses what devices do not have, with the place.
    """
    if mode not in DEVICE_MODES:
        raise UnsupportedType(f"{mode} allocates an array, which devices do not", hint="Use f.jacobian.into(out, ...).")
    with interning(), source.deep():
        assembly = _assembled(DeviceAssembly, source, specs, options, mode, options.shapes)
        if isinstance(assembly, DeviceArrays):
            return assembly.device()
        suffix = {"primal": "", "into": "_jacobian_into"}.get(mode, f"_{mode}")
        name = assembly.lowered.function.name + suffix
        return assembly.device_text([], name, name)


@dataclass(frozen=True)
class Kernel(Batch):
    """A kernel of one point a thread."""

    scratch: tuple[Buffer, ...] = ()
    """Arrays that the launch hands in, each with a row for every thread."""


def build_kernel(
    source: Source, specs: Mapping[str, Spec], arguments: Sequence[Argument], options: Any, mode: str,
    shapes: Mapping[str, tuple[int, ...]],
) -> Kernel:  # fmt: skip
    """The module of a kernel that computes one point a thread; its entry takes what a loop over points takes.

    `shapes` are those of the arguments at one point: arrays that stay arrays have these.
    """
    with interning(), source.deep():
        assembly = _assembled(KernelAssembly, source, specs, options, mode, {**shapes, **options.shapes})
        indices = list(dict.fromkeys(a.gathered for a in arguments if a.gathered))
        passed = [*(a.name for a in arguments), *indices]
        if isinstance(assembly, DeviceArrays):
            made = assembly.kernel(lambda i: call_text(specs, arguments, i), passed)
            return Kernel(
                made.module, made.targets, made.outputs, made.inputs, made.guards, frozenset(), made.filled, False,
                "one point a thread", scratch=made.scratch,
            )  # fmt: skip
        assert isinstance(assembly, KernelAssembly)
        lowered = assembly.lowered
        first, last = assembly.fresh("first"), assembly.fresh("last")
        i = assembly.index
        name = f"{assembly.name.removesuffix('_point')}_kernel"
        call = f"{assembly.name}({', '.join([i, *assembly.names, *call_text(specs, arguments, i)])})"
        kernel = "\n".join([
            f"def {name}({', '.join([first, last, *assembly.names, *passed])}):",
            f"    {i} = {first} + cuda.grid(1)",
            f"    if {i} < {last}:",
            f"        {call}",
        ])  # fmt: skip
        module = assembly.device_text([kernel + "\n"], assembly.name, name)
        filled = frozenset(lowered.filled) | frozenset(lowered.written_back)
        return Kernel(
            module, assembly.targets, assembly.outputs, assembly.input_structure, lowered.guards, frozenset(), filled,
            False, "one point a thread",
        )  # fmt: skip
