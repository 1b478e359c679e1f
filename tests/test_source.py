"""The source found is that of the function that runs, node by node in the user's own file, or it is refused."""

import ast
import code as interactive
import doctest
import functools
import importlib.util
import linecache
import math
import operator
import subprocess
import sys
import textwrap
import threading
import types
import zipfile

import libcst as cst
import pytest
from libcst.metadata import MetadataWrapper, PositionProvider

from srcdiff.errors import Location, SourceError
from srcdiff.frontend import files, locate
from srcdiff.frontend import source as module_under_test
from srcdiff.frontend.source import find_source

names = iter(f"source_fixture_{number}" for number in range(10**6))


@pytest.fixture
def load(tmp_path):
    """Write a file, str or bytes, and import it."""

    def load(content, name=None):
        path = tmp_path / f"{name or next(names)}.py"
        path.write_bytes(content if isinstance(content, bytes) else textwrap.dedent(content).encode())
        spec = importlib.util.spec_from_file_location(path.stem, path)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module

    return load


def run(text, filename, register=True):
    """What a notebook does: compile text under a name that is no file, and leave the text in linecache."""
    if register:
        linecache.cache[filename] = len(text), None, text.splitlines(True), filename
    namespace = {"__name__": "__main__"}
    exec(compile(text, filename, "exec", dont_inherit=True), namespace)
    return types.SimpleNamespace(**namespace)


def nodes(tree, kind):
    found = []

    class Visitor(cst.CSTVisitor):
        def on_leave(self, node):
            if isinstance(node, kind):
                found.append(node)

    tree.visit(Visitor())
    return found


def agrees(source):
    """Every Name and number of the tree is, at its position in the file, that text."""
    for node in nodes(source.node, cst.Name | cst.Integer | cst.Float):
        line, column, end_line, end_column = source.position(node)
        assert line == end_line
        assert source.lines[line - 1][column:end_column] == node.value == source.code(node)
        assert source.location(node).text == source.lines[line - 1]


# What is found


def plain(x, y=2.0):
    return x * y  # a comment


def test_plain():
    source = find_source(plain)
    first = plain.__code__.co_firstlineno
    assert (source.function, source.name, source.filename, source.path) == (plain, "plain", "test_source.py", __file__)
    assert (source.first_line, source.last_line, dict(source.bound)) == (first, first + 1, {})
    assert source.text == "def plain(x, y=2.0):\n    return x * y  # a comment"
    assert isinstance(source.node, cst.FunctionDef)
    product = source.node.body.body[0].body[0].value
    assert source.position(product) == (first + 1, 11, first + 1, 16)
    assert source.code(product) == "x * y"
    assert source.location(product) == Location("test_source.py", first + 1, 12, 5, "    return x * y  # a comment")
    assert source.location(product).quote() == "    return x * y  # a comment\n           ^^^^^"
    assert len(source.sha256) == 64 and source.sha256 == find_source(plain).sha256
    agrees(source)
    with pytest.raises(KeyError):
        source.position(cst.Name("x"))


def test_positions_are_those_of_libcst(load):
    text = '''\
    def f(x, *args: float, k=(1, 2), **rest) -> "float":
        """Docstring
    at the margin."""

        # a comment
        y = (x + 1) * -(x) ; z = [i for i in range(3) if (i)]

        if x > 0 and not (y == 1):  # why
            for i, (a, b) in zip(z, z): x += a
            else:
                pass
            # foot
        elif "a" "b":
            x = f"{y!r:>{k}} {{}}"
        else:
            x = lambda q, /, *, r=1: (yield)
        try:
            assert x, (
                "s"
            )
        except (ValueError, TypeError) as e:
            raise KeyError(*args) from e
        finally:
            x[1:2, ..., ::3] = y @ {**rest, "k": 1, }["k"] if x else (1,)
        with open(x) as h, (open(y)): del x; global w
        while True: break
        return x, y
    '''
    source = find_source(load(text).f)
    module = cst.parse_module(textwrap.dedent(text))
    wrapper = MetadataWrapper(module, unsafe_skip_copy=True)
    expected = wrapper.resolve(PositionProvider)
    ours, theirs = nodes(source.node, cst.CSTNode), nodes(module.body[0], cst.CSTNode)
    assert len(ours) == len(theirs) > 300
    for node, other in zip(ours, theirs):
        span = expected[other]
        assert type(node) is type(other)
        assert source.position(node) == (span.start.line, span.start.column, span.end.line, span.end.column)
    agrees(source)


