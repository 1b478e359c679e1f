"""Whether a call of emitted code may be made again, on what it may have written to by then: one that ended in an error,
or whose result is an argument itself.

Each function is run on sets: for every name, the parameters whose memory it may share. Emitted code writes to arrays by
stores to their elements and slices; it never augments a whole array (`a += b`), which it spells as a loop.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Mapping

from ..module import Module

__all__ = ["gives_back", "restartable"]

Shared = dict[str, frozenset[str]]

_ALLOCATING = {"np.empty", "np.zeros", "np.ones", "np.full", "np.array", "np.eye", "np.arange", "np.linspace",
               "np.empty_like", "np.zeros_like", "np.ones_like", "np.full_like", "len", "range"}  # fmt: skip
_WRITING = {"copyto", "fill", "fill_diagonal", "itemset", "partition", "place", "put", "putmask", "resize", "sort"}


def restartable(module: Module, arrays: set[str]) -> bool:
    r"""Whether the arguments `arrays` are written last, where nothing fails any more, or not at all.

    >>> text = "def f(x, y):\n    y[0] = x\n    raise ValueError\n"
    >>> restartable(Module(text, "f", ("x", "y"), {}), {"y"})
    False
    >>> restartable(Module(text.replace("    raise ValueError\n", ""), "f", ("x", "y"), {}), {"y"})
    True
    """
    if not arrays:
        return True
    walk, entry, shared = _entered(module)
    begun = False
    for statement in entry.body:
        written: set[str] = set()
        shared = walk.statement(statement, shared, written)
        begun = begun or bool(written & arrays)
        if begun and not isinstance(statement, ast.Return) and _fails(statement):
            return False
    return True


def gives_back(module: Module, arrays: set[str]) -> bool:
    r"""Whether a call that writes to the arguments `arrays` may return memory of an argument.

    >>> text = "def f(x, y):\n    y[0] = 1.0\n    return x\n"
    >>> gives_back(Module(text, "f", ("x", "y"), {}), {"x", "y"}), gives_back(Module(text, "f", ("x", "y"), {}), {"x"})
    (True, False)
    """
    walk, entry, shared = _entered(module)
    written: set[str] = set()
    walk.block(entry.body, shared, written)
    return bool(written & arrays and walk.returned)


def _entered(module: Module) -> tuple[_Walk, ast.FunctionDef, Shared]:
    """The entry of a module, and what its parameters share at first: nothing."""
    tree = ast.parse(module.text)
    walk = _Walk({node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)})
    entry = walk.functions[module.entry]
    return walk, entry, {a.arg: frozenset((a.arg,)) for a in entry.args.args}


def _fails(node: ast.AST) -> bool:
    kinds = (ast.Raise, ast.Assert, ast.For, ast.While, ast.If, ast.Call)
    unpacks = (isinstance(part, ast.Tuple) and isinstance(part.ctx, ast.Store) for part in ast.walk(node))
    return any(isinstance(part, kinds) for part in ast.walk(node)) or any(unpacks)


class _Walk:
    """Runs statements on what names share; parameters that are written to are added to a set."""

    def __init__(self, functions: Mapping[str, ast.FunctionDef]):
        self.functions = functions
        self.known: dict[str, frozenset[str]] = {}
        self.returned: frozenset[str] = frozenset()
        """Parameters whose memory the results may share, as far as the function that is run has returned."""

    def writes(self, name: str) -> frozenset[str]:
        """Parameters that a function of the module may write to; all of them while it is being looked at."""
        if name not in self.known:
            node = self.functions[name]
            parameters = [a.arg for a in node.args.args]
            self.known[name] = frozenset(parameters)
            written: set[str] = set()
            returned = self.returned
            self.block(node.body, {p: frozenset((p,)) for p in parameters}, written)
            self.known[name], self.returned = frozenset(written), returned
        return self.known[name]

    def block(self, body: Iterable[ast.stmt], shared: Shared, written: set[str]) -> Shared:
        for statement in body:
            shared = self.statement(statement, shared, written)
        return shared

    def statement(self, node: ast.stmt, shared: Shared, written: set[str]) -> Shared:
        if isinstance(node, (ast.For, ast.While)):
            self.reads(node.iter if isinstance(node, ast.For) else node.test, shared, written)
            if isinstance(node, ast.For):
                shared = _joined(shared, self.bound(node.target, node.iter, shared, written))
            while True:
                after = _joined(shared, self.block([*node.body, *node.orelse], shared, written))
                if after == shared:
                    return shared
                shared = after
        if isinstance(node, ast.If):
            self.reads(node.test, shared, written)
            return _joined(self.block(node.body, shared, written), self.block(node.orelse, shared, written))
        if isinstance(node, ast.Assign):
            self.reads(node.value, shared, written)
            for target in node.targets:
                shared = self.bound(target, node.value, shared, written)
            return shared
        self.reads(node, shared, written)
        if isinstance(node, ast.Return) and node.value is not None:
            self.returned |= self.sharing(node.value, shared)
        if isinstance(node, ast.AugAssign) and isinstance(node.target, ast.Subscript):
            written |= self.sharing(node.target.value, shared)
        return shared

    def bound(self, target: ast.expr, value: ast.expr, shared: Shared, written: set[str]) -> Shared:
        """What names share after `target = value`; stores are written."""
        if isinstance(target, ast.Name):
            return {**shared, target.id: self.sharing(value, shared)}
        if isinstance(target, (ast.Tuple, ast.List)):
            same = isinstance(value, ast.Tuple) and len(value.elts) == len(target.elts)
            values = value.elts if same and isinstance(value, ast.Tuple) else [value] * len(target.elts)
            after = shared
            for item, part in zip(target.elts, values):
                after = {**after, **self.changed(self.bound(item, part, shared, written), shared)}
            return after
        if isinstance(target, ast.Subscript):
            self.reads(target.slice, shared, written)
            written |= self.sharing(target.value, shared)
            return shared
        written |= frozenset().union(*shared.values())
        return shared

    @staticmethod
    def changed(after: Shared, before: Shared) -> Shared:
        return {name: found for name, found in after.items() if before.get(name) != found}

    def reads(self, node: ast.AST, shared: Shared, written: set[str]) -> None:
        """Calls within an expression, which may write to what they are passed."""
        for part in ast.walk(node):
            if not isinstance(part, ast.Call):
                continue
            if isinstance(part.func, ast.Name) and part.func.id in self.functions:
                names = [a.arg for a in self.functions[part.func.id].args.args]
                filled = self.writes(part.func.id)
                for name, passed in zip(names, part.args):
                    if name in filled:
                        written |= self.sharing(passed, shared)
            elif isinstance(part.func, ast.Attribute):
                method = part.func.attr
                into_third = part.args[2:] if method in ("dot", "matmul") else ()
                for passed in (part.func.value, *part.args) if method in _WRITING else into_third:
                    written |= self.sharing(passed, shared)
            for keyword in part.keywords:
                if keyword.arg in ("out", None):
                    written |= self.sharing(keyword.value, shared)

    def sharing(self, value: ast.expr, shared: Shared) -> frozenset[str]:
        """The parameters whose memory a value may share; arithmetic and allocation make new arrays."""
        if isinstance(value, (ast.BinOp, ast.UnaryOp, ast.Compare, ast.Constant)):
            return frozenset()
        if isinstance(value, ast.Name):
            return shared.get(value.id, frozenset())
        if isinstance(value, ast.Call):
            text = ast.unparse(value.func)
            if text in _ALLOCATING or text.startswith("math.") or text.endswith(".copy"):
                return frozenset()
        parts = [part for part in ast.iter_child_nodes(value) if isinstance(part, ast.expr)]
        return frozenset().union(*(self.sharing(part, shared) for part in parts))


def _joined(one: Shared, other: Shared) -> Shared:
    return {name: one.get(name, frozenset()) | other.get(name, frozenset()) for name in one | other}
