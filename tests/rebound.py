"""A function rebuilt with other modules and builtins in place of its own: how the references run a plain function."""

import builtins
import contextlib
import functools
import types


class Standin:
    """A module's stand-in: the table's names first, then the module's."""

    def __init__(self, module, table):
        self._module = module
        self._table = table

    def __getattr__(self, name):
        return self._table[name] if name in self._table else getattr(self._module, name)


class Rebind:
    """Rebuilds functions on stand-ins, each once, so that recursion finds itself.

    `replaced` maps the id of a module or a function to what takes its place; other things go through `constant`,
    rebuilt functions through `wrap`.
    """

    def __init__(self, replaced, builtin_names, constant, wrap=lambda function: function):
        self.replaced = replaced
        self.builtins = {**vars(builtins), **builtin_names}
        self.constant = constant
        self.wrap = wrap
        self.done = {}

    def __call__(self, thing):
        if id(thing) in self.replaced:
            return self.replaced[id(thing)]
        thing = getattr(thing, "py_func", thing)
        if isinstance(thing, functools.partial):
            return functools.partial(self(thing.func), *thing.args, **thing.keywords)
        if isinstance(thing, types.FunctionType):
            return self.function(thing)
        return self.constant(thing)

    def function(self, function):
        if id(function) in self.done:
            return self.done[id(function)]
        cells = tuple(types.CellType() for _ in function.__closure__ or ())
        scope = {"__builtins__": self.builtins, "__name__": function.__module__}
        rebuilt = types.FunctionType(function.__code__, scope, function.__name__, function.__defaults__, cells)
        rebuilt.__kwdefaults__ = function.__kwdefaults__
        self.done[id(function)] = wrapped = self.wrap(rebuilt)
        for name in names(function.__code__):
            if name in function.__globals__:
                scope[name] = self(function.__globals__[name])
        for cell, original in zip(cells, function.__closure__ or ()):
            with contextlib.suppress(ValueError):
                cell.cell_contents = self(original.cell_contents)
        return wrapped


def names(code):
    """The global names that a code object and those within it read."""
    found = set(code.co_names)
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            found |= names(constant)
    return found


def replacements(pairs):
    """The table of `Rebind`: each module by its stand-in, and each of its functions imported by name."""
    table = {}
    for module, standin in pairs:
        for name, value in standin._table.items():
            if hasattr(module, name):
                table[id(getattr(module, name))] = value
        table[id(module)] = standin
    return table
