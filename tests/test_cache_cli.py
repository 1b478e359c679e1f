"""The commands `srcdiff cache`."""

import os
import re

import pytest
from click.testing import CliRunner

from srcdiff import jacobian
from srcdiff.cli import main


@pytest.fixture
def place(tmp_path, monkeypatch):
    path = tmp_path / "cache"
    monkeypatch.setenv("SRCDIFF_CACHE_DIR", str(path))
    return path


def run(*args, code=0):
    result = CliRunner().invoke(main, ["cache", *args])
    assert result.exit_code == code, result.output
    return result


def square(x):
    return x * x


def test_path(place):
    assert run("path").output == f"{place}\n"


def test_no_cache(monkeypatch):
    monkeypatch.setenv("SRCDIFF_CACHE_DIR", "")
    for command in ("path", "list", "clear", "prune"):
        assert "no cache" in run(command, code=1).stderr


def test_list_and_show(place):
    assert run("list").stdout == "" and "0 artefacts" in run("list").stderr
    jacobian(square)(2.0)
    (line,) = run("list").stdout.splitlines()
    key = re.fullmatch(r"([0-9a-f]{12})   +\d+s  +\d+K  test_cache_cli.square_jacobian\(float64\)", line)[1]
    assert "1 artefact," in run("list").stderr
    shown = run("show", key[:8])
    assert "def square_jacobian(x):" in shown.stdout
    assert all(word in shown.stderr for word in (key, "float64", "compiled in", "Numba", str(place)))
    assert "no artefact" in run("show", "zzzz", code=2).stderr
    jacobian(square)(1 + 1j)
    assert "2 artefacts" in run("show", "", code=2).stderr


def test_prune_and_clear(place):
    jacobian(square)(2.0)
    for file in place.glob("*/*.artefact"):
        os.utime(file, (0, 0))
    jacobian(square)(1 + 1j)
    assert run("prune").stdout.startswith("0 files")
    assert run("prune", "--older-than", "1d").stdout.startswith("1 file removed")
    assert run("prune", "--max-size", "0").stdout.startswith("2 files removed")
    jacobian(square)(2.0)
    assert run("clear").stdout == "2 files removed\n"
    assert not [file for file in place.rglob("*") if file.is_file()]


@pytest.mark.parametrize("option, value", [("--older-than", "soon"), ("--older-than", "3"), ("--max-size", "10x")])
def test_numbers_that_are_none(place, option, value):
    assert "write" in run("prune", option, value, code=2).stderr
