"""Programs with arrays of run-time lengths: chunks of directions."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ..analyses.activity import activity
from ..differentiate.chunks import Chunks
from ..differentiate.driver import WIDTH
from ..differentiate.structures import promoted
from ..emitter.header import header
from ..emitter.module import function_text, module_text
from ..errors import IndependentOutputError
from ..frontend.entry import Lowered
from ..ir.expr import Var
from ..ir.statements import Leaf, Return, Structure, count_of, leaves, statements
from ..modes import OWN
from ..module import Module
from ..rules.array_support import ARRAY_SUPPORT
from ..rules.support import SUPPORT
from .inputs import input_names
from .parts import apart, check_fills_only, check_names, definition, fresh_name, support_texts


class ArrayAssembly:
    """From a lowered function with arrays of run-time lengths to the text of a module."""

    def __init__(
        self, lowered: Lowered, wrt: Sequence[str], single: bool, mode: str, strict: bool, assumed: Sequence[str],
        chunk: int | None,
    ):  # fmt: skip
        self.lowered = lowered
        self.mode = mode
        self.assumed = assumed
        self.single = single
        self.program = lowered.program
        self.inputs = [lowered.inputs[name] for name in wrt]
        self.taken = set(lowered.names) | self.program.globals | set(SUPPORT) | set(ARRAY_SUPPORT)
        self.own = {name: self.fresh(name) for name in OWN.get(mode, ())}
        filled = list(lowered.filled_arrays.values())
        self.returns_value = not filled
        if filled:
            check_fills_only(lowered.source, lowered.result)
        self.outputs: Structure | Leaf = (
            lowered.result if not filled else filled[0] if len(filled) == 1 else Structure(tuple(filled))
        )
        structure = self.inputs[0].structure if single else Structure(tuple(i.structure for i in self.inputs))
        if strict and mode not in ("jvp", "primal"):
            self._check_independence()
        self.chunks = Chunks(
            lowered, self.inputs, structure, self.outputs, self.returns_value, mode, self.fresh, self.own, single, chunk
        )

    def fresh(self, base: str) -> str:
        return fresh_name(base, self.taken, self.program.globals)

    def module(self, more: Callable[[str], str] | None = None, name: str = "") -> Module:
        """The module; `more` gives the text of a further function `name` that calls what else is the entry."""
        made, entry = self.chunks.build()
        body = tuple(s for _, _, block, _ in made for s in block)
        functions = self.chunks.texts(body)
        functions += [function_text(name, parameters, block, doc) for name, parameters, block, doc in made]
        check_names(self.lowered.source, functions)
        if more is not None:
            functions.append(more(entry))
            entry = name
        branches = dict(self.chunks.branches)
        for derivative in self.chunks.pushforwards.made.values():
            branches.update(derivative.branches)
        text = module_text(
            header(self, None, branches),
            functions,
            self.program.imports,
            self.program.constants,
            {key: definition(key, value) for key, value in self.program.objects.items()},
            support_texts(functions),
        )
        kinds = [leaf.dtype for leaf in (*leaves(self.outputs), *(x for i in self.inputs for x in leaves(i.structure)))]
        dtype = promoted(kinds)
        shapes = dict(self.lowered.guards)
        pairs = apart(self.lowered, self.own.get("out"))
        return Module(
            text, entry, tuple(made[-1][1]), dict(self.program.objects), branches, shapes, dtype, pairs,
            self.chunks.memory,
        )  # fmt: skip

    def varying(self) -> list[str]:
        """The user's variables that depend on the inputs."""
        body = self.lowered.function.body
        found = activity(body, *input_names(self.inputs))
        names: dict[str, None] = {}
        for s in statements(body):
            targets = getattr(s, "targets", ()) or ((s.target,) if hasattr(s, "target") else ())
            for t in targets:
                if isinstance(t, Var) and t.name in self.lowered.user_names and found.atom(t):
                    names[t.name] = None
        return [*names][:12] + (["..."] if len(names) > 12 else [])

    def directions(self) -> str:
        """How the directions are laid out, and why, in one line or two."""
        if not self.chunks.in_rows:
            return "one: tangents have the shapes of their values"
        open_ = [i.name for i in self.inputs if any(None in leaf.shape for leaf in leaves(i.structure))]
        if not open_:
            return f"{self.chunks.chunk} at once"
        why = f"the length of {', '.join(open_)} is known at run time"
        found = f"{self.chunks.chunk or f'up to {WIDTH}'} at once, chunk by chunk: {why}"
        if self.chunks.flags:
            found += "\nrows of tangents that no direction of a chunk reaches are not computed"
        return found

    def _check_independence(self) -> None:
        """strict: every output depends on every input."""
        body = self.lowered.function.body
        for one in self.inputs:
            found = activity(body, *input_names([one]))
            seen: set[int] = set()
            for s in statements(body):
                if isinstance(s, Return):
                    seen |= {i for i, e in enumerate(s.values) if found.reads(e)}
            position = 0
            for number, leaf in enumerate(leaves(self.outputs)):
                places = range(position, position + count_of(leaf))
                position += count_of(leaf)
                filled = list(self.lowered.filled_arrays)
                varies = filled[number] in found.arrays if filled else any(i in seen for i in places)
                if not varies:
                    raise IndependentOutputError(
                        f"output {number} of {self.lowered.source.name} cannot depend on {one.name}",
                        hint="Leave strict=True out to get zeros there.",
                    )
