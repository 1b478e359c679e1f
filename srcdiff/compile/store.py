"""The artefact store: files that are named by what they hold, in a directory that is the user's alone.

An artefact is one file with a checksum, beside the emitted text that it was compiled from. Files are written under
another name and moved into place, so readers see all of a file or nothing; nothing is ever read, changed and written
back. Whatever goes wrong means that there is no artefact. What is read is executed, so files and directories that
others own or may write to are refused.
"""

from __future__ import annotations

import contextlib
import os
import stat
import sys
import time
import warnings
from collections.abc import Iterator
from typing import NamedTuple

from .key import digest

__all__ = ["LIMIT", "Artefact", "Entry", "Store", "default_path", "default_store"]

LIMIT = 512 * 2**20
"""Bytes that a store may take before the least recently used artefacts are removed."""

MAGIC = b"srcdiff\x01"
SUFFIX = ".artefact"
_ABANDONED = 3600.0
_CHECK_EVERY = 64


class Artefact(NamedTuple):
    """What one file holds: named blobs, and the emitted text with the path at which it lies."""

    sections: dict[str, bytes]
    text: str = ""
    path: str = ""


class Entry(NamedTuple):
    """An artefact as the directory shows it."""

    key: str
    path: str
    size: int
    used: float


def default_path() -> str:
    """SRCDIFF_CACHE_DIR, or the platform's directory for caches; "" if there is none."""
    given = os.environ.get("SRCDIFF_CACHE_DIR")
    if given is not None:
        return os.path.abspath(given) if given else ""
    if sys.platform == "win32":
        base = os.environ.get("LOCALAPPDATA", "")
    elif sys.platform == "darwin":
        base = os.path.expanduser("~/Library/Caches")
    else:
        base = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    return os.path.join(base, "srcdiff") if os.path.isabs(base) else ""


_stores: dict[str, Store] = {}


def default_store() -> Store:
    """The store at the default path; one object a path and process, so that a refusal is told once."""
    path = default_path()
    return _stores.setdefault(path, Store(path))


