"""Users' own `cache=True` functions that call derivatives: they hit in the next process, and are never stale."""

import json
import os
import shutil
import subprocess
import sys

import pytest

import srcdiff

HELPERS = """
RATE = 2.0

def scaled(a):
    return RATE * a
"""

MODELS = """
import numpy as np
from helpers import scaled
from srcdiff import jacobian, jacobian_compiled

@jacobian_compiled
def product(x, y, s=1.0):
    return scaled(x) * y**2 * s

def cube(x):
    return x**3

slope = jacobian(cube)
unnamed = [jacobian(lambda x: x**2)]

@jacobian_compiled(wrt="y")
def decay(t, y):
    a, b = y
    return np.array([-a * b, a * b - b])

cubed = jacobian_compiled(cube)
chosen = product
PAIR = (product, decay)
derived = cubed.jacobian

@jacobian_compiled(wrt="x")
def outer(x):
    return product(x, 2.0) + cube(x)
"""

CALLERS = """
import json, sys
import numba, numpy as np
import models
from models import PAIR, chosen, derived, outer, product, slope

@numba.njit(cache=True)
def as_global(x):
    return product.jacobian(x, 2.0)[1] + product(x, 1.0)

@numba.njit(cache=True)
def as_argument(f, x):
    return f.jacobian(x, 2.0)[1]

@numba.njit(cache=True)
def form_as_argument(fill, out, x):
    fill(out, x, 2.0)
    return out[0, 1]

@numba.njit(cache=True)
def by_name(x):
    return slope(x)

@numba.njit(cache=True)
def by_alias(x):
    return chosen.jacobian(x, 2.0)[1]

@numba.njit(cache=True)
def in_tuple(x):
    return PAIR[0].jacobian(x, 2.0)[1]

@numba.njit(cache=True)
def form_by_name(x):
    return derived(x)

@numba.njit(cache=True)
def nested(x):
    return as_global(x) + outer.jacobian(x)

@numba.njit(cache=True, parallel=True)
def in_parallel(x):
    out = np.zeros(len(x))
    for i in numba.prange(len(x)):
        out[i] = product.jacobian(x[i], 2.0)[1]
    return out.sum()

@numba.njit(cache=True)
def jvp(x):
    return product.jvp((x, 2.0, 1.0), (1.0, 0.0, 0.0))[1]

def make(f):
    @numba.njit(cache=True)
    def closure(x):
        return f.jacobian(x, 2.0)[1]
    return closure

def make_of_form(derivative):
    @numba.njit(cache=True)
    def closure_of_form(x):
        return derivative(x)
    return closure_of_form

closure = make(product)
not_by_name = make_of_form(models.unnamed[0])
calls = {
    "as_global": (as_global, 1.0), "as_argument": (as_argument, product, 1.0),
    "form_as_argument": (form_as_argument, product.jacobian.into, np.zeros((1, 3)), 1.0),
    "by_name": (by_name, 2.0), "nested": (nested, 1.0), "in_parallel": (in_parallel, np.ones(3)),
    "by_alias": (by_alias, 1.0), "in_tuple": (in_tuple, 1.0), "form_by_name": (form_by_name, 2.0),
    "alias_as_argument": (as_argument, chosen, 1.0), "jvp": (jvp, 1.0), "closure": (closure, 1.0),
    "not_by_name": (not_by_name, 3.0),
}
names = sys.argv[1:] or list(calls)
result = {}
for name in names:
    function, *args = calls[name]
    value = function(*args)
    result[name] = float(value), bool(function.stats.cache_hits)
print(json.dumps(result))
"""


@pytest.fixture(scope="module")
def warm(tmp_path_factory):
    """A project whose callers have all run once, and what that first run printed."""
    folder = tmp_path_factory.mktemp("warm")
    for name, text in (("helpers", HELPERS), ("models", MODELS), ("callers", CALLERS)):
        (folder / f"{name}.py").write_text(text)
    return folder, run(folder)


@pytest.fixture
def project(warm, tmp_path):
    """A copy of it at another path, with the caches."""
    return shutil.copytree(warm[0], tmp_path / "copy")