def test_nested_functions_closures_and_builtins(load):
    module = load("""
        scale = 3.0
        abs = None
        def outer(k, later):
            def inner(x):
                def innermost(z):
                    return z * k * scale
                return innermost(x) + k * len([x]) + missing + abs(empty)
            if later:
                empty = 1
            return inner
    """)
    inner = module.outer(2.0, False)
    source = find_source(inner)
    assert source.text.startswith("def inner(x):\n    def innermost(z):\n        return z * k")
    assert (source.first_line, source.last_line) == (5, 8)
    assert source.resolve("k") == 2.0
    assert source.resolve("scale") == 3.0
    assert source.resolve("abs") is None
    assert source.resolve("len") is len
    for absent in ("missing", "empty"):
        with pytest.raises(KeyError):
            source.resolve(absent)
    assert find_source(module.outer(1, True)).resolve("empty") == 1
    agrees(source)


def test_private_names(load):
    module = load("""
        class _Model:
            __gain = 2
            def build(self):
                __k = 3.0
                def __f(x): return x * __k + _Model.__gain
                return __f
    """)
    source = find_source(module._Model().build())
    assert source.name == "__f"
    assert source.resolve("__k") == 3.0


def test_lambdas_on_one_line():
    first, second = lambda x: x + 1, lambda x: x * 2
    assert find_source(first).text == "lambda x: x + 1"
    assert find_source(second).text == "lambda x: x * 2"
    assert isinstance(find_source(second).node, cst.Lambda)
    assert find_source(second).node.lpar == ()


def test_lambdas_with_equal_code_are_told_apart_by_their_columns():
    pair = [lambda x: x + 1, lambda  x: x+1]  # fmt: skip
    assert [find_source(one).text for one in pair] == ["lambda x: x + 1", "lambda  x: x+1"]
    same = [lambda x: x * 3, lambda x: x * 3]
    found = [find_source(one) for one in same]
    assert [source.position(source.node)[1] for source in found] == [12, 29]


def test_lambdas_in_lambdas():
    outer = lambda k, default=lambda z: z: lambda x, y=(lambda: 1): x + k + y()  # noqa: E731
    text = "lambda k, default=lambda z: z: lambda x, y=(lambda: 1): x + k + y()"
    assert find_source(outer).text == text
    assert find_source(outer.__defaults__[0]).text == "lambda z: z"
    inner = outer(1.0)
    assert find_source(inner).text == "lambda x, y=(lambda: 1): x + k + y()"
    assert find_source(inner).resolve("k") == 1.0
    assert find_source(inner.__defaults__[0]).text == "lambda: 1"


def test_lambdas_of_constants(load):
    functions = load("functions = [lambda: 1, lambda: 1.0, lambda: -0.0, lambda: 0.0, lambda: ()]").functions
    assert [find_source(one).text[8:] for one in functions] == ["1", "1.0", "-0.0", "0.0", "()"]


def test_lambda_that_spans_lines(load):
    module = load("""
        é, f = 1, dict(key=lambda x,
              y: (x +  # the first
            3.5 *
          y
        ))["key"]
    """)
    source = find_source(module.f)
    assert source.text == "lambda x,\n      y: (x +  # the first\n    3.5 *\n  y\n)"
    assert (source.first_line, source.last_line) == (2, 6)
    assert source.position(source.node) == (2, 19, 6, 1)
    body = source.node.body
    assert source.position(body) == (3, 10, 5, 3)
    assert source.code(body) == "x +  # the first\n    3.5 *\n  y"
    assert source.location(body).width == len("x +  # the first")
    agrees(source)


