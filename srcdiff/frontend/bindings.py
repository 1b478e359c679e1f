"""Which names a piece of the user's code binds and reads."""

from __future__ import annotations

import libcst as cst

from .walk import Walker

__all__ = ["bindings", "names_in"]


class _Counter(Walker):
    """How often each name is bound, counting twice what a loop repeats; nested functions are left out."""

    def __init__(self) -> None:
        self.counts: dict[str, int] = {}
        self.depth = 0

    def bind(self, target: cst.CSTNode) -> None:
        if isinstance(target, cst.Name):
            self.counts[target.value] = self.counts.get(target.value, 0) + (2 if self.depth else 1)
        elif isinstance(target, (cst.Tuple, cst.List)):
            for element in target.elements:
                self.bind(element.value)
        elif isinstance(target, cst.StarredElement):
            self.bind(target.value)

    def visit_AssignTarget(self, node: cst.AssignTarget) -> None:
        self.bind(node.target)

    def visit_AugAssign(self, node: cst.AugAssign) -> None:
        self.bind(node.target)

    def visit_AnnAssign(self, node: cst.AnnAssign) -> None:
        if node.value is not None:
            self.bind(node.target)

    def visit_NamedExpr(self, node: cst.NamedExpr) -> None:
        self.bind(node.target)

    def visit_Import(self, node: cst.Import) -> None:
        for alias in node.names:
            self.bind(alias.asname.name if alias.asname else alias.name)

    def visit_ImportFrom(self, node: cst.ImportFrom) -> None:
        if not isinstance(node.names, cst.ImportStar):
            for alias in node.names:
                self.bind(alias.asname.name if alias.asname else alias.name)

    def visit_For(self, node: cst.For) -> None:
        self.depth += 1
        self.bind(node.target)

    def leave_For(self, original_node: cst.For) -> None:
        self.depth -= 1

    def visit_While(self, node: cst.While) -> None:
        self.depth += 1

    def leave_While(self, original_node: cst.While) -> None:
        self.depth -= 1

    def visit_FunctionDef(self, node: cst.FunctionDef) -> bool:
        self.bind(node.name)
        return False

    def visit_Lambda(self, node: cst.Lambda) -> bool:
        return False

    def visit_CompFor(self, node: cst.CompFor) -> bool:
        return True


def bindings(node: cst.CSTNode) -> dict[str, int]:
    """Names that a body binds, and how often: twice what stands in a loop."""
    counter = _Counter()
    counter.walk(node)
    return counter.counts


def names_in(node: cst.CSTNode) -> list[cst.Name]:
    """Every name below a node, in order."""
    found: list[cst.Name] = []

    class Collect(Walker):
        def visit_Name(self, node: cst.Name) -> None:
            found.append(node)

    Collect().walk(node)
    return found
