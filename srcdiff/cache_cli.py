"""The commands `srcdiff cache path`, `list`, `show`, `clear` and `prune`."""

from __future__ import annotations

import json
import re
import sys
import time
from typing import Any

import click

from .compile.store import LIMIT, Entry, Store, default_store

__all__ = ["cache"]

_UNITS = {"": 1, "k": 2**10, "m": 2**20, "g": 2**30}
_TIMES = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "w": 7 * 86400.0}


@click.group()
def cache() -> None:
    """Compiled derivatives on disk: where they lie, what there is, and how to remove them.

    \b
    Examples:
      srcdiff cache path
      srcdiff cache list
      srcdiff cache show 3f9a
      srcdiff cache prune --older-than 30d --max-size 100M
      srcdiff cache clear
    """


@cache.command()
def path() -> None:
    """Print the directory: SRCDIFF_CACHE_DIR, or the platform's place for caches."""
    click.echo(_store().path)


@cache.command(name="list")
def list_() -> None:
    """List the artefacts, the least recently used first."""
    store = _store()
    entries = [(entry, about) for entry in store.entries() if (about := _about(store, entry)) is not None]
    for entry, about in entries:
        call = f"{about['module']}.{about['function']}({', '.join(about['types'])})"
        click.echo(f"{entry.key[:12]}  {_age(entry.used):>5}  {_bytes(entry.size):>6}  {call}")
    total = sum(entry.size for entry in store.entries())
    number = f"{len(entries)} artefact{'s' * (len(entries) != 1)}"
    click.echo(f"{number}, {_bytes(total)} of {_bytes(LIMIT)} in {store.path}", err=True)


@cache.command()
@click.argument("key")
def show(key: str) -> None:
    """Print what is known of the artefact whose key begins with KEY, and the emitted code that was compiled."""
    store = _store()
    found = [(e, about) for e in store.entries() if e.key.startswith(key) and (about := _about(store, e)) is not None]
    if len(found) != 1:
        reason = "no artefact" if not found else f"{len(found)} artefacts"
        raise click.UsageError(f"{reason} with a key that begins with {key}")
    entry, about = found[0]
    artefact = store.read(entry.key)
    assert artefact is not None
    sizes = {name: len(blob) for name, blob in artefact.sections.items()}
    rows = {
        "key": entry.key,
        "function": f"{about['module']}.{about['function']}",
        "types": ", ".join(about["types"]),
        "compiled in": f"{about['seconds']} s, by srcdiff {about['version']}",
        "runs": "without Numba" if "native" in sizes else "with Numba",
        "last used": f"{_age(entry.used)} ago",
        "size": ", ".join(f"{name} {_bytes(size)}" for name, size in sizes.items() if size),
        "text": artefact.path,
    }
    for title, value in rows.items():
        click.echo(f"{title:<12} {value}", err=True)
    click.echo(artefact.text, nl=False)


@cache.command()
def clear() -> None:
    """Remove everything."""
    count = _store().clear()
    click.echo(f"{count} file{'s' * (count != 1)} removed")


@cache.command()
@click.option("--older-than", metavar="AGE", help="Remove what was not used for this long: 12h, 30d, 4w.")
@click.option("--max-size", metavar="SIZE", help="Remove the least recently used until this is left: 500K, 100M, 1G.")
def prune(older_than: str | None, max_size: str | None) -> None:
    """Remove what is old, or too much; without options, what is above the store's own limit."""
    seconds = _number(older_than, _TIMES, "--older-than", "12h, 30d or 4w") if older_than is not None else None
    size = _number(max_size, _UNITS, "--max-size", "500K, 100M or 1G") if max_size is not None else None
    if seconds is None and size is None:
        size = LIMIT
    removed = _store().prune(max_size=None if size is None else int(size), older_than=seconds)
    count = len(removed)
    click.echo(f"{count} file{'s' * (count != 1)} removed, {_bytes(sum(entry.size for entry in removed))}")


def _store() -> Store:
    store = default_store()
    if not store.path:
        click.echo("there is no cache: SRCDIFF_CACHE_DIR is empty, or no home directory is known", err=True)
        sys.exit(1)
    return store


def _about(store: Store, entry: Entry) -> dict[str, Any] | None:
    """What an artefact says of itself; None for notes that a source was looked at, and for what cannot be read."""
    found = store.read(entry.key, touch=False)
    if found is None or "about" not in found.sections:
        return None
    about: dict[str, Any] = json.loads(found.sections["about"])
    return about


def _number(text: str, units: dict[str, Any], option: str, example: str) -> float:
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([a-zA-Z]?)[bB]?", text.strip())
    if match is None or match[2].lower() not in units:
        raise click.BadParameter(f"{text!r}: write {example}.", param_hint=option)
    return float(match[1]) * float(units[match[2].lower()])


def _bytes(size: float) -> str:
    for unit in ("B", "K", "M"):
        if size < 1000:
            return f"{size:.0f}{unit}"
        size /= 1024
    return f"{size:.1f}G"


def _age(used: float) -> str:
    seconds = max(time.time() - used, 0.0)
    unit = next((u for u in ("w", "d", "h", "m") if seconds >= 2 * _TIMES[u]), "s")
    return f"{seconds / _TIMES[unit]:.0f}{unit}"