def test_strings_at_the_margin(load):
    module = load(
        '''
def outer():
    if True:
        def f(x):
            """Title
  text
"""
            y = ("a"
        "b")
            z = f"""{x}
            kept {y}
"""
# a comment at the margin

            return x, z, """
            """
        return f
'''
    )
    f = module.outer()
    source = find_source(f)
    again = run(source.text, "<margin>").f
    assert again.__doc__ == f.__doc__ and again(1.0) == f(1.0)
    assert source.text.startswith(
        'def f(x):\n    """Title\n  text\n"""\n    y = ("a"\n"b")\n    z = f"""{x}\n            kept'
    )
    assert source.text.endswith('\n    return x, z, """\n            """')
    agrees(source)


def test_methods(load):
    module = load("""
        class Model:
            k = 2.0
            def method(self, x): return x * self.k
            @staticmethod
            def static(x): return -x
            @classmethod
            def make(cls, x): return cls, x
            def __call__(self, x): return x + self.k
            half = __import__("functools").partialmethod(method, 0.5)
    """)
    model = module.Model()
    source = find_source(model.method)
    assert source.text == "def method(self, x): return x * self.k"
    assert dict(source.bound) == {"self": model}
    assert dict(find_source(module.Model.method).bound) == {}
    source = find_source(module.Model.static)
    assert (source.text, source.first_line) == ("def static(x): return -x", 6)
    assert find_source(vars(module.Model)["static"]).name == "static"
    assert dict(find_source(model.make).bound) == {"cls": module.Model}
    source = find_source(model)
    assert (source.name, dict(source.bound)) == ("__call__", {"self": model})
    assert dict(find_source(model.half).bound) == {"self": model, "x": 0.5}
    with pytest.raises(SourceError, match="classmethod without its class"):
        find_source(vars(module.Model)["make"])


def positional(a, b, /, c, *rest, d, e=1, **more):
    return a, b, c, d, e


def test_partials():
    partial = functools.partial
    assert dict(find_source(partial(positional, 1, d=4)).bound) == {"a": 1, "d": 4}
    nested = partial(partial(partial(positional, 1), 2, d=3), e=5)
    assert dict(find_source(nested).bound) == {"a": 1, "b": 2, "d": 3, "e": 5}
    assert dict(find_source(partial(partial(positional, d=3), d=4)).bound) == {"d": 4}

    class Model:
        def method(self, x, y):
            return x * y

    model = Model()
    assert dict(find_source(partial(model.method, 2.0)).bound) == {"self": model, "x": 2.0}
    bound = types.MethodType(partial(Model.method, model), 7.0)
    assert dict(find_source(partial(bound, y=1.0)).bound) == {"self": model, "x": 7.0, "y": 1.0}


@pytest.mark.parametrize(
    ("arguments", "keywords", "message"),
    [
        ((1, 2, 3, 4), {}, "3 positional parameters, but 4"),
        ((1,), {"a": 1}, "fixes 'a' of 'positional', which is fixed twice"),
        ((), {"b": 1}, "fixes 'b' of 'positional', which is not a parameter that can be given by name"),
        ((), {"other": 1}, "fixes 'other'"),
    ],
)
def test_partials_that_no_parameter_takes(arguments, keywords, message):
    with pytest.raises(SourceError, match=message):
        find_source(functools.partial(positional, *arguments, **keywords))


@pytest.mark.skipif(sys.version_info < (3, 14), reason="functools.Placeholder is new in Python 3.14")
def test_placeholders():
    hole = functools.Placeholder
    fixed = functools.partial(positional, hole, 2)
    assert dict(find_source(fixed).bound) == {"b": 2}
    assert dict(find_source(types.MethodType(fixed, 1)).bound) == {"a": 1, "b": 2}


