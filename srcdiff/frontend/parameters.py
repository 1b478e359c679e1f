"""Parameters: which are discrete, what types a call gives them, and what is assumed when nobody says.

A parameter is discrete by what the text says, not by what a call passes: annotated `int`, `bool` or `str`, or used
as a range, index, shape, compared with a string, or tested for None.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

import libcst as cst

from ..errors import SourceError
from ..ir.types import BOOL, COMPLEX64, COMPLEX128, FLOAT32, FLOAT64, INT64, STRING
from .bindings import names_in
from .source import Source, find_source
from .specs import ArraySpec, ConstantSpec, ScalarSpec, Spec, TupleSpec
from .walk import Walker

__all__ = [
    "ArraySpec",
    "ConstantSpec",
    "ScalarSpec",
    "Spec",
    "TupleSpec",
    "discrete_parameters",
    "guess_specs",
    "parameter_names",
    "parse_type",
    "spec_of_type",
    "split_types",
]


_SCALARS = {
    "float": FLOAT64, "float64": FLOAT64, "double": FLOAT64, "f8": FLOAT64, "float32": FLOAT32, "f4": FLOAT32,
    "int": INT64, "int64": INT64, "int32": INT64, "i8": INT64, "intp": INT64, "bool": BOOL, "boolean": BOOL,
    "bool_": BOOL, "str": STRING, "unicode_type": STRING, "complex": COMPLEX128, "complex128": COMPLEX128,
    "c16": COMPLEX128, "complex64": COMPLEX64, "c8": COMPLEX64, "void": FLOAT64,
}  # fmt: skip


def parse_type(text: str) -> Spec:
    """A type in Numba's spelling.

    >>> parse_type("float32[:, :]").ndim, str(parse_type("int").type)
    (2, 'int64')
    """
    text = text.strip()
    if text in ("None", "none"):
        return ConstantSpec(None)
    if text.startswith("(") and text.endswith(")"):
        return TupleSpec(tuple(parse_type(part) for part in split_types(text[1:-1])))
    name, bracket, rest = text.partition("[")
    if name not in _SCALARS:
        raise ValueError(f"unknown type {text!r}: write float64, float32, int64, complex128, bool, float64[:], ...")
    kind = _SCALARS[name]
    return ArraySpec(kind, rest.count(",") + 1) if bracket else ScalarSpec(kind)


def spec_of_type(given: Any) -> Spec:
    """A type given in Numba's spelling, or a namedtuple class, whose fields are floats unless annotated."""
    if isinstance(given, type) and issubclass(given, tuple) and hasattr(given, "_fields"):
        notes = getattr(given, "__annotations__", {})
        names = [getattr(notes.get(field), "__name__", str(notes.get(field, "float"))) for field in given._fields]
        return TupleSpec(tuple(parse_type(name) for name in names), given)
    return parse_type(str(given))


def split_types(text: str) -> list[str]:
    """Split at the commas that stand outside of brackets.

    >>> split_types("float64, float64[:, :], (float64, int64)")
    ['float64', 'float64[:, :]', '(float64, int64)']
    """
    parts: list[str] = []
    depth, current = 0, ""
    for character in text:
        depth += (character in "([") - (character in ")]")
        if character == "," and depth == 0:
            parts.append(current.strip())
            current = ""
        else:
            current += character
    if current.strip():
        parts.append(current.strip())
    return parts


def parameters(source: Source) -> list[cst.Param]:
    p = source.node.params
    star = [p.star_arg] if isinstance(p.star_arg, cst.Param) else []
    every = [*p.posonly_params, *p.params, *star, *p.kwonly_params]
    return [param for param in every if param.name.value not in source.bound]


def parameter_names(source: Source) -> list[str]:
    """The parameters that a call passes, in order; what `partial` or a bound method fixed is left out."""
    return [param.name.value for param in parameters(source)]


def star_parameter(source: Source) -> str | None:
    star = source.node.params.star_arg
    return star.name.value if isinstance(star, cst.Param) else None


def _annotation(source: Source, param: cst.Param) -> str:
    return source.code(param.annotation.annotation) if param.annotation is not None else ""


def discrete_parameters(source: Source, _seen: frozenset[Any] = frozenset()) -> set[str]:
    """Parameters that no derivative is taken with respect to."""
    names = {param.name.value for param in parameters(source)}
    found: set[str] = set()
    defaults = inspect.signature(source.function).parameters
    for param in parameters(source):
        name = param.name.value
        if _is_discrete(source, name, _annotation(source, param)):
            found.add(name)
        default = defaults[name].default if name in defaults else inspect.Parameter.empty
        if default is None or isinstance(default, (bool, str)):
            found.add(name)
    visitor = _Discrete(source, names, found, _seen | {source.function.__code__})
    with source.deep():
        visitor.walk(source.node.body)
    return found


