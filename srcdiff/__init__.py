"""Jacobians of ordinary numerical Python, as readable source code, compiled with Numba.

>>> from srcdiff import jacobian_compiled
>>> @jacobian_compiled
... def area(r):
...     return 3.0 * r**2
>>> area.jacobian(2.0)
12.0
"""

from . import functional
from .check import check
from .differentiable import Differentiable, emit, jacobian, jacobian_compiled
from .errors import (
    ArgumentError,
    HigherOrderError,
    IndependentOutputError,
    SourceError,
    SrcdiffError,
    Unsupported,
    UnsupportedCall,
    UnsupportedSyntax,
    UnsupportedType,
    WrtError,
)

__all__ = [
    "ArgumentError",
    "Differentiable",
    "HigherOrderError",
    "IndependentOutputError",
    "SourceError",
    "SrcdiffError",
    "Unsupported",
    "UnsupportedCall",
    "UnsupportedSyntax",
    "UnsupportedType",
    "WrtError",
    "check",
    "emit",
    "functional",
    "jacobian",
    "jacobian_compiled",
]

__version__ = "0.1.0"
