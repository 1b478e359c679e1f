"""The command line: what it prints, where, and with which exit code."""

import os
import re
import subprocess
import sys
import textwrap

import pytest
from click.testing import CliRunner

import srcdiff
from srcdiff.cli import main

FILE = '''\
"""A user's file."""

import math

import numpy as np

from constants import GAIN
from srcdiff import jacobian_compiled


@jacobian_compiled(wrt="y")
def robertson(t, y, k1, k2, k3):
    a, b, c = y
    return np.array([-k1 * a + k3 * b * c, k1 * a - k2 * b * b - k3 * b * c, k2 * b * b])


def drag(v, k, n):
    total = 0.0
    for i in range(n):
        if v > 1.0:
            total = total + k * v * v
        else:
            total = total + k * v
        v = v - 0.1 * math.sin(total)
    return GAIN * total


def refused(x):
    with open("a") as stream:
        return x


def special(x):
    if x == 0.0:
        return 1.0
    return math.exp(3.0 * x)


def scaled(x, y):
    return x * np.abs(y)


class Model:
    def value(self, x):
        return x


if __name__ == "__main__":
    raise SystemExit("this must not run")
'''


@pytest.fixture
def folder(tmp_path, monkeypatch):
    (tmp_path / "rates.py").write_text(FILE)
    (tmp_path / "constants.py").write_text("GAIN = 2.0\n")
    (tmp_path / "plain.py").write_text("def f(x, y):\n    return abs(x) * y\n\ndef g(x):\n    return x * x\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def srcdiff_(folder):
    def run(*arguments, code=0):
        before = dict(sys.modules), list(sys.path)
        result = CliRunner().invoke(main, list(map(str, arguments)))
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        assert result.exit_code == code, result.output
        assert "Traceback" not in result.output
        assert sys.path == before[1] and "rates" not in sys.modules and "constants" not in sys.modules
        return result

    return run


# emit


def test_emit_prints_a_module_that_runs(srcdiff_, folder):
    text = srcdiff_("emit", "rates.py:drag", "--wrt", "v,k").stdout
    space = {}
    exec(text, space)
    assert space["drag_jacobian"](0.5, 2.0, 1) == (4.0, 1.0)
    assert str(folder) not in text and "rates.py:17-25" in text
    assert "\x1b" not in text


def test_emit_by_another_directory_needs_no_path(srcdiff_, folder, monkeypatch):
    expected = srcdiff_("emit", "rates.py:drag").stdout
    monkeypatch.chdir("/")
    assert srcdiff_("emit", folder / "rates.py:drag").stdout == expected


def test_emit_of_a_decorated_function_uses_its_options(srcdiff_):
    text = srcdiff_("emit", "rates.py:robertson").stdout
    assert "inputs y; constant t, k1, k2, k3" in text
    assert "inputs k1" in srcdiff_("emit", "rates.py:robertson", "--wrt", "k1").stdout


def test_emit_from_a_module(srcdiff_):
    assert "def f_jacobian(x, y):" in srcdiff_("emit", "plain:f").stdout


def test_emit_in_a_package_with_relative_imports(srcdiff_, folder):
    package = folder / "pkg" / "inner"
    package.mkdir(parents=True)
    (folder / "pkg" / "__init__.py").write_text("")
    (package / "__init__.py").write_text("")
    (package / "base.py").write_text("RATE = 3.0\n")
    (package / "model.py").write_text("from .base import RATE\n\n\ndef f(x):\n    return RATE * x * x\n")
    assert "def f_jacobian(x):" in srcdiff_("emit", "pkg/inner/model.py:f").stdout
    assert "def f_jacobian(x):" in srcdiff_("emit", "pkg.inner.model:f").stdout


@pytest.mark.parametrize(
    ("mode", "definition"),
    [
        ("jacobian", "def g_jacobian(x):"),
        ("value_and_jacobian", "def g_value_and_jacobian(x):"),
        ("matrix", "def g_jacobian_matrix(x):"),
        ("into", "def g_jacobian_into(out, x):"),
        ("jvp", "def g_jvp(primals, tangents):"),
        ("primal", "def g(x):"),
    ],
)
def test_emit_modes(srcdiff_, mode, definition):
    assert definition in srcdiff_("emit", "plain.py:g", "--mode", mode).stdout


def test_emit_types_and_shapes(srcdiff_):
    assert "float32" in srcdiff_("emit", "rates.py:scaled", "--types", "float32, float32[:]", "--shape", "y=2").stdout
    text = srcdiff_(
        "emit", "rates.py:scaled", "--wrt", "x", "--types", "y=float64[:],x=float64", "--shape", "y=2"
    ).stdout
    assert "inputs x; constant y" in text
    assert "(2, 2)" in srcdiff_("emit", "rates.py:scaled", "--wrt", "y", "--shape", "y=2x2").stdout


def test_emit_wrt_keeps_the_tuple_of_one_after_a_comma(srcdiff_):
    assert "return 2.0 * x\n" in srcdiff_("emit", "plain.py:g", "--wrt", "x").stdout
    assert "return (2.0 * x,)\n" in srcdiff_("emit", "plain.py:g", "--wrt", "x,").stdout
    assert "inputs y" in srcdiff_("emit", "plain.py:f", "--wrt", "-1").stdout


def test_emit_to_a_file_and_the_check_that_it_is_current(srcdiff_, folder):
    out = folder / "drag_jacobian.py"
    assert srcdiff_("emit", "rates.py:drag", "-o", out).stdout == ""
    assert out.read_text() == srcdiff_("emit", "rates.py:drag").stdout
    assert srcdiff_("emit", "rates.py:drag", "--diff", out).stdout == ""
    source = (folder / "rates.py").read_text()
    (folder / "rates.py").write_text(source.replace("0.1 * math.sin", "0.2 * math.sin"))
    stale = srcdiff_("emit", "rates.py:drag", "--diff", out, code=1)
    assert "+        v = v - 0.2 * math.sin(total)" in stale.stdout and stale.stdout.startswith("--- ")
    assert "is stale" in stale.stderr
    missing = srcdiff_("emit", "rates.py:drag", "--diff", folder / "none.py", code=1)
    assert "does not exist" in missing.stderr


def test_colours_only_on_a_terminal(monkeypatch, capsys):
    from srcdiff import cli

    assert not cli._in_colour()
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert cli._in_colour()
    monkeypatch.setenv("FORCE_COLOR", "1")
    cli._print_source("def f(x):\n    return 'a' * x  # " + "long " * 40 + "\n")
    printed = capsys.readouterr().out
    assert "\x1b[" in printed
    assert re.sub(r"\x1b\[[0-9;]*m", "", printed) == "def f(x):\n    return 'a' * x  # " + "long " * 40 + "\n"
    monkeypatch.setenv("NO_COLOR", "1")
    cli._print_source("def f(x):\n    return x\n")
    assert capsys.readouterr().out == "def f(x):\n    return x\n"


# check


def test_check(srcdiff_):
    result = srcdiff_("check", "rates.py:robertson", "--args", "0.0, [0.9, 2e-5, 0.1], 0.04, 3e7, 1e4")
    assert result.stdout.startswith("robertson (rates.py:12), d/dy\n") and result.stdout.endswith("no mismatch\n")


def test_check_at_a_random_point(srcdiff_):
    first = srcdiff_("check", "plain.py:g").stdout
    assert first.startswith("at the random point ")
    assert first == srcdiff_("check", "plain.py:g").stdout
    assert first != srcdiff_("check", "plain.py:g", "--seed", "5").stdout


def test_check_exits_with_1_on_a_mismatch(srcdiff_):
    result = srcdiff_("check", "rates.py:special", "--args", "0.0", code=1)
    assert "MISMATCH" in result.stdout and "special branch" in result.stdout


@pytest.mark.parametrize("text", ["[[1.0], [2.0, 3.0]]", "x", "1.0, ['a']", "__import__('os')"])
def test_check_takes_literals_only(srcdiff_, text):
    assert "--args" in srcdiff_("check", "plain.py:g", "--args", text, code=2).stderr


# lint


def test_lint_of_a_file_looks_at_the_decorated_functions(srcdiff_):
    result = srcdiff_("lint", "rates.py")
    assert result.stdout == "" and result.stderr == "nothing found\n"


def test_lint_of_a_file_without_decorated_functions_looks_at_all(srcdiff_):
    result = srcdiff_("lint", "plain.py", "--strict", code=1)
    assert result.stdout.startswith("plain.py:2:12: kink: abs has a kink at 0")
    assert "    return abs(x) * y\n" in result.stdout and result.stderr == "1 finding\n"
    assert srcdiff_("lint", "plain.py").stdout == result.stdout


def test_lint_of_functions(srcdiff_):
    result = srcdiff_("lint", "rates.py:special", "rates.py:drag", "plain.py:g")
    assert [line.split(": ")[1] for line in result.stdout.splitlines() if not line.startswith(" ")] == [
        "equality",
        "branch",
    ]
    assert srcdiff_("lint", "plain.py:f", "--wrt", "y", "--strict").stdout == ""


# rules


def test_rules(srcdiff_):
    text = srcdiff_("rules").stdout
    assert "math.atan2" in text and "x / hypot(x, y) / hypot(x, y)" in text and "\x1b" not in text
    markdown = srcdiff_("rules", "--markdown").stdout.splitlines()
    assert markdown[0].startswith("| function |") and markdown[1].startswith("|---")
    cells = {len(re.split(r"(?<!\\)\|", line)) for line in markdown}
    assert cells == {6}
    assert "| `sin(x)` | `math.sin`, `numpy.sin`, `cmath.sin` | `cos(x)` | 4 ulp |" in markdown


# Errors


def test_what_is_refused_is_told_with_its_place(srcdiff_, folder):
    result = srcdiff_("emit", "rates.py:refused", code=2)
    assert result.stdout == ""
    lines = result.stderr.splitlines()
    assert re.fullmatch(r"rates\.py:29:5: .*with.* is not supported", lines[0])
    assert lines[1].strip() == 'with open("a") as stream:' and set(lines[2].strip()) == {"^"}
    deeper = srcdiff_("emit", folder / "rates.py:refused", code=2).stderr
    assert deeper.startswith(str(folder / "rates.py:29:5"))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["emit", "rates.py:nope"], "rates.py has no function 'nope'. It has robertson, drag"),
        (["emit", "rates.py"], "which function of rates.py? It has robertson"),
        (["emit", "rates.py:Model"], "is a class: name a function"),
        (["emit", "rates.py:Model.value"], "a method needs its instance"),
        (["emit", "rates.py:GAIN"], "is no function, but of type float"),
        (["emit", "none.py:f"], "none.py: no such file"),
        (["emit", "nowhere:f"], "No module named 'nowhere'"),
        (["emit", "drag"], "write path/to/file.py:function"),
        (["emit", "plain.py:f", "--wrt", "z"], "wrt= names 'z', which is no parameter of f"),
        (["emit", "plain.py:f", "--types", "float63"], "unknown type 'float63'"),
        (["emit", "plain.py:f", "--types", "x=float64,float64"], "has no name, but others have"),
        (["emit", "plain.py:f", "--types", "z=float64"], "'z' is no parameter of f"),
        (["emit", "plain.py:f", "--shape", "x"], "write name=3 or name=3x3"),
        (["emit", "plain.py:f", "--mode", "hessian"], "'hessian' is not one of"),
        (["lint", "none.py"], "none.py: no such file"),
        (["nonsense"], "No such command 'nonsense'"),
    ],
)
def test_errors_exit_with_2(srcdiff_, arguments, message):
    result = srcdiff_(*arguments, code=2)
    assert message in " ".join(result.stderr.split()) and result.stdout == ""


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x = 1\ny = 1 / 0\n", "broken.py:2: importing broken.py raised ZeroDivisionError: division by zero"),
        ("def f(:\n", "broken.py:1: SyntaxError"),
        ("import nowhere_at_all\n", "broken.py:1: importing broken.py raised ModuleNotFoundError"),
        ("import sys\nsys.exit(3)\n", "broken.py:2: importing broken.py raised SystemExit: 3"),
    ],
)
def test_files_that_raise_on_import(srcdiff_, folder, text, message):
    (folder / "broken.py").write_text(text)
    assert message in srcdiff_("emit", "broken.py:f", code=2).stderr


