"""The artefact store: hits and misses, faults of files and directories, processes and threads."""

import math
import os
import select
import signal
import stat
import subprocess
import sys
import textwrap
import threading
import time
import warnings

import numpy as np
import pytest

import srcdiff.pipeline
from srcdiff import SrcdiffError, UnsupportedSyntax, WrtError, jacobian, jacobian_compiled
from srcdiff.compile import store as store_module
from srcdiff.compile.store import Artefact, Store, default_path, default_store

ROOT = os.path.dirname(os.path.dirname(srcdiff.__file__))


@pytest.fixture
def place(tmp_path, monkeypatch):
    """The path of a store that is still to be made."""
    path = tmp_path / "cache"
    monkeypatch.setenv("SRCDIFF_CACHE_DIR", str(path))
    return path


@pytest.fixture
def emitted(monkeypatch):
    """The modes that were emitted, in order."""
    modes = []
    build = srcdiff.pipeline.build

    def counting(*args, **keywords):
        modes.append(keywords["mode"])
        return build(*args, **keywords)

    monkeypatch.setattr(srcdiff.pipeline, "build", counting)
    return modes


def artefacts(place):
    """Artefacts with machine code; beside them lies a note a function that its source was looked at."""
    return sorted(file for file in place.glob("*/*.artefact") if file.stat().st_size > 1000)


SCALE = 2.0


def area(r):
    return SCALE * r**2


def helper(x):
    return math.sin(x)


def calls(x):
    return helper(x) * x


