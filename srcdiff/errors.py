"""Everything srcdiff raises, in one tree.

    SrcdiffError
     |- SourceError             no source, or a source that is not the code that runs
     |- Unsupported             a construct outside what srcdiff differentiates
     |   |- UnsupportedSyntax
     |   |- UnsupportedCall
     |   `- UnsupportedType
     |- WrtError                (ValueError) wrt= or of= names what cannot be differentiated
     |- ArgumentError           (TypeError) a call with arguments that the derivative does not take
     |- IndependentOutputError  (RuntimeError) strict=True, and an output that cannot depend on an input
     `- HigherOrderError        (NotImplementedError) derivatives of derivatives
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = [
    "ArgumentError",
    "HigherOrderError",
    "IndependentOutputError",
    "Location",
    "SourceError",
    "SrcdiffError",
    "Unsupported",
    "UnsupportedCall",
    "UnsupportedSyntax",
    "UnsupportedType",
    "WrtError",
]


@dataclass(frozen=True)
class Location:
    """A place in the user's own file: 1-based line, 1-based column, and the text of that line."""

    filename: str
    line: int
    column: int
    width: int
    text: str

    def __str__(self) -> str:
        return f"{self.filename}:{self.line}:{self.column}"

    def quote(self) -> str:
        """The line with a caret under the offending text, indentation removed."""
        stripped = self.text.lstrip()
        offset = self.column - 1 - (len(self.text) - len(stripped))
        width = max(1, min(self.width, len(stripped) - offset))
        return f"    {stripped}\n    {' ' * max(offset, 0)}{'^' * width}"


class SrcdiffError(Exception):
    """Base class. `message` says what is wrong, `hint` what to write instead, `location` where."""

    def __init__(self, message: str, *, hint: str = "", location: Location | None = None):
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.location = location

    def __str__(self) -> str:
        parts = [f"{self.location}: {self.message}" if self.location else self.message]
        if self.location:
            parts.append(self.location.quote())
        if self.hint:
            parts.append(self.hint)
        return "\n".join(parts)


class SourceError(SrcdiffError):
    """The function's source cannot be had, or no longer is the code that runs."""


class Unsupported(SrcdiffError):
    """A construct that srcdiff does not differentiate."""


class UnsupportedSyntax(Unsupported):
    """A statement or expression outside the language that srcdiff takes."""


class UnsupportedCall(Unsupported):
    """A call of a function for which no derivative is known."""


class UnsupportedType(Unsupported):
    """A value whose type has no derivative here."""


class WrtError(SrcdiffError, ValueError):
    """`wrt` or `of` names something that cannot be differentiated."""


class ArgumentError(SrcdiffError, TypeError):
    """A call with arguments that the compiled derivative does not take."""


class IndependentOutputError(SrcdiffError, RuntimeError):
    """Under `strict`: an output that cannot depend on an input."""


class HigherOrderError(SrcdiffError, NotImplementedError):
    """Second and higher derivatives are not available."""
