"""What lint finds, where, and that it says nothing of inactive values."""

import math
import textwrap

import numpy as np
import pytest

from srcdiff import jacobian_compiled
from srcdiff.lint import KINDS, Finding, lint


@pytest.fixture
def findings(tmp_path):
    """Lint a function given as text: (line, column, kind) of each finding."""

    def run(text, name="f", **options):
        import importlib.util

        path = tmp_path / "linted.py"
        path.write_text(textwrap.dedent(text))
        spec = importlib.util.spec_from_file_location("linted", path)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        found = lint(getattr(module, name), **options)
        assert all(f.kind in KINDS and f.filename == "linted.py" for f in found)
        assert found == sorted(found)
        return [(f.line, f.column, f.kind) for f in found]

    return run


@pytest.mark.parametrize(
    ("expression", "column", "kind"),
    [
        ("abs(x) + y", 12, "kink"),
        ("y * abs(x)", 16, "kink"),
        ("max(x, 0.0) + y", 12, "kink"),
        ("min(x, y)", 12, "kink"),
        ("math.fabs(x) + y", 12, "kink"),
        ("y + np.maximum(x, 1.0)", 16, "kink"),
        ("y + np.fmin(x, 1.0)", 16, "kink"),
        ("y + np.clip(x, 0.0, 1.0)", 12, "kink"),
        ("x % 2.0 + y", 14, "kink"),
        ("x if x > 0.0 else y", 19, "branch"),
        ("np.where(x < 0.0, x, y)", 23, "branch"),
        ("x if x == 0.0 else y", 19, "equality"),
        ("x if x != 0.0 else y", 19, "equality"),
        ("x + y + int(x)", 20, "integer"),
        ("x + y + round(x)", 20, "integer"),
        ("x + y + math.floor(x)", 20, "integer"),
        ("x + y + np.ceil(x)", 20, "integer"),
        ("x + y + x // 2.0", 22, "integer"),
        ("x + y + np.sign(x)", 20, "integer"),
        ("x + y * (x > 1.0)", 23, "integer"),
    ],
)
def test_one_finding(findings, expression, column, kind):
    found = findings(f"import math\nimport numpy as np\ndef f(x, y):\n    return {expression}\n")
    assert {k for _, _, k in found} == {kind}
    assert found[0][0] == 4
    assert found[0][1] == column or "clip" in expression


@pytest.mark.parametrize(
    "expression",
    [
        "x * abs(k)",
        "x * max(k, 0.0)",
        "x if k > 0.0 else -x",
        "x if k == 0.0 else -x",
        "x * math.floor(k)",
        "x * (k > 1.0)",
        "x * (k // 2.0)",
        "x * int(k)",
        "x + math.hypot(x, k)",
    ],
)
def test_inactive_values_are_free(findings, expression):
    assert findings(f"import math\ndef f(x, k):\n    return {expression}\n", wrt="x") == []


def test_activity_follows_assignments(findings):
    text = """\
    def f(x):
        a = x
        b = abs(a)
        a = 2.0
        return b * abs(a) * x
    """
    assert findings(text) == [(3, 9, "kink")]


def test_activity_goes_round_loops(findings):
    text = """\
    def f(x, n):
        a = 1.0
        total = 0.0
        for i in range(n):
            if i == 2:
                continue
            total = total + abs(a)
            a = a * x
        return total
    """
    assert findings(text) == [(7, 25, "kink")]


def test_iteration_counts(findings):
    text = """\
    def f(x):
        while x > 1e-3:
            x = x / 2.0
        return x
    """
    assert findings(text) == [(2, 13, "branch")]


def test_guards_that_raise_are_no_branches(findings):
    text = """\
    def f(x):
        if x < 0.0:
            raise ValueError("negative")
        assert x < 10.0
        return x * x
    """
    assert findings(text) == []


def test_helpers_are_followed(findings):
    text = """\
    def h(u, k):
        if u == 0.0:
            return k
        return abs(u) * abs(k)

    def f(x, k):
        return h(x, k)
    """
    assert findings(text, wrt="x") == [(2, 10, "equality"), (4, 12, "kink")]


def test_recursion_ends(findings):
    text = """\
    def f(x):
        if x < 1.0:
            return abs(x)
        return x * f(x - 1.0)
    """
    assert (3, 16, "kink") in findings(text)


def test_branches_by_names(findings):
    text = """\
    def f(x):
        big = x > 1.0
        if big:
            return x
        return x * x
    """
    assert [(line, kind) for line, _, kind in findings(text)] == [(3, "branch")]


def test_unused_inputs(findings):
    text = """\
    import math
    def f(x, y, p, q):
        z = q
        return x * math.floor(p)
    """
    assert findings(text) == [
        (2, 10, "unused"),
        (2, 13, "integer"),
        (2, 16, "unused"),
        (4, 16, "integer"),
    ]
    assert findings(text, wrt="x") == []


def test_a_statement_of_many_lines(findings):
    text = """\
    def f(x, y):
        return (x +
                abs(y))  # abs(x)
    """
    assert findings(text) == [(3, 13, "kink")]


def test_what_is_unsupported_is_a_finding(findings):
    text = """\
    def f(x):
        with open("a") as stream:
            return x
    """
    assert findings(text) == [(2, 5, "unsupported")]
    found = lint(math.sin)
    assert [f.kind for f in found] == ["unsupported"]


def test_messages():
    def f(x):
        if x == 0.0:
            return 1.0
        return math.sin(x) / x

    (finding,) = lint(f)
    assert finding.text.strip() == "if x == 0.0:"
    assert str(finding).endswith(
        ": equality: `x == 0.0` on floats: where it holds, the derivative is that of the special branch"
    )
    assert isinstance(finding, Finding)


def test_decorated_functions_bring_their_options():
    @jacobian_compiled(wrt="y", shapes={"y": 2})
    def f(t, y):
        return np.abs(y) * abs(t)

    assert [f.message.split()[0] for f in lint(f)] == ["np.abs"]
