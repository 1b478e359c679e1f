"""The line that a long compile shows, on terminals only."""

import io
import os
import sys
import threading

import pytest

from srcdiff.compile import progress as module
from srcdiff.compile.progress import progress


class Terminal(io.StringIO):
    """A terminal that tells when something was written to it."""

    def __init__(self):
        super().__init__()
        self.written = threading.Event()

    def isatty(self):
        return True

    def write(self, text):
        count = super().write(text)
        self.written.set()
        return count


@pytest.fixture
def soon(monkeypatch):
    monkeypatch.setattr(module, "AFTER", 0.001)


def test_a_long_compile_is_shown_and_the_line_taken_away(monkeypatch, soon):
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    with progress("drag_jacobian"), progress("inner"):
        assert terminal.written.wait(30.0)
    text = terminal.getvalue()
    assert text.startswith("\rsrcdiff: compiling drag_jacobian ... 0 s") and text.endswith("\r\033[K")
    assert "inner" not in text


def test_a_short_compile_shows_nothing(monkeypatch):
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    with progress("drag_jacobian"):
        pass
    assert terminal.getvalue() == ""


@pytest.mark.parametrize("stream", [io.StringIO(), None])
def test_silent_where_there_is_no_terminal(monkeypatch, soon, stream):
    monkeypatch.setattr(sys, "stderr", stream)
    before = threading.active_count()
    with progress("drag_jacobian"):
        assert threading.active_count() == before
    assert stream is None or stream.getvalue() == ""


def test_a_terminal_that_is_gone_does_not_matter(monkeypatch, soon):
    class Gone(Terminal):
        def write(self, text):
            self.written.set()
            raise OSError(5, "Input/output error")

    terminal = Gone()
    monkeypatch.setattr(sys, "stderr", terminal)
    with progress("drag_jacobian"):
        assert terminal.written.wait(30.0)


@pytest.mark.skipif(not hasattr(os, "openpty"), reason="no pseudo-terminals there")
def test_errors_pass_through_and_end_the_line(monkeypatch, soon):
    master, slave = os.openpty()
    with os.fdopen(slave, "w") as stream:
        monkeypatch.setattr(sys, "stderr", stream)
        with pytest.raises(ZeroDivisionError), progress("drag_jacobian"):
            os.read(master, 10)
            raise ZeroDivisionError
    os.close(master)