def test_help_and_version(srcdiff_):
    assert srcdiff_("--version").stdout == f"srcdiff, version {srcdiff.__version__}\n"
    assert "Examples:" in srcdiff_("--help").stdout
    for command in ("emit", "check", "lint"):
        text = srcdiff_(command, "--help").stdout
        assert "Examples:" in text and f"srcdiff {command} " in text


# The real thing


def run_python(*arguments, **options):
    environment = {**os.environ, "PYTHONPATH": os.path.dirname(os.path.dirname(srcdiff.__file__))}
    return subprocess.run([sys.executable, *arguments], capture_output=True, text=True, env=environment, **options)


def test_a_real_process(folder):
    emitted = run_python("-m", "srcdiff.cli", "emit", "rates.py:drag", "--wrt", "v")
    assert emitted.returncode == 0 and emitted.stderr == "" and "def drag_jacobian(v, k, n):" in emitted.stdout
    refused = run_python("-m", "srcdiff.cli", "emit", "rates.py:refused")
    assert refused.returncode == 2 and refused.stdout == "" and "Traceback" not in refused.stderr


def test_help_is_light():
    code = """
        import sys
        from srcdiff.cli import main
        try:
            main(["--help"])
        except SystemExit:
            pass
        heavy = {"numba", "numpy", "scipy", "libcst", "rich"} & set(sys.modules)
        print(sorted(heavy), file=sys.stderr)
    """
    assert run_python("-c", textwrap.dedent(code)).stderr.strip() == "[]"