def test_numba():
    numba = pytest.importorskip("numba")

    @numba.njit(cache=False)
    def compiled(x, y):
        return x * y

    source = find_source(compiled)
    assert source.function is compiled.py_func
    assert source.text == "def compiled(x, y):\n    return x * y"
    assert source.first_line == compiled.py_func.__code__.co_firstlineno + 1
    assert dict(find_source(functools.partial(compiled, 1.0)).bound) == {"x": 1.0}

    class Model:
        method = compiled

    model = Model()
    assert dict(find_source(model.method).bound) == {"x": model}

    @functools.wraps(compiled)  # copies py_func, and must not pass for a dispatcher
    def wrapper(x, y):
        return 2 * compiled(x, y)

    with pytest.raises(SourceError, match="'compiled' is wrapped by a decorator"):
        find_source(wrapper)

    @numba.vectorize
    def ufunc(x):
        return x

    with pytest.raises(SourceError, match="'ufunc' is a Numba DUFunc object"):
        find_source(ufunc)


def test_numba_is_not_imported():
    program = (
        "import sys, srcdiff.frontend.source; print([n for n in ('numba', 'libcst', 'numpy') if n in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_transparent_wrappers():
    @functools.cache
    def cached(x):
        return x

    assert find_source(cached).text == "def cached(x):\n    return x"
    assert find_source(functools.lru_cache(maxsize=3)(functools.partial(plain, 1.0))).bound == {"x": 1.0}

    class Differentiable:
        def __init__(self, function):
            functools.update_wrapper(self, function)
            self.__srcdiff_function__ = function

        def __call__(self, *args):
            raise AssertionError

    assert find_source(Differentiable(functools.partial(plain, y=1.0))).bound == {"y": 1.0}

    @functools.wraps(Differentiable(plain))  # copies __srcdiff_function__
    def wrapper(x):
        return 2 * x

    with pytest.raises(SourceError, match="wrapped by a decorator"):
        find_source(wrapper)
    loop = Differentiable(plain)
    loop.__srcdiff_function__ = loop
    with pytest.raises(SourceError, match="unwraps to itself"):
        find_source(loop)


def double(function):
    @functools.wraps(function)
    def wrapper(*args):
        return 2 * function(*args)

    return wrapper


def silent(function):
    return lambda *args: 2 * function(*args)


@double
def doubled(x):
    return x


@silent
def silently(x):
    return x


def identity(*args):
    return lambda function: function


@identity(lambda x: x, lambda x: x + 1)
@identity()
def decorated(x):
    return x


def test_decorators():
    with pytest.raises(SourceError) as caught:
        find_source(doubled)
    line = doubled.__code__.co_firstlineno
    assert caught.value.message == (
        f"'doubled' is wrapped by a decorator: what runs is function at test_source.py:{line}, not its source"
    )
    assert find_source(doubled.__wrapped__).text == "def doubled(x):\n    return x"
    assert find_source(silently).text == "lambda *args: 2 * function(*args)"
    source = find_source(decorated)
    assert source.text == "def decorated(x):\n    return x"
    assert source.first_line == decorated.__code__.co_firstlineno + 2
    assert source.node.decorators == ()


def test_async_and_generators(load):
    module = load("""
        async def f(x):
            return [y async for y in x]
        def g(x):
            yield x
    """)
    assert find_source(module.f).node.asynchronous is not None
    assert find_source(module.g).text == "def g(x):\n    yield x"


def test_definitions_in_odd_places(load):
    module = load("""
        if True:
            def f(x): return x
        else:
            def f(x): return x
        try:
            pass
        finally:
            def last(x): return lambda y: x + y
        def f2(x, y=[lambda: f"{x}" for x in (1, 2)]):
            for a in y:
                pass
            return a
        functions = [(lambda x: x + i) for i in range(3)]; other = lambda x: -x
    """)
    assert find_source(module.f).first_line == 3
    assert find_source(module.last).text == "def last(x): return lambda y: x + y"
    assert find_source(module.last(1)).text == "lambda y: x + y"
    assert find_source(module.f2.__defaults__[0][0]).text == 'lambda: f"{x}"'
    assert find_source(module.functions[1]).text == "lambda x: x + i"
    assert find_source(module.functions[1]).resolve("i") == 2
    assert find_source(module.other).text == "lambda x: -x"


@pytest.mark.skipif(sys.version_info < (3, 12), reason="type parameters are new in Python 3.12")
def test_type_parameters(load):
    assert find_source(load("def f[T](x: T) -> T:\n    return x\n").f).text.startswith("def f[T](x: T) -> T:")


def test_lambda_in_a_format_string(load):
    # Python 3.11 has wrong columns for some of these; never is another text taken for the lambda.
    module = load(
        """
        kept = []
        f"{kept.append(lambda x: x + 1)}"
        f'''a
           {kept.append(lambda x: x + 2)}''' f"{1:{kept.append(lambda x: x + 3) or 2}}"
        """
    )
    for number, function in enumerate(module.kept, 1):
        try:
            assert find_source(function).text == f"lambda x: x + {number}"
        except SourceError:
            assert sys.version_info < (3, 12)


# Where it is found


def test_carriage_returns(load):
    module = load(b'def f(x):\r\n    s = """a\r\n b"""\r\n\r\n    return x * 2.5\r\n')
    source = find_source(module.f)
    assert source.lines == ("def f(x):", '    s = """a', ' b"""', "", "    return x * 2.5")
    assert source.text == "\n".join(source.lines)
    agrees(source)


def test_byte_order_mark(load):
    source = find_source(load("def f(é): return é * 2.5\n".encode("utf-8-sig")).f)
    assert source.text == "def f(é): return é * 2.5"
    agrees(source)


def test_encoding_line(load):
    content = "# -*- coding: latin-1 -*-\ndef f(é):\n    's: ü'; return é * 2.5\n"
    module = load(content.encode("latin-1"))
    source = find_source(module.f)
    assert source.lines[2] == "    's: ü'; return é * 2.5"
    assert module.f.__doc__ == "s: ü"
    agrees(source)


def test_tabs_and_form_feeds(load):
    module = load(
        "\x0cdef f(x):\n\tif x:\n\t\ty\t= x *\t2.5\n\x0c\n\treturn y  # \x1c \u2028\ndef g(x):\n  return f(x)\n"
    )
    source = find_source(module.f)
    assert source.text == "def f(x):\n\tif x:\n\t\ty\t= x *\t2.5\n\x0c\n\treturn y  # \x1c \u2028"
    assert (source.first_line, source.last_line) == (1, 5)
    assert source.position(source.node)[:2] == (1, 1)
    agrees(source)
    assert find_source(module.g).text == "def g(x):\n  return f(x)"
    number = nodes(source.node, cst.Float)[0]
    assert source.location(number) == Location(source.filename, 3, 11, 3, "\t\ty\t= x *\t2.5")


def test_indented_by_tabs(load):
    module = load('class C:\n\tdef f(self):\n\t\treturn """\n\t"""\n')
    assert find_source(module.C.f).text == 'def f(self):\n\treturn """\n\t"""'


def test_wide_characters_before_the_node(load):
    module = load("αβ = '𝒳é'; f, g = (lambda é: é + 1.5), lambda ñ: (ñ * 2.5)\n")
    source = find_source(module.g)
    assert source.text == "lambda ñ: (ñ * 2.5)"
    assert source.position(source.node) == (1, 39, 1, 58)
    agrees(source)
    agrees(find_source(module.f))


def test_notebook_cells():
    name = "<ipython-input-1-0123456789ab>"
    cell = run("import math\n\ndef f(x):\n    return math.sin(x)\ng = lambda x: x", name)
    source = find_source(cell.f)
    assert (source.filename, source.path, source.first_line) == (name, name, 3)
    assert source.resolve("math") is math
    assert find_source(cell.g).text == "lambda x: x"
    kernel = "/tmp/ipykernel_1/2345.py"  # no such file
    assert find_source(run("def f(x): return x", kernel).f).filename == "2345.py"


def test_cells_with_await_and_inherited_features():
    text = "x = await g()\ndef f(x):\n    def h(y: Unknown): return y\n    return h(x)\n"
    name = "<ipython-input-2-0123456789ab>"
    linecache.cache[name] = len(text), None, text.splitlines(True), name
    flags = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT | annotations_flag()
    code = compile(text, name, "exec", flags, dont_inherit=True)
    (f,) = [types.FunctionType(c, {}) for c in code.co_consts if isinstance(c, types.CodeType)]
    assert find_source(f).text.startswith("def f(x):\n    def h(y: Unknown)")


def annotations_flag():
    import __future__

    return __future__.annotations.compiler_flag


def test_text_given_to_exec():
    text = "def f(x):\n    return x\n"
    assert find_source(run(text, "<generated 1>").f).text == text.rstrip()
    f = run(text, "<generated 2>", register=False).f
    with pytest.raises(SourceError, match="'f' was defined in <generated 2>, of which no source is kept") as caught:
        find_source(f)
    assert "file or a notebook cell" in caught.value.hint


def test_prompt():
    console = interactive.InteractiveConsole(kept := {})
    console.push("f = lambda x: x")
    with pytest.raises(SourceError, match="'<lambda>' was defined in <console>"):
        find_source(kept["f"])
    f = run("def f(x): return x", "<stdin>", register=False).f
    with pytest.raises(SourceError, match="'f' was defined in <stdin>, of which no source is kept"):
        find_source(f)


def test_doctest():
    found = []
    text = """
    >>> def f(x):
    ...     return x + 1.0
    >>> find(f); find(lambda x: x * 2.0)
    """
    names = {"find": lambda function: found.append(find_source(function))}
    test = doctest.DocTestParser().get_doctest(text, names, "sample", None, None)
    results = doctest.DocTestRunner().run(test)
    assert results.failed == 0 and results.attempted == 2
    assert [source.text for source in found] == ["def f(x):\n    return x + 1.0", "lambda x: x * 2.0"]
    assert found[0].filename == "<doctest sample[0]>"


def test_zip_import(tmp_path, monkeypatch):
    name = next(names)
    with zipfile.ZipFile(tmp_path / "package.zip", "w") as archive:
        archive.writestr(f"{name}.py", "def f(x):\n    return x * 2.5\n")
    monkeypatch.syspath_prepend(str(tmp_path / "package.zip"))
    source = find_source(importlib.import_module(name).f)
    assert (source.text, source.filename) == ("def f(x):\n    return x * 2.5", f"{name}.py")
    agrees(source)


# What is refused


def changed(load, before, after):
    module = load(before)
    path = module.__file__
    with open(path, "w") as file:
        file.write(textwrap.dedent(after))
    return module


@pytest.mark.parametrize(
    "after",
    [
        "def f(x): return x * 3.0",
        "def f(x): return x * 2",
        "def f(y): return y * 2.0",
        "def f(x, y): return x * 2.0",
        "def f(x): assert x; return x * 2.0",
        "def f(x, *y): return x * 2.0",
        "def g(x): return x * 2.0",
        "class A:\n    def f(x): return x * 2.0",
        "f = lambda x: x * 2.0",
        "",
        "x = [await y]; return",
    ],
)
def test_edited_after_import(load, after):
    module = changed(load, "def f(x): return x * 2.0", after)
    with pytest.raises(SourceError, match="no longer holds the code of 'f' that runs") as caught:
        find_source(module.f)
    assert "edited after it was imported" in caught.value.hint


def test_edited_elsewhere(load):
    after = "import math\n# new\ndef f(x):\n    # also new\n    return x * 2.0\n"
    source = find_source(changed(load, "def f(x): return x * 2.0", after).f)
    assert (source.first_line, source.text) == (3, "def f(x):\n    # also new\n    return x * 2.0")
    agrees(source)
    module = changed(load, "def f(x): return x * 2.0", "\ndef f(x): return x * 2.0\ndef f(x): return (2.0 * x)")
    assert find_source(module.f).first_line == 2


def test_moved_and_ambiguous(load):
    module = changed(load, "f = lambda x, y=1: x", "\nf = lambda x, y=1: x\ng = lambda x, y=2: x")
    with pytest.raises(SourceError, match=r"2 definitions that '<lambda>' may come from \(line 2, 3\)"):
        find_source(module.f)
    module = changed(load, "f = lambda x: x", "\n\nf = [lambda x: x, lambda x : (x)]")
    with pytest.raises(SourceError, match=r"2 definitions that '<lambda>' may come from \(line 3\)"):
        find_source(module.f)
    module = changed(load, "f = lambda x: x", "\n\nf = [lambda x: x, lambda x: x]")
    assert find_source(module.f).text == "lambda x: x"


@pytest.mark.parametrize("content", [b"def f(x): return (", b"\xff\xfe", b"# coding: nonsense\n", b"x = 1\0"])
def test_file_that_cannot_be_parsed(load, content):
    module = load("def f(x): return x")
    with open(module.__file__, "wb") as file:
        file.write(content)
    with pytest.raises(SourceError, match=r"source_fixture_\d+.py, the file of 'f', cannot be parsed"):
        find_source(module.f)


def test_missing_file(load, tmp_path):
    module = load("def f(x): return x", "vanishing")
    (tmp_path / "vanishing.py").unlink()
    with pytest.raises(SourceError, match=r"^vanishing.py, the file of 'f', is missing"):
        find_source(module.f)


class Mute:
    pass


class Loud:
    __call__ = math.sin


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (math.sin, "'sin' is compiled code (builtin_function_or_method): it has no Python source"),
        (len, "'len' is compiled code (builtin_function_or_method): it has no Python source"),
        ([].append, "'append' is compiled code (builtin_function_or_method): it has no Python source"),
        (str.upper, "'upper' is compiled code (method_descriptor): it has no Python source"),
        ((1).__add__, "'__add__' is compiled code (method-wrapper): it has no Python source"),
        (operator.itemgetter(1), "'itemgetter' is compiled code (itemgetter): it has no Python source"),
        (
            functools.partial(math.pow, 2.0),
            "'pow' is compiled code (builtin_function_or_method): it has no Python source",
        ),
        (Mute, "'Mute' is a class, not a function"),
        (int, "'int' is a class, not a function"),
        (Mute(), "a function is expected, not 'Mute' of type 'Mute'"),
        (3.0, "a function is expected, not 'float' of type 'float'"),
        (None, "a function is expected, not 'NoneType' of type 'NoneType'"),
        (Loud(), "'Loud' is compiled code (Loud): it has no Python source"),
    ],
)
def test_no_python_function(function, message):
    with pytest.raises(SourceError) as caught:
        find_source(function)
    assert caught.value.message == message


