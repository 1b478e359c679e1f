"""Device code in the store: a second process neither emits nor compiles, and what the keys cover."""

import os
import subprocess
import sys

import numpy as np
import pytest
from click.testing import CliRunner
from test_cuda import TESTS, needs_numba_cuda

from srcdiff.cli import main
from srcdiff.compile import device_store
from srcdiff.differentiable import Options
from srcdiff.frontend.specs import ScalarSpec
from srcdiff.ir.types import FLOAT32, FLOAT64


def process(cache, *arguments, **environment):
    """What one process emitted and compiled; see `cuda_store.py`."""
    added = {"PYTHONPATH": f"{TESTS.parent}{os.pathsep}{TESTS}", "SRCDIFF_CACHE_DIR": str(cache), **environment}
    done = subprocess.run(
        [sys.executable, "cuda_store.py", *arguments], capture_output=True, text=True, env={**os.environ, **added},
        cwd=TESTS, timeout=600,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@needs_numba_cuda
def test_a_second_process_neither_emits_nor_compiles(tmp_path):
    assert process(tmp_path) == "emitted 2, compiled 1"
    assert process(tmp_path) == "emitted 0, compiled 0"
    assert process(tmp_path, "7.5") == "emitted 0, compiled 1"  # the text is the same for every capability
    artefacts = list(tmp_path.glob("*/*.artefact"))
    assert len(artefacts) == 4
    for artefact in artefacts:
        data = bytearray(artefact.read_bytes())
        data[len(data) // 2] ^= 1
        artefact.write_bytes(data)
    assert process(tmp_path) == "emitted 2, compiled 1"


def scaled(x):
    return 2.0 * x


def key(function=scaled, spec=FLOAT64, form="jacobian", **options):
    return device_store.emitted_key(function, Options(target="cuda", **options), form, {"x": ScalarSpec(spec)})


def test_keys_cover_types_options_and_form():
    keys = {
        key(), key(spec=FLOAT32), key(form="into"), key(wrt="x"), key(fastmath=True), key(shapes={"x": 3}),
        key(function=lambda x: 3.0 * x),
    }  # fmt: skip
    assert len(keys) == 7 and "" not in keys
    assert key() in keys
    assert key(cache=False) == ""


def test_keys_cover_the_toolkit(monkeypatch):
    before = key()
    device_store.toolkit.cache_clear()
    monkeypatch.setattr(device_store, "version", lambda name: "0.0")
    try:
        assert key() != before
    finally:
        monkeypatch.undo()
        device_store.toolkit.cache_clear()
    assert key() == before


def test_what_cannot_be_hashed_is_not_kept():
    state = {"scale": iter(())}
    assert key(function=lambda x: x * len(list(state["scale"]))) == ""


@pytest.mark.parametrize("damage", [b"", b"not a pickle"])
def test_what_cannot_be_read_is_emitted_again(tmp_path, monkeypatch, damage):
    from srcdiff.compile.store import Artefact, default_store
    from srcdiff.module import Module

    monkeypatch.setenv("SRCDIFF_CACHE_DIR", str(tmp_path / "cache"))
    default_store().write("ab" * 20, Artefact({"emitted": damage}))
    made = Module("x = 1\n", "x", (), {})
    assert device_store.emitted("ab" * 20, Module, lambda: made) is made
    again = device_store.emitted("ab" * 20, Module, lambda: pytest.fail("was kept"))
    assert again.text == made.text


def test_the_text_lies_with_the_artefact(tmp_path, monkeypatch):
    """`srcdiff cache` shows device code as it shows everything else."""
    from srcdiff.evaluate.cuda import CudaBatch

    monkeypatch.setenv("SRCDIFF_CACHE_DIR", str(tmp_path / "cache"))
    batch = CudaBatch(scaled, "jacobian", Options(target="cuda"))
    text = batch.emit(np.ones(4))
    assert "cuda.grid(1)" in text
    listed = CliRunner().invoke(main, ["cache", "list"])
    assert listed.exit_code == 0 and "cuda.scaled_jacobian_kernel" in listed.output, listed.output
    name = listed.output.split()[0]
    shown = CliRunner().invoke(main, ["cache", "show", name])
    assert shown.exit_code == 0 and "cuda.grid(1)" in shown.output, shown.output