def _is_discrete(source: Source, name: str, text: str) -> bool:
    """Whether an annotation is that of integers, truth values or strings: by its value, under whatever name."""
    if text.startswith("Literal[") or text.strip("'\"") in ("int", "bool", "str", "np.int64", "numpy.int64", "Literal"):
        return True
    try:
        value = source.function.__annotations__.get(name)
    except Exception:  # Python 3.14 evaluates annotations when they are asked for
        return False
    return isinstance(value, type) and value.__name__ in ("int", "bool", "str", "int64")


class _Discrete(Walker):
    """Finds uses of parameters as ranges, indices, shapes, strings, or None."""

    def __init__(self, source: Source, names: set[str], found: set[str], seen: frozenset[Any]):
        self.source = source
        self.names = names
        self.found = found
        self.seen = seen

    def mark(self, node: cst.CSTNode) -> None:
        """Every parameter that an integer expression is computed from."""
        if isinstance(node, cst.Name):
            self.found |= {node.value} & self.names
        elif isinstance(node, cst.BinaryOperation):
            self.mark(node.left)
            self.mark(node.right)
        elif isinstance(node, cst.UnaryOperation):
            self.mark(node.expression)
        elif isinstance(node, cst.Subscript):
            self.mark(node.value)
        elif isinstance(node, (cst.Tuple, cst.List)):
            for element in node.elements:
                self.mark(element.value)

    def visit_Call(self, node: cst.Call) -> None:
        name = self.source.code(node.func)
        short = name.rpartition(".")[2]
        if short in ("range", "prange", "zeros", "ones", "empty", "full", "eye", "identity"):
            for argument in node.args if short in ("range", "prange") else node.args[:1]:
                self.mark(argument.value)
            return
        if any(isinstance(n, cst.Name) and n.value in self.names for a in node.args for n in names_in(a.value)):
            for passed, key, theirs in _passed_on(self.source, node, self.seen, discrete_parameters):
                if key in theirs:
                    self.mark(passed)

    def visit_BinaryOperation(self, node: cst.BinaryOperation) -> None:
        if isinstance(node.operator, (cst.BitAnd, cst.BitOr, cst.BitXor, cst.LeftShift, cst.RightShift)):
            for side in (node.left, node.right):
                if isinstance(side, cst.Name):
                    self.mark(side)

    def visit_SubscriptElement(self, node: cst.SubscriptElement) -> None:
        if isinstance(node.slice, cst.Index):
            self.mark(node.slice.value)
        elif isinstance(node.slice, cst.Slice):
            for part in (node.slice.lower, node.slice.upper, node.slice.step):
                if part is not None:
                    self.mark(part)

    def visit_Comparison(self, node: cst.Comparison) -> None:
        sides = [node.left, *(t.comparator for t in node.comparisons)]
        if any(_is_discrete_literal(side) for side in sides):
            for side in sides:
                if isinstance(side, cst.Name):
                    self.mark(side)


def _is_discrete_literal(node: cst.BaseExpression) -> bool:
    if isinstance(node, (cst.SimpleString, cst.ConcatenatedString)):
        return True
    if isinstance(node, (cst.Tuple, cst.List, cst.Set)):
        return bool(node.elements) and all(_is_discrete_literal(e.value) for e in node.elements)
    return isinstance(node, cst.Name) and node.value == "None"


def guess_specs(
    source: Source, types: Mapping[str, Spec], shapes: Mapping[str, Any]
) -> tuple[dict[str, Spec], list[str]]:
    """Types for every parameter when no call gives them: annotations, defaults, use; and what was assumed."""
    discrete = discrete_parameters(source)
    defaults = inspect.signature(source.function).parameters
    usage = usage_of(source)
    specs: dict[str, Spec] = {}
    assumed: list[str] = []
    for param in parameters(source):
        name = param.name.value
        annotation = _annotation(source, param).strip("'\"")
        default = defaults[name].default if name in defaults else inspect.Parameter.empty
        record = _record(source, annotation, usage.attributes.get(name, set()))
        if name in types:
            specs[name] = types[name]
        elif name == star_parameter(source):
            specs[name] = TupleSpec(())
        elif record is not None:
            specs[name] = spec_of_type(record)
        elif name in shapes or name in usage.rank or _is_array(annotation):
            shape = shapes.get(name)
            rank = (1 if isinstance(shape, int) else len(shape)) if shape is not None else usage.rank.get(name, 1)
            specs[name] = ArraySpec(FLOAT32 if "float32" in annotation else FLOAT64, rank)
        elif annotation.rpartition(".")[2] in _SCALARS:
            specs[name] = ScalarSpec(_SCALARS[annotation.rpartition(".")[2]])
        elif default is None or isinstance(default, (bool, str)):
            specs[name] = ConstantSpec(default)
            assumed.append(f"{name} = {default!r}")
        elif isinstance(default, tuple):
            specs[name] = TupleSpec(tuple(ScalarSpec(FLOAT64) for _ in default))
        elif name in discrete:
            specs[name] = ScalarSpec(STRING if name in usage.strings else INT64)
        else:
            specs[name] = ScalarSpec(FLOAT64)
            if not annotation:
                assumed.append(name)
    return specs, assumed