class Store:
    """Artefacts in a directory. `limit` is its size in bytes; an empty path is a store that holds nothing."""

    def __init__(self, path: str, limit: int = LIMIT):
        self.path = path
        self.limit = limit
        self._warned = False
        self._written = 0

    def __repr__(self) -> str:
        return f"Store({self.path!r})"

    # Reading

    def read(self, key: str, *, touch: bool = True) -> Artefact | None:
        """The artefact of a key, if it is there and whole; `touch` notes that it was used."""
        path = self._file(key)
        if not self.path or not self._usable():
            return None
        try:
            with open(path, "rb") as file:
                status = os.fstat(file.fileno())
                if not _is_private(status):
                    self.warn(f"{path} belongs to somebody else or is writable by others")
                    return None
                data = file.read()
        except OSError:
            return None
        found = unpack(data)
        if found is None:
            self.warn(f"{path} is damaged; it is compiled again")
            self._remove(path)
            return None
        if touch and time.time() - status.st_mtime > 3600:
            with contextlib.suppress(OSError):
                os.utime(path)
        text = found.pop("text", b"").decode("utf-8", "surrogatepass")
        return Artefact(found, text, self.text_path(key) if text else "")

    def _usable(self) -> bool:
        """Whether the directory is there and safe to execute code from."""
        try:
            status = os.stat(self.path)
        except OSError:
            return False
        if not stat.S_ISDIR(status.st_mode):
            return False
        if not _is_private(status):
            self.warn(
                f"{self.path} belongs to somebody else or is writable by others, and what lies there would be executed:"
                " it is not used. Set SRCDIFF_CACHE_DIR to a directory of your own, or take others' permissions away."
            )
            return False
        return True

    def warn(self, message: str) -> None:
        """One warning a store and process, and never an exception."""
        if not self._warned:
            self._warned = True
            with contextlib.suppress(RuntimeWarning):  # where warnings are errors: a faulty cache is none
                warnings.warn(f"srcdiff cache: {message}", RuntimeWarning, stacklevel=2)

    # Writing

    def write(self, key: str, artefact: Artefact) -> bool:
        """Keep an artefact; whether that was possible."""
        if not self._prepare(key):
            return False
        text = artefact.text.encode("utf-8", "surrogatepass")
        done = self._place(self._file(key), pack({**artefact.sections, "text": text}))
        if done:
            if self._written % _CHECK_EVERY == 0:
                self.prune(max_size=self.limit, keep=key)
            self._written += 1
        return done

    def write_text(self, key: str, text: str) -> str:
        """Lay the emitted text beside its artefact; its path, or "" if that is not possible."""
        path = self.text_path(key)
        data = text.encode("utf-8", "surrogatepass")
        try:
            with open(path, "rb") as file:
                if file.read() == data and self._usable():
                    return path
        except OSError:
            pass
        return path if self._prepare(key) and self._place(path, data) else ""

    def _prepare(self, key: str) -> bool:
        if not self.path:
            return False
        try:
            os.makedirs(self.path, mode=0o700, exist_ok=True)
            if not self._usable():
                return False
            folder = os.path.dirname(self._file(key))
            os.makedirs(folder, mode=0o700, exist_ok=True)
            return _is_private(os.stat(folder))
        except OSError:
            return False

    def _place(self, path: str, data: bytes) -> bool:
        """Write a file under another name, then move it into place."""
        temporary = f"{path}.{os.getpid()}.{os.urandom(4).hex()}.tmp"
        try:
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
            with open(os.open(temporary, flags, 0o600), "wb") as file:
                file.write(data)
            os.replace(temporary, path)
        except OSError:
            self._remove(temporary)
            return False
        return True

    def _remove(self, path: str) -> bool:
        try:
            os.unlink(path)
        except OSError:
            return False
        return True

    # The whole

    def entries(self) -> list[Entry]:
        """All artefacts, the least recently used first."""
        found = []
        for item in self._files():
            if item.name.endswith(SUFFIX):
                try:
                    status = item.stat(follow_symlinks=False)
                    size = status.st_size + _size(self.text_path(item.name[: -len(SUFFIX)]))
                except OSError:
                    continue
                found.append(Entry(item.name[: -len(SUFFIX)], item.path, size, status.st_mtime))
        return sorted(found, key=lambda entry: entry.used)

    def _files(self) -> Iterator[os.DirEntry[str]]:
        try:
            folders = [f for f in os.scandir(self.path) if len(f.name) == 2 and f.is_dir(follow_symlinks=False)]
        except OSError:
            return
        for folder in folders:
            try:
                yield from list(os.scandir(folder.path))
            except OSError:
                continue

    def prune(self, *, max_size: int | None = None, older_than: float | None = None, keep: str = "") -> list[Entry]:
        """Remove artefacts unused for `older_than` seconds, then the least recently used above `max_size` bytes.

        Returns what was removed. Files that a killed process left unfinished go too, an hour after.
        """
        if not self.path or not self._usable():
            return []
        now = time.time()
        entries = self.entries()
        whole = {entry.key for entry in entries}
        for item in self._files():
            try:
                unfinished = item.name.endswith(".tmp") or (item.name.endswith(".py") and item.name[:-3] not in whole)
                if unfinished and now - item.stat(follow_symlinks=False).st_mtime > _ABANDONED:
                    self._remove(item.path)
            except OSError:
                continue
        total = sum(entry.size for entry in entries)
        removed = []
        for entry in entries:
            old = older_than is not None and now - entry.used > older_than
            if (old or (max_size is not None and total > max_size)) and entry.key != keep and self._remove(entry.path):
                self._remove(self.text_path(entry.key))
                removed.append(entry)
                total -= entry.size
        return removed

    def clear(self) -> int:
        """Remove everything that a store writes; the number of artefacts removed."""
        if not self.path or not self._usable():
            return 0
        count = 0
        for item in self._files():
            if item.name.endswith((SUFFIX, ".py", ".tmp")) and self._remove(item.path):
                count += item.name.endswith(SUFFIX)
        return count

    # Paths

    def _file(self, key: str) -> str:
        return os.path.join(self.path, key[:2], key + SUFFIX)

    def text_path(self, key: str) -> str:
        return os.path.join(self.path, key[:2], key + ".py")


def _is_private(status: os.stat_result) -> bool:
    """Whether a file or directory is ours, and nobody else may write to it."""
    if not hasattr(os, "geteuid"):  # Windows: the user's profile is theirs
        return True
    return status.st_uid == os.geteuid() and not status.st_mode & (stat.S_IWGRP | stat.S_IWOTH)


def _size(path: str) -> int:
    try:
        return os.stat(path).st_size
    except OSError:
        return 0


def pack(sections: dict[str, bytes]) -> bytes:
    """Named blobs as one, with a checksum.

    >>> unpack(pack({"a": b"12", "b": b""}))
    {'a': b'12', 'b': b''}
    >>> unpack(pack({"a": b"12"})[:-1]) is None
    True
    """
    body = b"".join(
        b"".join((len(name).to_bytes(2, "little"), len(blob).to_bytes(8, "little"), name.encode("ascii"), blob))
        for name, blob in sections.items()
    )
    return MAGIC + digest(body) + body


def unpack(data: bytes) -> dict[str, bytes] | None:
    """The blobs of `pack`; None for anything that is not exactly what was packed."""
    start = len(MAGIC) + 20
    body = data[start:]
    if len(data) < start or data[: len(MAGIC)] != MAGIC or digest(body) != data[len(MAGIC) : start]:
        return None
    found: dict[str, bytes] = {}
    at = 0
    while at < len(body):
        name_end = at + 10 + int.from_bytes(body[at : at + 2], "little")
        blob_end = name_end + int.from_bytes(body[at + 2 : at + 10], "little")
        found[body[at + 10 : name_end].decode("ascii")] = body[name_end:blob_end]
        at = blob_end
    return found