def fresh(text, *args, environment=None, **names):
    """What a program prints in a fresh process."""
    env = {**os.environ, "PYTHONPATH": ROOT, **(environment or {})}
    done = subprocess.run([sys.executable, *args, "-c", textwrap.dedent(text)], env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


# Hits


def test_a_second_object_hits(place, emitted):
    assert jacobian(area)(3.0) == 12.0
    assert emitted == ["jacobian"] and len(artefacts(place)) == 1
    again = jacobian(area)
    assert again(3.0) == 12.0 and again(r=2.0) == 8.0
    assert emitted == ["jacobian"]


@pytest.mark.parametrize("mode", ["primal", "jacobian", "value_and_jacobian", "jvp", "matrix", "into"])
def test_every_form_is_kept(place, emitted, mode):
    def results():
        f = jacobian_compiled(lambda x, y: (x[0] * y, x[1] ** 2 * y), wrt="x", shapes={"x": 2})
        x = np.array([1.5, 2.0])
        if mode == "jvp":
            return f.jvp((x, 3.0), x)
        if mode == "into":
            out = np.empty((2, 2))
            f.jacobian.into(out, x, 3.0)
            return out
        call = {"primal": f, "matrix": f.jacobian.matrix}.get(mode) or getattr(f, mode)
        return call(x, 3.0)

    first, second = results(), results()
    assert repr(first) == repr(second) and type(first) is type(second)
    assert emitted == [mode]


def test_other_types_are_other_artefacts(place, emitted):
    for _ in range(2):
        f = jacobian(lambda x: x * x)
        assert f(3.0) == 6.0 and f(np.float32(3.0)) == 6.0 and f(1 + 1j) == 2 + 2j
    assert emitted == ["jacobian"] * 3 and len(artefacts(place)) == 3


def test_the_key_does_not_know_where_a_function_stands(place, emitted):
    text = "import math\ndef f(x):\n    return math.sin(x)\n"
    for number, code in enumerate((text, "# moved\n\n" + text)):
        path = place.parent / f"place{number}" / "same.py"
        path.parent.mkdir()
        path.write_text(code)
        space = {"__name__": "same"}
        exec(compile(code, str(path), "exec"), space)
        assert jacobian(space["f"])(0.5) == math.cos(0.5)
    assert emitted == ["jacobian"]


def test_the_source_shown_is_that_of_the_file_as_it_is(place):
    text = "def f(x):\n    return x * x  # first\n"
    path = place.parent / "shown.py"
    for code in (text, "\n" + text.replace("first", "second")):
        path.write_text(code)
        space = {"__name__": "shown"}
        exec(compile(code, str(path), "exec"), space)
        form = jacobian(space["f"])
        form(2.0)
        assert form.source == srcdiff.emit(space["f"], types="float64")


def test_without_source_an_artefact_still_serves(place):
    path = place.parent / "gone.py"
    text = "def f(x):\n    return x * x\n"
    path.write_text(text)
    space = {"__name__": "gone"}
    exec(compile(text, str(path), "exec"), space)
    assert jacobian(space["f"])(3.0) == 6.0
    path.unlink()
    program = f"""
        from srcdiff import jacobian
        space = {{"__name__": "gone"}}
        exec(compile({text!r}, {str(path)!r}, "exec"), space)
        f = jacobian(space["f"])
        print(f(3.0), "def f_jacobian(x):" in f.source)
    """
    assert fresh(program) == "6.0 True\n"


def test_compiled_callers_hit_too(place, emitted):
    import numba

    for _ in range(2):
        f = jacobian_compiled(lambda x: x**3)
        assert numba.njit(lambda x: f.jacobian(x))(2.0) == 12.0  # noqa: B023
    assert emitted == ["jacobian"]


def test_options_count(place, emitted):
    def f(x, y):
        return x * y

    options = [{}, {"wrt": "x"}, {"wrt": ("x",)}, {"wrt": "y"}, {"strict": True}, {"fastmath": False}]
    for _ in range(2):
        for given in options:
            jacobian(f, **given)(2.0, 3.0)
    assert len(emitted) == len(options)


def test_eager_types_are_kept(place, emitted):
    for _ in range(2):
        f = jacobian_compiled(types="float64")(area)
        assert f.jacobian(3.0) == 12.0 and len(f.jacobian.signatures) == 1
    assert emitted == ["jacobian"]


def test_cache_false(place, emitted):
    for _ in range(2):
        assert jacobian(area, cache=False)(3.0) == 12.0
    assert len(emitted) == 2 and not place.exists()
    f = jacobian_compiled(cache=False)(area)
    assert jacobian(f, wrt="r")(3.0) == 12.0
    assert not place.exists()


class Negative(ValueError):
    pass


def root(x):
    if x < 0.0:
        raise Negative("below zero")
    return math.sqrt(x)


def test_exceptions_of_the_user_keep_their_class(place, emitted):
    for _ in range(2):
        f = jacobian_compiled(root)
        for form in (f.jacobian, f.jacobian._dispatcher):
            with pytest.raises(Negative, match="below zero"):
                form(-1.0)
        assert f.jacobian(4.0) == 0.25
    assert emitted == ["jacobian"]


# Nothing stale


def test_a_global_constant_is_changed(place, emitted, monkeypatch):
    assert jacobian(area)(3.0) == 12.0
    monkeypatch.setattr(sys.modules[__name__], "SCALE", 3.0)
    assert jacobian(area)(3.0) == 18.0
    assert len(emitted) == 2


def test_a_closure_value_is_changed(place):
    def make(k):
        return jacobian(lambda x: k * x)

    assert [make(k)(1.0) for k in (1.0, 2.0, 1.0)] == [1.0, 2.0, 1.0]


def test_a_helper_is_edited_in_another_file(place):
    (place.parent / "own_helper.py").write_text("def h(x):\n    return 3.0 * x\n")
    program = "import own_helper\nfrom srcdiff import jacobian\nprint(jacobian(own_helper.h)(1.0), end=' ')\n"
    program += "import main_module\nprint(main_module.f.jacobian(1.0))"
    text = "import own_helper\nfrom srcdiff import jacobian_compiled\n\n"
    text += "@jacobian_compiled\ndef f(x):\n    return own_helper.h(x)\n"
    (place.parent / "main_module.py").write_text(text)
    environment = {"PYTHONPATH": f"{ROOT}{os.pathsep}{place.parent}", "PYTHONDONTWRITEBYTECODE": "1"}
    assert fresh(program, environment=environment) == "3.0 3.0\n"
    (place.parent / "own_helper.py").write_text("def h(x):\n    return 4.0 * x\n")
    assert fresh(program, environment=environment) == "4.0 4.0\n"


def test_a_constant_changed_while_compiling_is_not_kept(place, monkeypatch):
    build = srcdiff.pipeline.build

    def changing(*args, **keywords):
        module = build(*args, **keywords)
        monkeypatch.setattr(sys.modules[__name__], "SCALE", 5.0)
        return module

    monkeypatch.setattr(srcdiff.pipeline, "build", changing)
    jacobian(area)(3.0)
    assert not artefacts(place)


def test_another_version_of_srcdiff(place, emitted, monkeypatch):
    from srcdiff.compile import environment

    assert jacobian(area)(3.0) == 12.0
    monkeypatch.setattr(environment, "_fixed", lambda: b"another")
    assert jacobian(area)(3.0) == 12.0
    assert len(emitted) == 2 and len(artefacts(place)) == 2


def test_settings_of_numba_count(place, emitted, monkeypatch):
    import numba

    assert jacobian(area)(3.0) == 12.0
    monkeypatch.setenv("NUMBA_LOOP_VECTORIZE", "0")
    assert jacobian(area)(3.0) == 12.0
    monkeypatch.delenv("NUMBA_LOOP_VECTORIZE")
    monkeypatch.setattr(numba.config, "BOUNDSCHECK", 1)
    assert jacobian(area)(3.0) == 12.0
    assert len(emitted) == 3


def test_refusals_stay_refusals(place):
    for _ in range(2):
        with pytest.raises(WrtError):
            jacobian(area, wrt="nothing")
        with pytest.raises(UnsupportedSyntax):
            jacobian(lambda x: [(yield x)])(1.0)
        with pytest.raises(SrcdiffError):
            jacobian(len)
    assert not artefacts(place)


def test_assertions_that_bytecode_does_not_tell(place):
    path = place.parent / "asserting.py"
    program = "import asserting\nfrom srcdiff import jacobian\ntry:\n    print(jacobian(asserting.f)(2.0))\n"
    program += "except AssertionError as error:\n    print('refused')\n"
    environment = {"PYTHONPATH": f"{ROOT}{os.pathsep}{place.parent}", "PYTHONDONTWRITEBYTECODE": "1"}
    path.write_text("def f(x):\n    assert x > 1.0\n    return x * x\n")
    assert fresh(program, "-O", environment=environment) == "4.0\n"
    assert not artefacts(place)
    assert fresh(program, environment=environment) == "4.0\n"
    path.write_text("def f(x):\n    assert x > 3.0\n    return x * x\n")
    assert fresh(program, environment=environment) == "refused\n"


# Faults of files


def truncated(data):
    return data[: len(data) // 2]


def flipped(data):
    at = len(data) * 2 // 3
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]


DAMAGE = {
    "empty": lambda data: b"",
    "halved": truncated,
    "a byte short": lambda data: data[:-1],
    "a byte more": lambda data: data + b"x",
    "a bit flipped": flipped,
    "the first bit flipped": lambda data: bytes([data[0] ^ 1]) + data[1:],
    "zeroed": lambda data: bytes(len(data)),
    "random": lambda data: os.urandom(len(data)),
    "only the head": lambda data: data[:20],
}


@pytest.mark.parametrize("damage", DAMAGE, ids=lambda name: name.replace(" ", "-"))
def test_damaged_files(place, emitted, damage):
    assert jacobian(area)(3.0) == 12.0
    files = list(place.glob("*/*.artefact"))
    assert len(files) == 2
    for file in files:
        file.write_bytes(DAMAGE[damage](file.read_bytes()))
    with pytest.warns(RuntimeWarning, match="damaged") as caught:
        assert jacobian(area)(3.0) == 12.0
    assert len(caught) == 1 and len(emitted) == 2
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert jacobian(area)(3.0) == 12.0
    assert len(emitted) == 2


def test_every_flipped_bit_is_seen():
    data = store_module.pack({"a": bytes(range(16)), "text": b"xyz"})
    for bit in range(8 * len(data)):
        damaged = bytearray(data)
        damaged[bit // 8] ^= 1 << bit % 8
        assert store_module.unpack(bytes(damaged)) is None
    assert all(store_module.unpack(data[:n]) is None for n in range(len(data)))


def test_an_artefact_that_cannot_be_unpickled(place, emitted):
    """Whole, but not what this Numba takes."""
    assert jacobian(area)(3.0) == 12.0
    (file,) = artefacts(place)
    store = default_store()
    found = store.read(file.stem)
    store.write(file.stem, Artefact({**found.sections, "numba": b"nonsense", "native": b""}, found.text))
    assert jacobian(area)(3.0) == 12.0
    assert len(emitted) == 2


def test_symbols_of_another_build(place, emitted):
    assert jacobian(area)(3.0) == 12.0
    (file,) = artefacts(place)
    store = default_store()
    found = store.read(file.stem)
    about = found.sections["about"].replace(b'"symbols": [', b'"symbols": ["no_such_symbol", ')
    store.write(file.stem, Artefact({**found.sections, "about": about, "native": b""}, found.text))
    assert jacobian(area)(3.0) == 12.0
    assert len(emitted) == 2


def test_the_text_lies_beside_the_artefact(place):
    jacobian(area)(3.0)
    (file,) = artefacts(place)
    text = file.with_suffix(".py").read_text()
    assert "def area_jacobian(r):" in text and compile(text, "text", "exec")
    file.with_suffix(".py").unlink()
    jacobian(area)._dispatcher.compile("(float64,)")
    assert file.with_suffix(".py").read_text() == text


# Faults of directories


@pytest.mark.parametrize("fault", ["file", "dangling", "below a file", "empty path", "loop"])
def test_a_directory_that_cannot_be_made(place, monkeypatch, fault):
    if fault == "file":
        place.write_text("in the way")
    elif fault == "dangling":
        place.symlink_to(place.parent / "nowhere" / "else")
    elif fault == "below a file":
        place.write_text("in the way")
        monkeypatch.setenv("SRCDIFF_CACHE_DIR", str(place / "cache"))
    elif fault == "empty path":
        monkeypatch.setenv("SRCDIFF_CACHE_DIR", "")
    else:
        place.symlink_to(place)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert [jacobian(area)(3.0) for _ in range(2)] == [12.0, 12.0]


def test_read_only(place, monkeypatch):
    """Root may write everywhere, so the refusal is simulated."""
    jacobian(area)(3.0)

    def refuse(*args, **keywords):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(store_module.os, "open", refuse)
    monkeypatch.setattr(store_module.os, "utime", refuse)
    assert jacobian(area)(3.0) == 12.0
    assert jacobian(lambda x: x * 7.0)(1.0) == 7.0
    assert len(artefacts(place)) == 1


def test_full_disk(place, monkeypatch):
    class Full:
        def __init__(self, file):
            self.file = file

        def __enter__(self):
            return self

        def __exit__(self, *rest):
            self.file.close()

        def write(self, data):
            self.file.write(data[:100])
            raise OSError(28, "No space left on device")

    def opening(path, mode="r", **keywords):
        return Full(open(path, mode, **keywords)) if "w" in mode else open(path, mode, **keywords)

    monkeypatch.setattr(store_module, "open", opening, raising=False)
    assert [jacobian(area)(3.0) for _ in range(2)] == [12.0, 12.0]
    assert not [file for file in place.rglob("*") if file.is_file()]


@pytest.mark.skipif(sys.platform == "win32", reason="no modes of directories there")
@pytest.mark.parametrize("mode", [0o777, 0o770, 0o702])
def test_a_directory_that_others_may_write_to_is_refused(place, mode):
    place.mkdir()
    place.chmod(mode)
    with pytest.warns(RuntimeWarning, match="executed") as caught:
        assert [jacobian(area)(3.0) for _ in range(3)] == [12.0] * 3
    assert len(caught) == 1 and not list(place.iterdir())


@pytest.mark.skipif(sys.platform == "win32", reason="no owners there")
def test_a_directory_of_somebody_else_is_refused(place, emitted, monkeypatch):
    assert jacobian(area)(3.0) == 12.0
    owner = os.geteuid()
    monkeypatch.setattr(store_module.os, "geteuid", lambda: owner + 1)
    with pytest.warns(RuntimeWarning, match="somebody else"):
        assert jacobian(area)(3.0) == 12.0
    assert len(emitted) == 2


@pytest.mark.skipif(sys.platform == "win32", reason="no modes of files there")
def test_a_file_that_others_may_write_to_is_refused(place, emitted):
    assert jacobian(area)(3.0) == 12.0
    (file,) = artefacts(place)
    file.chmod(0o666)
    with pytest.warns(RuntimeWarning, match="somebody else"):
        assert jacobian(area)(3.0) == 12.0
    assert len(emitted) == 2


@pytest.mark.skipif(sys.platform == "win32", reason="no modes of files there")
def test_what_is_written_is_private(place):
    before = os.umask(0)
    try:
        jacobian(area)(3.0)
    finally:
        os.umask(before)
    modes = {stat.S_IMODE(path.stat().st_mode) for path in (place, *place.rglob("*"))}
    assert modes == {0o700, 0o600}


def test_warnings_as_errors_do_not_make_faults_fatal(place):
    place.mkdir()
    place.chmod(0o777)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert jacobian(area)(3.0) == 12.0


def test_no_home_directory(place, monkeypatch):
    monkeypatch.delenv("SRCDIFF_CACHE_DIR")
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr(os.path, "expanduser", lambda path: path)
    assert default_path() == ""
    assert jacobian(area)(3.0) == 12.0


def test_where_it_lies(monkeypatch, tmp_path):
    monkeypatch.setenv("SRCDIFF_CACHE_DIR", str(tmp_path / "x"))
    assert default_path() == str(tmp_path / "x")
    monkeypatch.delenv("SRCDIFF_CACHE_DIR")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    if sys.platform == "linux":
        assert default_path() == str(tmp_path / "srcdiff")


# Size


def filled(place, count, size=1000):
    store = Store(str(place), limit=10**9)
    for i in range(count):
        key = f"{i:02}" + "0" * 38
        assert store.write(key, Artefact({"a": bytes(size)}, "text"))
        os.utime(store.text_path(key).replace(".py", ".artefact"), (i, i))
    return store


def test_the_least_recently_used_go_first(place):
    store = filled(place, 8)
    size = store.entries()[0].size
    removed = store.prune(max_size=3 * size)
    assert [entry.key[:2] for entry in removed] == ["00", "01", "02", "03", "04"]
    assert [entry.key[:2] for entry in store.entries()] == ["05", "06", "07"]


def test_writing_keeps_the_size_within_the_limit(place):
    filled(place, 8)
    store = Store(str(place), limit=4000)
    store.write("ff" * 20, Artefact({"a": bytes(1000)}, ""))
    entries = store.entries()
    assert sum(entry.size for entry in entries) <= 4000 and entries[-1].key == "ff" * 20


def test_reading_is_using(place):
    store = filled(place, 3)
    assert store.read("00" + "0" * 38)
    assert [entry.key[:2] for entry in store.entries()] == ["01", "02", "00"]


def test_prune_by_age_and_clear(place):
    store = filled(place, 3)
    store.read("02" + "0" * 38)
    assert len(store.prune(older_than=3600.0)) == 2
    (place / "02" / "left.1.tmp").write_bytes(b"")
    os.utime(place / "02" / "left.1.tmp", (0, 0))
    store.prune()
    assert not (place / "02" / "left.1.tmp").exists()
    (place / "keep.txt").write_text("not ours")
    assert store.clear() == 1 and store.entries() == [] and (place / "keep.txt").exists()


# Processes and threads


def test_threads(place):
    f = jacobian_compiled(lambda x, y: math.sin(x) * y)
    for _ in range(2):
        form, results = jacobian(f, wrt=("x", "y")), []
        threads = [threading.Thread(target=lambda: results.append(form(0.5, 2.0))) for _ in range(16)]  # noqa: B023
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert results == [(2.0 * math.cos(0.5), math.sin(0.5))] * 16


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork there")
def test_fork_after_load(place):
    jacobian(area)(3.0)
    form = jacobian(area)
    form(3.0)
    child = os.fork()
    if child == 0:
        ok = form(2.0) == 8.0 and jacobian(area)(2.0) == 8.0 and jacobian(calls)(0.0) == 0.0
        os._exit(0 if ok else 1)
    assert os.waitpid(child, 0)[1] == 0
    assert form(4.0) == 16.0 and jacobian(calls)(0.0) == 0.0


PROGRAM = """
from srcdiff import jacobian_compiled
import numpy as np

@jacobian_compiled(wrt="y")
def f(t, y, k):
    a, b = y
    return np.array([k * a * b, a - t * b])

@jacobian_compiled
def g(x):
    return x * x

print(f.jacobian(1.0, np.array([2.0, 3.0]), 0.5).tolist(), g.jacobian({argument}))
"""


def start(path, argument="3.0"):
    path.write_text(PROGRAM.replace("{argument}", argument))
    env = {**os.environ, "PYTHONPATH": ROOT}
    return subprocess.Popen(
        [sys.executable, str(path)], env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def test_processes_at_once(place):
    wanted = {"3.0": "6.0", "3": "6.0"}
    running = [(wanted[a], start(place.parent / f"p{i}.py", a)) for i, a in enumerate(("3.0", "3", "3.0"))]
    for result, process in running:
        out, err = process.communicate()
        assert (out, err) == (f"[[1.5, 1.0], [1.0, -1.0]] {result}\n", "")
    assert len(artefacts(place)) == 3


KINDS = [(3.0, 12.0), (3, 12.0), (3 + 0j, 12 + 0j), (np.float32(3.0), 12.0)]
"""Arguments of different types, and the derivative of `area` there."""


def forked(work):
    """A child process; it ends with 0 if `work()` is true, and without a word to this one's streams."""
    child = os.fork()
    if child:
        return child
    status = 1
    try:
        status = 0 if work() else 1
    finally:
        os._exit(status)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork there")
@pytest.mark.parametrize("kinds", [KINDS[:1], KINDS], ids=["same", "different"])
def test_sixteen_processes_at_once(place, kinds):
    """With the compiler loaded, so that they meet in the store."""
    jacobian(area, cache=False)(3.0)
    ready, go = os.pipe()

    def work(given, expected):
        os.close(go)
        os.read(ready, 1)  # until the parent closes its end
        return all(jacobian(area)(given) == expected for _ in range(2))

    children = [forked(lambda i=i: work(*kinds[i % len(kinds)])) for i in range(16)]
    os.close(ready)
    os.close(go)
    assert [os.waitpid(child, 0)[1] for child in children] == [0] * 16
    assert len(artefacts(place)) == len(kinds) and not list(place.glob("*/*.tmp"))
    assert all(store_module.unpack(file.read_bytes()) is not None for file in place.glob("*/*.artefact"))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork there")
def test_killed_at_any_moment(place):
    """A cold call is killed after one to ten tenths of its time; the next is right, and nothing partial is there."""
    jacobian(area, cache=False)(3.0)
    begin = time.perf_counter()
    os.waitpid(forked(lambda: jacobian(area)(3.0) == 12.0), 0)
    longest = time.perf_counter() - begin
    for tenth in range(1, 11):
        default_store().clear()
        alive, end = os.pipe()
        child = forked(lambda: jacobian(area)(3.0) == 12.0)
        os.close(end)
        select.select([alive], [], [], longest * tenth / 10)
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        os.close(alive)
        assert all(store_module.unpack(file.read_bytes()) is not None for file in place.glob("*/*.artefact"))
    assert os.waitpid(forked(lambda: jacobian(area)(3.0) == 12.0), 0)[1] == 0


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork there")
def test_files_that_may_not_grow(place):
    """The system itself refuses to write on, as on a full disk."""
    resource = pytest.importorskip("resource")

    def work():
        resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))
        return [jacobian(area)(3.0) for _ in range(2)] == [12.0, 12.0]

    assert os.waitpid(forked(work), 0)[1] == 0
    assert not artefacts(place) and not list(place.glob("*/*.tmp"))


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGKILL there")
def test_killed_while_compiling(place):
    """Nothing partial under a final name; `tests/store_faults.py` kills at 500 random moments."""
    process = start(place.parent / "p.py")
    for _ in range(600):
        if list(place.glob("*/*.py")) or process.poll() is not None:
            break
        time.sleep(0.02)
    process.kill()
    process.communicate()
    for file in place.glob("*/*.artefact"):
        assert store_module.unpack(file.read_bytes()) is not None
    out, err = start(place.parent / "p.py").communicate()
    assert (out, err) == ("[[1.5, 1.0], [1.0, -1.0]] 6.0\n", "")