def test_ufunc():
    numpy = pytest.importorskip("numpy")
    with pytest.raises(SourceError, match=r"'sin' is compiled code \(ufunc\)"):
        find_source(numpy.sin)


# The check that the source is what runs


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("0.0", "-0.0"),
        ("1", "1.0"),
        ("1", "True"),
        ("(1, 2)", "(1.0, 2)"),
        ("0j", "-0j"),
        ("'a'", "b'a'"),
        ("x in {1, 2}", "x in {1.0, 2}"),
        ("1e999 - 1e999", "1.0"),
        ("lambda: 1", "lambda: 1.0"),
        ("[y for y in x if y > 1]", "[y for y in x if y > 1.0]"),
        ("x[1:2]", "x[1:3]"),
        ("x.real", "x.imag"),
    ],
)
def test_constants(one, other):
    def function(expression, line=0):
        return run("\n" * line + f"def f(x): return {expression}", "<constants>").f.__code__

    same = locate._same
    assert same(function(one), function(one, line=3)) and same(function(other), function(other, line=7))
    assert not same(function(one), function(other))


def asserting(x, y):
    assert x > 0.0 and y != -1, f"not {x}"
    z = x * 3.5

    def helper(w):
        assert all(w > i for i in (-2, -3))
        return w * z

    return helper(x) + y, helper


