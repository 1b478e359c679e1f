"""The text of a batch of a program with arrays of run-time lengths: a call of its derivative for each point.

    def field_jacobian_batch(first, last, out, y, force):
        if first == last:
            return
        scratch = field_jacobian_scratch(y[first], force)
        for i in range(first, last):
            field_jacobian_into_with(scratch, out[i], y[i], force)

The lengths of the results are known once the function has run. They are the same at all points, or the loop raises.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ..assembly.arrays import ArrayAssembly
from ..assembly.parts import fresh_name
from ..differentiate.points import Target, strong
from ..differentiate.structures import promoted
from ..frontend.entry import Lowered
from ..frontend.specs import Spec
from ..ir.statements import Leaf, Structure, leaves
from ..modes import suffix_of
from .calls import Argument, Batch, call_text
from .failures import DIFFER

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["array_batch"]


def array_batch(
    lowered: Lowered, specs: Mapping[str, Spec], arguments: Sequence[Argument], inputs: Sequence[str], single: bool,
    options: Any, mode: str,
) -> Batch:  # fmt: skip
    """The module for a batch of an array program; `specs` are those of a single point."""
    direct = mode == "jacobian" and _direct(lowered, inputs)
    form = "into_with" if direct else mode
    assembly = ArrayAssembly(lowered, inputs, single, form, options.strict, (), options.chunk)
    structure: Structure | Leaf = (
        assembly.inputs[0].structure if single else Structure(tuple(one.structure for one in assembly.inputs))
    )
    targets = _targets(assembly, mode)
    name = lowered.function.name + ("" if mode == "primal" else f"_{mode}") + "_batch"
    indices = list(dict.fromkeys(a.gathered for a in arguments if a.gathered))
    taken = {*(a.name for a in arguments), *indices}
    labels = ["out"] if len(targets) == 1 else [f"out_{k}" for k in range(len(targets))]
    keys = ("first", "last", "i", "result", "scratch", *labels)
    own = (fresh_name(key, taken, assembly.program.globals) for key in keys)
    first, last, i, result, scratch, *outs = own
    passed = call_text(specs, arguments, i)

    def loop(entry: str) -> str:
        lines = [f"def {name}({', '.join([first, last, *outs, *(a.name for a in arguments), *indices])}):"]
        if direct:
            maker = lowered.function.name + suffix_of("scratch")
            lines += [f"    if {first} == {last}:", "        return"]
            lines.append(f"    {scratch} = {maker}({', '.join(call_text(specs, arguments, first))})")
        lines.append(f"    for {i} in range({first}, {last}):")
        if direct:
            lines.append(f"        {entry}({', '.join([scratch, _matrix(targets[0], outs[0], i), *passed])})")
            return "\n".join(lines) + "\n"
        call = f"{entry}({', '.join(passed)})"
        lines.append(f"        {result} = {call}" if targets else f"        {call}")
        places = _places(assembly, structure, mode, result)
        for target, out, place in zip(targets, outs, places, strict=True):
            if None in target.shape:
                lines.append(f"        if {place}.shape != {out}.shape[1:]:")
                lines.append(f'            raise ValueError("{DIFFER}")')
            lines.append(f"        {out}[{i}] = {place}")
        return "\n".join(lines) + "\n"

    module = assembly.module(loop, name)
    filled = set(lowered.filled_arrays) | (set(lowered.written_arrays) if mode == "primal" else set())
    return Batch(
        module, tuple(targets), assembly.outputs, structure, lowered.guards, frozenset(), frozenset(filled), False,
        "it works on arrays of run-time lengths", arrays=True, valued=assembly.returns_value,
    )  # fmt: skip


def _direct(lowered: Lowered, inputs: Sequence[str]) -> bool:
    """Whether the one array of results can be taken for a matrix, whatever its strides."""
    outputs = [*leaves(lowered.result), *lowered.filled_arrays.values()]
    by = [leaf for name in inputs for leaf in leaves(lowered.inputs[name].structure)]
    return len(outputs) == len(by) == 1 and len(outputs[0].shape) < 2 and len(by[0].shape) < 2


def _matrix(target: Target, out: str, i: str) -> str:
    """The results of a point as the matrix that `into` fills."""
    assert target.output is not None and target.input is not None
    rows, columns = (len(leaf.shape) for leaf in (target.output, target.input))
    if rows and columns:
        return f"{out}[{i}]"
    if columns:
        return f"{out}[{i}:{i} + 1]"
    return f"{out}[{i}][:, np.newaxis]" if rows else f"{out}[{i}:{i} + 1][:, np.newaxis]"


def _targets(assembly: ArrayAssembly, mode: str) -> list[Target]:
    """The arrays that a batch fills, in order: values first, then for each output its derivatives by each input."""
    found: list[Target] = []
    outputs = list(enumerate(leaves(assembly.outputs)))
    if mode != "jacobian" and assembly.returns_value:
        found += [Target(leaf.shape, strong(leaf.dtype), leaf, None, k) for k, leaf in outputs]
    if mode != "primal":
        for k, leaf in outputs:
            for one in assembly.inputs:
                own = promoted([x.dtype for x in leaves(one.structure)])
                for inner in leaves(one.structure):
                    dtype = promoted([leaf.dtype, own])
                    found.append(Target(leaf.shape + inner.shape, dtype, leaf, inner, k, one.name))
    return found


def _places(assembly: ArrayAssembly, inputs: Structure | Leaf, mode: str, result: str) -> list[str]:
    """Where in the result of a call each target is."""

    def visit(structure: Structure | Leaf, text: str) -> Iterator[str]:
        if isinstance(structure, Leaf):
            yield text
        else:
            for k, item in enumerate(structure.items):
                yield from visit(item, f"{text}[{k}]")

    pair = mode == "value_and_jacobian"
    found: list[str] = []
    if mode != "jacobian" and assembly.returns_value:
        found += visit(assembly.outputs, f"{result}[0]" if pair else result)
    if mode != "primal":
        for output in visit(assembly.outputs, f"{result}[1]" if pair else result):
            found += visit(inputs, output)
    return found