def run(project, *names, version=srcdiff.__version__):
    """Values of the callers, and whether Numba's cache had them; and what is written to stderr."""
    root = os.path.dirname(os.path.dirname(srcdiff.__file__))
    code = (
        f"import runpy, sys, srcdiff; sys.path.insert(0, '.'); srcdiff.__version__ = {version!r}; "
        f"sys.argv[0] = 'callers.py'; runpy.run_path('callers.py', run_name='__main__')"
    )
    environment = {k: v for k, v in os.environ.items() if not k.startswith("NUMBA_")}
    done = subprocess.run(
        [sys.executable, "-B", "-c", code, *names],
        cwd=project, env={**environment, "PYTHONPATH": root}, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout), done.stderr


def edit(project, module, old, new):
    file = project / f"{module}.py"
    text = file.read_text()
    assert text.count(old) == 1
    file.write_text(text.replace(old, new))


VALUES = {
    "as_global": 10.0, "as_argument": 8.0, "form_as_argument": 8.0, "by_name": 12.0, "nested": 21.0,
    "in_parallel": 24.0, "by_alias": 8.0, "in_tuple": 8.0, "form_by_name": 12.0, "alias_as_argument": 8.0, "jvp": 8.0,
    "closure": 8.0, "not_by_name": 6.0,
}  # fmt: skip


def test_the_next_process_hits(warm, project):
    first, warned = warm[1]
    assert first == {name: [value, False] for name, value in VALUES.items()}
    assert "no module holds it under a name" in warned and "lambda" in warned
    second, _ = run(project)
    assert second == {name: [value, name != "not_by_name"] for name, value in VALUES.items()}


@pytest.mark.parametrize(
    ("module", "old", "new", "changed"),
    [
        ("helpers", "RATE = 2.0", "RATE = 3.0", {"as_global": 15.0, "as_argument": 12.0, "nested": 30.0}),
        ("helpers", "RATE * a", "RATE * a * a", {"as_global": 10.0, "form_as_argument": 8.0, "closure": 8.0}),
        ("models", "s=1.0", "s=2.0", {"as_global": 20.0, "as_argument": 16.0, "in_parallel": 48.0}),
        ("models", "y**2 * s", "y * s", {"as_global": 4.0, "as_argument": 2.0, "nested": 11.0}),
        ("models", "jacobian_compiled\ndef product", "jacobian_compiled(wrt=('s', 'x'))\ndef product",
         {"as_global": 10.0, "as_argument": 8.0}),
        ("models", "x**3", "x**4", {"by_name": 32.0, "nested": 22.0}),
        ("models", "chosen = product", "chosen = jacobian_compiled(lambda x, y: x * y)", {"by_alias": 1.0}),
        ("models", "chosen = product", "chosen = jacobian_compiled(lambda x, y: x * y)", {"alias_as_argument": 1.0}),
        ("models", "PAIR = (product,", "PAIR = (jacobian_compiled(lambda x, y: x * y),", {"in_tuple": 1.0}),
        ("models", "derived = cubed.jacobian", "derived = cubed", {"form_by_name": 8.0}),
    ],
    ids=["constant", "helper", "default", "function", "option", "plain function", "alias", "argument", "tuple", "form"],
)  # fmt: skip
def test_an_edit_elsewhere_is_noticed(project, module, old, new, changed):
    edit(project, module, old, new)
    assert run(project, *changed)[0] == {name: [value, False] for name, value in changed.items()}


def test_what_was_compiled_after_an_edit_is_kept(project):
    edit(project, "helpers", "RATE = 2.0", "RATE = 3.0")
    for hit in (False, True):
        assert run(project, "as_argument", "nested")[0] == {"as_argument": [12.0, hit], "nested": [30.0, hit]}


def test_an_object_that_is_gone(project):
    edit(project, "models", "slope = jacobian(cube)", "import numba\nslope = numba.njit(cube)")
    assert run(project, "by_name")[0] == {"by_name": [8.0, False]}


def test_what_another_version_compiled_is_refused(project):
    for hit in (False, True):
        found, _ = run(project, "as_global", "as_argument", version="0.0.0")
        assert found == {"as_global": [10.0, hit], "as_argument": [8.0, hit]}