def test_assertions_that_pytest_rewrote(monkeypatch):
    assert "@pytest_ar" in asserting.__code__.co_names, "this test needs pytest's assertion rewriting"
    source = find_source(asserting)
    assert source.text.startswith("def asserting(x, y):\n    assert x > 0.0 and y != -1,")
    helper = find_source(asserting(1.0, 2.0)[1])
    assert helper.text.startswith("def helper(w):\n    assert all(")
    agrees(source)

    # Other statements must still be those that run.
    with open(__file__, encoding="utf-8") as file:
        text = file.read()
    for old, new in [
        ("z = x * 3.5", "z = x * 3.25"),
        ("z = x * 3.5", "z = x + 3.5"),
        ("z = x * 3.5", "z = x  * 3.5"),
        ("return w * z", "return w * z.real"),
        ("return w * z", "return w + z"),
        ("def helper(w", "def h(w"),
    ]:
        edited = files.parse(text.replace(f"    {old}", f"    {new}", 1).encode())
        monkeypatch.setattr(module_under_test, "load", lambda *_, edited=edited: edited)
        with pytest.raises(SourceError, match="no longer holds"):
            find_source(asserting)


def test_tracing_changes_nothing(load):
    module = load("def f(x):\n    for i in range(3):\n        x = x * 2.5\n    return x\n")
    previous = sys.gettrace()
    sys.settrace(lambda *_: lambda *_: None)
    try:
        for _ in range(100):
            module.f(1.0)
        assert find_source(module.f).name == "f"
    finally:
        sys.settrace(previous)


