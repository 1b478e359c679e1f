"""Expressions of very many terms: they are taken, or refused in our own words."""

import sys

import numpy as np
import pytest
from random_programs import load

from srcdiff import emit, jacobian_compiled
from srcdiff.depth import deep
from srcdiff.errors import UnsupportedSyntax
from srcdiff.lint import lint


def module(directory, expression):
    return load(f"import math\n\n\ndef f(x):\n    return {expression}\n", directory)


@pytest.mark.parametrize("terms", (300, 900))
def test_long_sums(terms, tmp_path):
    f = module(tmp_path, " + ".join(f"math.sin({i / 100} * x)" for i in range(terms))).f
    space = {}
    exec(emit(f), space)
    weights = np.arange(terms) / 100
    assert space["f_jacobian"](0.5) == pytest.approx(np.sum(weights * np.cos(0.5 * weights)), rel=1e-12)


def test_long_products(tmp_path):
    f = module(tmp_path, " * ".join(f"(x + {i / 100})" for i in range(100, 300))).f
    at = 0.25 + np.arange(100, 300) / 100
    space = {}
    exec(emit(f), space)
    assert space["f_jacobian"](0.25) == pytest.approx(np.prod(at) * np.sum(1.0 / at), rel=1e-12)


def test_wherever_text_is_made(tmp_path):
    f = module(tmp_path, "x" + "".join(f" * math.sin(x + {i})" for i in range(400))).f
    assert "def f_jacobian_batch" in jacobian_compiled(f).jacobian.batch.emit(np.ones(100))
    assert "def f_jacobian" in jacobian_compiled(f, target="cuda").emit()
    assert lint(f) == []


def test_what_is_too_deep(tmp_path):
    f = module(tmp_path, "x" + "".join(f" * math.sin(x + {i})" for i in range(1200))).f
    with pytest.raises(UnsupportedSyntax, match="f has expressions or blocks that are nested too deeply") as raised:
        emit(f)
    assert "Split a long sum or product into several statements, or write a loop." in str(raised.value)


def test_the_limit_is_put_back():
    usual = sys.getrecursionlimit()
    with deep(), deep():
        assert sys.getrecursionlimit() > usual
    assert sys.getrecursionlimit() == usual