def _is_array(annotation: str) -> bool:
    return "ndarray" in annotation or "NDArray" in annotation or (annotation.endswith("]") and "[:" in annotation)


def _record(source: Source, annotation: str, attributes: set[str]) -> Any:
    """The namedtuple that a parameter is: by its annotation, or the only one in sight with the fields that are read."""
    try:
        found = source.resolve(annotation) if annotation.isidentifier() else None
    except KeyError:
        found = None
    if isinstance(found, type) and hasattr(found, "_fields"):
        return found
    if not attributes or annotation:
        return None
    known = {v for v in source.function.__globals__.values() if isinstance(v, type) and hasattr(v, "_fields")}
    fitting = [cls for cls in known if issubclass(cls, tuple) and attributes <= set(cls._fields)]  # type: ignore[attr-defined]
    return fitting[0] if len(fitting) == 1 else None


def usage_of(source: Source, _seen: frozenset[Any] = frozenset()) -> Usage:
    """How a function uses its names; what it passes on to other functions is used as those use it."""
    usage = Usage(source, _seen | {source.function.__code__})
    with source.deep():
        usage.walk(source.node.body)
    return usage


class Usage(Walker):
    """Names that are used as arrays, with the rank that their subscripts show, and names compared with strings."""

    def __init__(self, source: Source, seen: frozenset[Any]):
        self.source = source
        self.seen = seen
        self.rank: dict[str, int] = {}
        self.strings: set[str] = set()
        self.attributes: dict[str, set[str]] = {}

    def see(self, node: cst.CSTNode, rank: int = 1) -> None:
        if isinstance(node, cst.Name):
            self.rank[node.value] = max(rank, self.rank.get(node.value, 0))

    def visit_Subscript(self, node: cst.Subscript) -> None:
        self.see(node.value, len(node.slice))

    def visit_Attribute(self, node: cst.Attribute) -> None:
        if node.attr.value in ("shape", "T", "sum", "dot", "copy", "size", "ravel", "reshape", "mean"):
            self.see(node.value)
        elif isinstance(node.value, cst.Name):
            self.attributes.setdefault(node.value.value, set()).add(node.attr.value)

    def visit_Assign(self, node: cst.Assign) -> None:
        if any(isinstance(t.target, (cst.Tuple, cst.List)) for t in node.targets):
            self.see(node.value)

    def visit_BinaryOperation(self, node: cst.BinaryOperation) -> None:
        if isinstance(node.operator, cst.MatrixMultiply):
            self.see(node.left)
            self.see(node.right)

    def visit_For(self, node: cst.For) -> None:
        self.see(node.iter)

    def visit_Comparison(self, node: cst.Comparison) -> None:
        sides = [node.left, *(t.comparator for t in node.comparisons)]
        if any(isinstance(s, (cst.SimpleString, cst.Tuple)) and _is_discrete_literal(s) for s in sides):
            self.strings |= {s.value for s in sides if isinstance(s, cst.Name)}

    def visit_Call(self, node: cst.Call) -> None:
        name = self.source.code(node.func).rpartition(".")[2]
        if name in ("dot", "cross", "len", "norm", "outer", "matmul", "concatenate"):
            for argument in node.args:
                self.see(argument.value)
        for passed, theirs, usage in _passed_on(self.source, node, self.seen, usage_of):
            if isinstance(passed, cst.Name):
                if theirs in usage.rank:
                    self.see(passed, usage.rank[theirs])
                if theirs in usage.strings:
                    self.strings.add(passed.value)
                if theirs in usage.attributes:
                    self.attributes.setdefault(passed.value, set()).update(usage.attributes[theirs])


def _passed_on(
    source: Source, node: cst.Call, seen: frozenset[Any], analyse: Callable[[Source, frozenset[Any]], Any]
) -> list[tuple[cst.BaseExpression, str, Any]]:
    """Arguments of a call of another function of the user's, its parameters, and what an analysis says of it."""
    if not isinstance(node.func, (cst.Name, cst.Attribute)) or not node.args:
        return []
    name = source.code(node.func)
    try:
        target: Any = source.resolve(name.partition(".")[0])
        for part in name.split(".")[1:]:
            target = getattr(target, part)
        if (getattr(target, "__module__", "") or "").startswith(("numpy", "math", "scipy")) or isinstance(target, type):
            return []
        helper = find_source(target)
    except (KeyError, AttributeError, SourceError, TypeError, ValueError):
        return []
    if helper.function.__code__ in seen:
        return []
    found = analyse(helper, seen)
    order = parameter_names(helper)
    pairs = []
    for i, argument in enumerate(node.args):
        if argument.star:
            break
        key = argument.keyword.value if argument.keyword else order[i] if i < len(order) else ""
        pairs.append((argument.value, key, found))
    return pairs