PROGRAM = """
import functools, sys
from srcdiff.frontend.source import find_source
def f(x):
    "Documented."
    assert x > 0
    if __debug__:
        x = x + 1
    return x
pair = [lambda x: x + 1,
        lambda x: x + 2]
twins = [lambda x: x + 1, lambda x: (x + 1)]
print(find_source(f).text.count("assert"), [find_source(g).text[-1] for g in pair])
try:
    print(find_source(twins[1]).text)
except Exception as error:
    print(error.message)
"""


@pytest.mark.parametrize("options", [[], ["-O"], ["-OO"], ["-X", "no_debug_ranges"], ["-W", "error"]])
def test_interpreter_options(tmp_path, options):
    (tmp_path / "program.py").write_text(PROGRAM)
    command = [sys.executable, *options, "program.py"]
    environment = {
        "PYTHONPATH": str(pytest.importorskip("srcdiff").__path__[0]) + "/..",
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, env=environment)
    assert done.stderr == ""
    if "no_debug_ranges" not in options:
        assert done.stdout == "1 ['1', '2']\nlambda x: (x + 1)\n"
    else:  # without columns
        assert done.stdout == "1 ['1', '2']\nprogram.py holds 2 definitions that '<lambda>' may come from (line 12)\n"


def test_deep_expressions(load):
    source = find_source(load("def f(x): return " + " + ".join(["x"] * 900)).f)
    assert source.code(source.node).endswith("x + x")
    source = find_source(load("def f(x):\n    return " + " + ".join(["x"] * 2400)).f)
    with pytest.raises(SourceError, match="line 1 has expressions or blocks that are nested too deeply"):
        source.position(source.node)


def test_warnings_are_not_repeated(load, recwarn):
    module = load("def f(x):\n    return x, '\\d'\n")
    recwarn.clear()
    find_source(module.f)
    assert not recwarn.list


def test_threads_share_one_file(load):
    module = load("\n".join(f"def f{i}(x): return x * {i}.0" for i in range(64)))
    found = []
    threads = [
        threading.Thread(target=lambda i=i: found.append(find_source(getattr(module, f"f{i}")))) for i in range(64)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {source.text for source in found} == {f"def f{i}(x): return x * {i}.0" for i in range(64)}
    assert len({id(source.lines) for source in found}) <= 2
