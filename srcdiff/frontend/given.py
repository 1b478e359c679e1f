"""What a call gives to an implementation, and which of it was looked at: what is not read would be ignored."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from .values import Value

__all__ = ["GivenKeywords", "GivenValues"]


class GivenValues(list[Value]):
    """Positional arguments.

    >>> given = GivenValues(["a", "k"])
    >>> given[0], given.unread()
    ('a', [1])
    """

    def __init__(self, values: list[Value]):
        super().__init__(values)
        self._read: set[int] = set()

    def __getitem__(self, at: Any) -> Any:
        chosen = range(len(self))[at]
        self._read.update(chosen if isinstance(chosen, range) else (chosen,))
        return super().__getitem__(at)

    def __iter__(self) -> Iterator[Value]:
        self._read.update(range(len(self)))
        return super().__iter__()

    def unread(self) -> list[int]:
        return [i for i in range(len(self)) if i not in self._read]


class GivenKeywords(dict[str, Value]):
    """Keyword arguments: an implementation that goes through them has checked them."""

    def __init__(self, values: dict[str, Value]):
        super().__init__(values)
        self._read: set[str] = set()

    def __getitem__(self, key: str) -> Value:
        self._read.add(key)
        return super().__getitem__(key)

    def get(self, key: str, default: Any = None) -> Any:
        self._read.add(key)
        return super().get(key, default)

    def __contains__(self, key: object) -> bool:
        self._read.add(str(key))
        return super().__contains__(key)

    def __iter__(self) -> Iterator[str]:
        self._read.update(super().keys())
        return super().__iter__()

    def keys(self) -> Any:
        self._read.update(super().keys())
        return super().keys()

    def values(self) -> Any:
        self._read.update(super().keys())
        return super().values()

    def items(self) -> Any:
        self._read.update(super().keys())
        return super().items()

    def unread(self) -> list[str]:
        return [key for key in super().__iter__() if key not in self._read]
