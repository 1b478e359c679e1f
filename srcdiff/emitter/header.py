"""The docstring of an emitted module: what varies, what is returned, where branches decide, where it comes from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..analyses.liveness import reads
from ..ir.statements import Assign, CallHelper, Leaf, Structure, leaves, statements
from ..modes import FILLS

__all__ = ["header"]

_WHAT = {"primal": "Scalar form of", "jvp": "Directional derivative of", "scratch": "Scratch for the Jacobian of"}


def header(assembly: Any, differentiator: Any, branches: Mapping[int, str]) -> str:
    """Header of the module that `assembly` emits."""
    from .. import __version__

    lowered = assembly.lowered
    source = lowered.source
    inputs = [i.name for i in assembly.inputs]
    names = [p.lstrip("*").partition("=")[0] for p in lowered.parameters]
    constants = [p for p in names if p not in inputs and p not in lowered.filled]
    title = f"{_WHAT.get(assembly.mode, 'Derivative of')} {source.name}"
    lines = [
        f"{title} ({source.filename}:{source.first_line}-{source.last_line}, sha256 {source.sha256[:12]}),",
        f"by srcdiff {__version__}.",
        "",
    ]
    rows: list[tuple[str, str]] = []
    if assembly.mode not in ("primal", "scratch"):
        fixed = f"; constant {', '.join(constants)}" if constants else ""
        rows.append(("forward mode", f"inputs {', '.join(inputs)}{fixed}"))
        varying = assembly.varying() if differentiator is None else _varying(lowered, differentiator)
        if varying:
            rows.append(("varying", ", ".join(varying)))
    rows.append(("returns", _returns(assembly)))
    if lowered.guards:
        rows.append(("shapes", ", ".join(f"{name} {shape}" for name, shape in lowered.guards)))
    if branches and assembly.mode not in ("primal", "scratch"):
        places = ", ".join(f"L{line}" for line in sorted(branches))
        rows.append(("branches", f"{places}: derivative of the branch taken"))
    if differentiator is not None and "accumulated" in differentiator.forms:
        rows.append(("order", "blocks accumulated: values, then partials, then the chain rule"))
    if differentiator is not None and "rows" in differentiator.forms:
        rows.append(("directions", "in rows through loops: one loop over all of them a block"))
    if differentiator is None and assembly.mode != "primal" and hasattr(assembly, "directions"):
        first, *more = assembly.directions().split("\n")
        rows += [("directions", first), *(("", text) for text in more)]
    if assembly.assumed:
        rows.append(("assumed", f"{', '.join(assembly.assumed)}: float64, or as given by default"))
    lines += [f"{label:<14} {text}" for label, text in rows]
    return "\n".join(lines) + "\n"


def _varying(lowered: Any, differentiator: Any) -> list[str]:
    """The user's variables that depend on the inputs."""
    if differentiator is None:
        return []
    names: dict[str, None] = {}
    varying = {getattr(a, "name", i.name).partition("[")[0] for i in lowered.inputs.values() for a in i.atoms}
    changed = True
    body = lowered.function.body
    while changed:
        changed = False
        for s in statements(body):
            if isinstance(s, (Assign, CallHelper)):
                values = s.values if isinstance(s, Assign) else s.args
                for i, t in enumerate(s.targets):
                    sources = reads(values[i]) if isinstance(s, Assign) else reads(*values)
                    if sources & varying and t.type.is_differentiable and t.name not in varying:
                        varying.add(t.name)
                        changed = True
    for s in statements(body):
        if isinstance(s, (Assign, CallHelper)):
            for t in s.targets:
                root = t.name.rstrip("0123456789").rstrip("_") if t.name not in lowered.user_names else t.name
                if t.name in varying and root in lowered.user_names:
                    names[root] = None
    return list(names)[:12] + (["..."] if len(names) > 12 else [])


def _returns(assembly: Any) -> str:
    mode = assembly.mode
    value = _shape(assembly.outputs) if assembly.returns_value else "None"
    inputs = [i.name for i in assembly.inputs]
    wrt = ", ".join(f"d/d{n}" for n in inputs)
    if not assembly.single:
        wrt = f"({wrt}{',' if len(inputs) == 1 else ''})"
    if mode == "primal":
        return value
    if mode == "jvp":
        return f"({value}, its tangent)"
    if mode == "scratch":
        return "the arrays that into_with takes, for arguments of these lengths"
    shape = "m x n"
    if all(None not in leaf.shape for leaf in leaves(assembly.outputs)) and hasattr(assembly, "labels"):
        shape = f"{sum(_count(leaf) for leaf in leaves(assembly.outputs))} x {len(assembly.labels)}"
    if mode == "matrix":
        return f"the matrix {shape}: outputs by inputs"
    if mode in FILLS:
        return f"nothing; fills out, {shape}: outputs by inputs"
    structure = wrt if isinstance(assembly.outputs, Leaf) else f"for each result {wrt}"
    return f"{value}, {structure}" if mode == "value_and_jacobian" else structure


def _count(leaf: Leaf) -> int:
    count = 1
    for n in leaf.shape:
        count *= n or 1
    return count


def _shape(structure: Structure | Leaf) -> str:
    if isinstance(structure, Leaf):
        if None in structure.shape:
            return "an array" if len(structure.shape) == 1 else f"an array of {len(structure.shape)} axes"
        return f"array {structure.shape}" if structure.is_array else "value"
    return f"({', '.join(_shape(item) for item in structure.items)})"
