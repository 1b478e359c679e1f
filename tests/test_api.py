"""What `import srcdiff` offers, and what it costs."""

import doctest
import inspect
import os
import subprocess
import sys

import pytest

import srcdiff

PUBLIC = [
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


def modules_after(code):
    """Heavy modules that are loaded after some code ran in a fresh process."""
    ask = "import sys; print(sorted({'libcst', 'numba', 'numpy', 'rich', 'scipy', 'torch'} & set(sys.modules)))"
    root = os.path.dirname(os.path.dirname(srcdiff.__file__))
    environment = {**os.environ, "PYTHONPATH": root}
    done = subprocess.run(
        [sys.executable, "-c", f"{code}\n{ask}"], capture_output=True, text=True, env=environment, check=True
    )
    return done.stdout.strip().splitlines()[-1]


def test_the_public_names():
    assert srcdiff.__all__ == PUBLIC
    assert all(hasattr(srcdiff, name) for name in PUBLIC)
    assert srcdiff.functional.__all__ == ["jacobian"]


def test_every_public_name_has_a_docstring():
    for name in PUBLIC:
        assert inspect.getdoc(getattr(srcdiff, name)), name


def test_signatures():
    assert list(inspect.signature(srcdiff.functional.jacobian).parameters) == [
        "func", "inputs", "create_graph", "strict", "vectorize",
    ]  # fmt: skip
    assert list(inspect.signature(srcdiff.check).parameters) == ["function", "args", "wrt", "of", "shapes"]


def test_errors_are_one_tree_under_the_builtin_ones():
    bases = {
        "ArgumentError": TypeError,
        "HigherOrderError": NotImplementedError,
        "IndependentOutputError": RuntimeError,
        "WrtError": ValueError,
    }
    errors = [getattr(srcdiff, name) for name in PUBLIC if isinstance(getattr(srcdiff, name), type)]
    for error in errors:
        if issubclass(error, Exception):
            assert issubclass(error, srcdiff.SrcdiffError)
    assert all(issubclass(getattr(srcdiff, name), base) for name, base in bases.items())


@pytest.mark.parametrize(
    "code",
    [
        "import srcdiff",
        "import srcdiff.functional, srcdiff.check, srcdiff.lint, srcdiff.cli",
        "from srcdiff import jacobian_compiled\n@jacobian_compiled(wrt='x')\ndef f(x, y): return x * y",
    ],
)
def test_importing_is_light(code):
    assert modules_after(code) == "[]"


def test_emitting_needs_no_numba():
    code = "from srcdiff import emit\nfrom fractions import Fraction\nimport srcdiff.cli\n"
    code += "import textwrap\nprint(emit(textwrap.shorten) if False else '')"
    assert modules_after(code) == "[]"
    assert "numba" not in modules_after("import srcdiff.pipeline")


@pytest.mark.parametrize(
    "name", ["srcdiff", "srcdiff.functional", "srcdiff.check", "srcdiff.lint", "srcdiff.differentiable"]
)
def test_doctests(name):
    __import__(name)
    failed, attempted = doctest.testmod(sys.modules[name])
    assert attempted and not failed


def test_the_version():
    assert srcdiff.__version__.count(".") == 2
