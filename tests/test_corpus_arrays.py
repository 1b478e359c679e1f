"""Every function of the array corpus: srcdiff against differences in extended precision."""

import array_reference
import array_runs
import corpus_arrays
import dual
import numpy as np
import pytest
from array_runs import judge
from random_programs import fresh

CASES = corpus_arrays.all_cases()
NAMES = list(CASES)
COMPILED = ("value", "jacobian", "value_and_jacobian", "matrix", "into", "jvp", "strided", "reversed", "readonly")


def assert_ok(name, mode):
    outcome = judge(CASES[name], mode)
    if name in corpus_arrays.REFUSED:
        assert outcome.kind == "refused", f"{name} {mode}: {outcome}; it is listed as refused"
    else:
        assert outcome.kind == "ok", f"{name} {mode}: {outcome}"


def test_the_corpus_is_large():
    assert len({case.function for case in CASES.values()}) >= 200
    assert set(corpus_arrays.REFUSED) <= set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_reference(name):
    """It is the function's value, and does not depend on the step."""
    case = CASES[name]
    value, jacobian = array_runs.expected(case)
    args = fresh(case.arguments())
    given = case.function(*args)
    if case.of is not None:
        given = array_runs.outputs(case, args)
    assert array_runs.largest_error(given, value, 1e-11) is None
    halved = array_reference.value_and_jacobian(
        case.function, case.arguments(), case.wrt, case.of, step=array_reference.STEP / 2
    )
    assert array_runs.largest_error(halved[1], jacobian, 1e-10) is None
    assert np.all(np.isfinite(dual.leaves(jacobian)))


# The dual numbers know no views of complex parts, and few of NumPy's rarer functions.
WITHOUT_DUALS = (
    "functions.methods", "functions.interpolated", "functions.crossed", "functions.covariance", "masks.where_indices",
    "linalg.log_determinant", "linalg.factor", "linalg.multivariate_normal", "linalg.gaussian_process",
    "linalg.orthogonal_triangular", "linalg.symmetric_eigenvalues", "linalg.eigenprojection", "linalg.least_squares",
    "linalg.pseudoinverse", "complexes.transform_matrix", "complexes.real_and_imaginary", "complexes.conjugate_product",
    "complexes.real_from_complex_buffer",
)  # fmt: skip


@pytest.mark.parametrize("name", [name for name in NAMES if name not in WITHOUT_DUALS])
def test_references_agree(name):
    case = CASES[name]
    found = dual.value_and_jacobian(case.function, case.arguments(), case.wrt, case.of, digits=None)
    assert array_runs.both(found, array_runs.expected(case), 1e-9) is None


@pytest.mark.parametrize("name", NAMES)
def test_emitted_text(name):
    assert_ok(name, "emitted")


# Compilation takes seconds a function, so each mode has its share of the functions; the command runs all of all.
SHARES = [(name, COMPILED[i % len(COMPILED)]) for i, name in enumerate(NAMES[::6])]


@pytest.mark.parametrize(("name", "mode"), SHARES)
def test_compiled(name, mode):
    assert_ok(name, mode)


@pytest.mark.parametrize("name", NAMES[3::12])
def test_float32(name):
    assert_ok(name, "float32")
