"""Artefacts of the tests lie in a directory of their own, empty at the start of every run."""

import os
import shutil
import tempfile


def pytest_configure(config):
    config.srcdiff_cache = tempfile.mkdtemp(prefix="srcdiff-tests-")
    os.environ["SRCDIFF_CACHE_DIR"] = config.srcdiff_cache


def pytest_unconfigure(config):
    shutil.rmtree(config.srcdiff_cache, ignore_errors=True)
