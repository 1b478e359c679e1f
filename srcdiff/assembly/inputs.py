"""Which parameters are differentiated by, and what they are called in the program."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..errors import WrtError
from ..frontend.entry import Input
from ..frontend.parameters import discrete_parameters, parameter_names
from ..frontend.source import Source
from ..ir.expr import Var, key_of


def choose_inputs(source: Source, wrt: Any, of: Sequence[str]) -> tuple[list[str], bool]:
    """Names of the parameters to differentiate by, and whether the result has no inner tuple for them."""
    names = parameter_names(source)
    discrete = discrete_parameters(source)
    for name in of:
        if name not in names:
            raise WrtError(f"of= names {name!r}, which is no parameter of {source.name}", hint=_listing(names))
    if wrt is None:
        chosen = [n for n in names if n not in discrete and n not in of]
        if not chosen:
            raise WrtError(f"{source.name} has no differentiable parameter", hint=_listing(names))
        return chosen, len(chosen) == 1
    single = isinstance(wrt, (str, int))
    given = [wrt] if single else list(wrt)
    if not given:
        raise WrtError("wrt= is empty", hint="Name at least one parameter, or leave wrt= out.")
    chosen = []
    for item in given:
        if isinstance(item, bool) or not isinstance(item, (str, int)):
            raise WrtError(f"wrt= takes names and positions, not {item!r}", hint=_listing(names))
        if isinstance(item, int):
            count = len(names)
            if not -count <= item < count:
                message = f"wrt={item} is out of range: {source.name} has {count} parameters"
                raise WrtError(message, hint=_listing(names))
            item = names[item]
        if item not in names:
            raise WrtError(f"wrt= names {item!r}, which is no parameter of {source.name}", hint=_listing(names))
        if item in discrete:
            raise WrtError(
                f"wrt= names {item!r}, which is discrete: an integer, truth value, string or None",
                hint="Derivatives exist by continuous parameters; annotate it `float` if it is one.",
            )
        if item in of:
            raise WrtError(f"{item!r} is named in both wrt= and of=", hint="An argument is an input or a result.")
        if item in chosen:
            raise WrtError(f"wrt= names {item!r} twice", hint="Name each parameter once.")
        chosen.append(item)
    return chosen, single


def _listing(names: Sequence[str]) -> str:
    return f"Its parameters are {', '.join(names)}." if names else "It has no parameters."


def input_names(inputs: Sequence[Input]) -> tuple[list[str], list[str], list[str]]:
    """Names of the numbers and arrays among the inputs, and texts of the elements."""
    scalars: list[str] = []
    arrays: list[str] = []
    atoms: list[str] = []
    for one in inputs:
        for atom in one.atoms:
            if isinstance(atom, Var) and atom.type.kind == "array":
                arrays.append(atom.name)
            elif isinstance(atom, Var):
                scalars.append(atom.name)
            else:
                atoms.append(key_of(atom))
    return scalars, arrays, atoms
