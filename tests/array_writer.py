"""Writes statements of random array programs: loops over elements, slices, views, buffers, helpers, branches.

Arrays have a length that is written relative to that of `y`: n - k elements for a small k. Stored values pass through
functions that bound them, so that nothing grows. Programs read only what was written before, and write to whatever
they like: arguments, views, second names.
"""

import contextlib
from collections import Counter
from dataclasses import dataclass

# Each helper: its text, and how it is called: "array" (of arrays of one length), "fill" (out and one array), "scalar".
HELPERS = {
    "scaled": ("array", 1, """\
def scaled(a):
    out = np.empty_like(a)
    for i in range(len(a)):
        out[i] = math.sin(a[i]) + 0.5 * a[i - 1]
    return out
"""),
    "mixed": ("array", 2, """\
def mixed(a, b):
    return np.tanh(a) * b + 0.25 * a[::-1]
"""),
    "itself": ("array", 1, """\
def itself(a):
    return a
"""),
    "halved": ("array", 1, """\
def halved(a):
    a *= 0.5
    return a
"""),
    "fill": ("fill", 1, """\
def fill(out, a):
    for i in range(len(a)):
        out[i] = math.cos(a[i]) * a[-1]
"""),
    "add_to": ("fill", 1, """\
def add_to(out, a):
    out += 0.3 * np.sin(a)
"""),
    "norm": ("scalar", 1, """\
def norm(a):
    s = 1.0
    for value in a:
        s += value * value
    return math.sqrt(s)
"""),
    "largest": ("scalar", 1, """\
def largest(a):
    best = a[0]
    for i in range(1, len(a)):
        if a[i] > best:
            best = a[i]
    return best
"""),
}  # fmt: skip

# Of numbers: called within expressions, and within each other's arguments.
BENT = """\
def bent(a, b):
    if a > b:
        return 0.6 * a - b * a
    return 0.5 * a * a + 0.4 * b
"""


@dataclass
class Array:
    """A name and its length, as n minus `short`."""

    name: str
    short: int = 0
    plain: bool = True  # a name, which may be bound again; not an item of a tuple


class Writer:
    """Writes statements; `rng` decides.

    `single` writes programs in float32; `tiny` those that are right for arrays of no or one element.
    """

    def __init__(self, rng, single=False, tiny=False):
        self.rng = rng
        self.single = single
        self.tiny = tiny
        self.lines = []
        self.depth = 1
        self.count = 0
        self.arrays = []
        self.scalars = []
        self.held = []  # numbers that are no names: items of tuples
        self.constructs = Counter()
        self.helpers = rng.sample([name for name in HELPERS if not (tiny and name == "largest")], 3)

    def tag(self, name):
        self.constructs[name] += 1

    def line(self, text):
        self.lines.append("    " * self.depth + text)

    def fresh(self, stem):
        self.count += 1
        return f"{stem}{self.count}"

    def choose(self, items):
        return self.rng.choice(list(items))

    def chance(self, p):
        return self.rng.random() < p

    def number(self):
        return f"{self.rng.uniform(0.2, 1.5):.2f}"

    def any_array(self, short=None, plain=False):
        fitting = [a for a in self.arrays if (short is None or a.short == short) and (a.plain or not plain)]
        return self.choose(fitting) if fitting else None

    @contextlib.contextmanager
    def block(self):
        """What is indented, and what is named there is not known after it."""
        kept = [(names, len(names)) for names in (self.arrays, self.scalars, self.held)]
        written = len(self.lines)
        self.depth += 1
        yield
        if len(self.lines) == written:
            self.line("pass")
        self.depth -= 1
        for names, count in kept:
            del names[count:]

    def math(self, *names):
        """A function of a number; that of NumPy gives float32 for float32."""
        return f"{'np' if self.single else 'math'}.{self.choose(names)}"

    def length(self, short):
        if not short:
            return "len(y)"
        return f"max(len(y) - {short}, 0)" if self.tiny else f"len(y) - {short}"

    # Values

    def scalar(self, depth=2):
        """A scalar from names, elements at fixed places, reductions."""
        kind = self.rng.randrange(8 if depth else 4)
        if kind == 0:
            return self.number()
        if kind == 1 or (self.tiny and kind <= 3):
            return self.choose(self.scalars + self.held)
        if kind <= 3:
            a = self.any_array()
            return f"{a.name}[{self.choose([0, 1, -1, -2])}]"
        if kind == 4:
            self.tag("reduction")
            a = self.any_array().name
            if self.chance(0.1):
                self.tag("comprehension of numbers")
                return f"0.3 * sum(v * v for v in {a}{self.choose(['', ' if v > 0.2'])})"
            forms = ["0.3 * np.sum({})", "0.3 * {}.sum()", "np.tanh(np.dot({}, {}))"]
            whole = ["np.mean({})", "{}.mean()", "np.max({})", "np.min({})"]
            return self.choose(forms if self.tiny else forms + whole).replace("{}", a)
        if kind == 5:
            return f"{self.math('sin', 'tanh', 'cos')}({self.scalar(depth - 1)})"
        if kind == 6:
            return self.bent(self.scalar(depth - 1), self.scalar(depth - 1))
        return f"({self.scalar(depth - 1)} {self.choose('+-*')} {self.scalar(depth - 1)})"

    def bent(self, left, right):
        self.tag("helper of numbers")
        if self.chance(0.5):
            left = f"bent({right}, {left})"
        return f"bent({left}, {right})"

    def element(self, index, low, high, depth=2):
        """A scalar in a loop over `index`, which stays `low` above 0 and `high` below the end of n - short."""
        kind = self.rng.randrange(9 if depth else 5)
        if kind == 0:
            return self.scalar(0)
        if kind <= 4:
            a = self.any_array()
            room = high - a.short  # what may be added to the index
            offsets = [k for k in range(-low, room + 1) if abs(k) <= 2]
            form = self.rng.randrange(8)
            if form == 0:
                self.tag("wrapped index")
                return f"{a.name}[({index} + {self.rng.randrange(3)}) % len({a.name})]"
            if form == 1:
                self.tag("index array")
                return f"{a.name}[idx[{index}] % len({a.name})]"
            if form == 2 or not offsets:
                self.tag("index from the end")
                return f"{a.name}[-1 - {index} % len({a.name})]"
            offset = self.choose(offsets)
            self.tag("neighbour" if offset else "element")
            return f"{a.name}[{index}{f' {chr(43) if offset > 0 else chr(45)} {abs(offset)}' if offset else ''}]"
        if kind == 5:
            return f"{self.math('sin', 'cos', 'tanh')}({self.element(index, low, high, depth - 1)})"
        left, right = self.element(index, low, high, depth - 1), self.element(index, low, high, depth - 1)
        if kind == 6:
            return self.bent(left, right)
        return f"({left} {self.choose('+-*')} {right})"

    def sliced(self, a, short):
        """A part of an array that has n - short elements."""
        drop = short - a.short
        start = self.rng.randrange(drop + 1)
        stop = drop - start
        if drop == 0:
            if self.chance(0.12):
                self.tag("reversed view")
                return f"{a.name}[::-1]"
            return a.name
        self.tag("slice read")
        return f"{a.name}[{start or ''}:{-stop if stop else ''}]"

    def vector(self, short, depth=2):
        """An expression of n - short elements."""
        kind = self.rng.randrange(9 if depth else 4)
        if kind <= 3:
            return self.sliced(self.choose([a for a in self.arrays if a.short <= short]), short)
        if kind == 4:
            self.tag("ufunc")
            return f"np.{self.choose(['sin', 'cos', 'tanh', 'arctan'])}({self.vector(short, depth - 1)})"
        if kind == 5:
            self.tag("where")
            inner = [self.vector(short, depth - 1) for _ in range(3)]
            return f"np.where({inner[0]} > {self.number()}, {inner[1]}, {inner[2]})"
        if kind == 6 and self.chance(0.2) and not self.tiny:
            self.tag("one element repeated")
            return f"({self.any_array().name}[:1] {self.choose('+*')} {self.vector(short, depth - 1)})"
        if kind == 6:
            self.tag("broadcast scalar")
            return f"({self.scalar(1)} {self.choose('+*')} {self.vector(short, depth - 1)})"
        if kind == 7 and self.chance(0.15):
            self.tag("comprehension of numbers")
            a, b = self.any_array(short), self.any_array(short)
            if a:
                return f"np.array([{self.math('sin')}(v) * w for v, w in zip({a.name}, {b.name})])"
        if kind == 7 and self.chance(0.5):
            self.tag("array function")
            form = self.choose(["np.roll({}, 1)", "0.3 * np.cumsum({})", "np.abs({})", "np.maximum({}, 0.1)",
                                "np.clip({}, -1.0, 1.0)"])  # fmt: skip
            return form.format(self.vector(short, depth - 1))
        return f"({self.vector(short, depth - 1)} {self.choose('+-*')} {self.vector(short, depth - 1)})"

    def bounded(self, text, functions):
        return f"{functions}.{self.choose(['sin', 'tanh'])}({text})"

    # Statements

    def new_array(self):
        short = self.choose([0, 0, 0, 1, 2])
        name = self.fresh("a")
        like = self.any_array(short)
        kind = self.rng.randrange(6)
        size, dtype = self.length(short), ", dtype=np.float32" if self.single else ""
        if kind == 0:
            self.tag("zeros")
            self.line(f"{name} = np.zeros({size}{dtype})")
        elif kind == 1:
            self.tag("full")
            self.line(f"{name} = np.full({size}, {self.scalar(1)}{dtype})")
        elif kind == 2 and like:
            self.tag("like")
            self.line(f"{name} = np.{self.choose(['zeros_like', 'ones_like'])}({like.name})")
        elif kind == 3 and like:
            self.tag("copy")
            self.line(f"{name} = {like.name}.copy()")
        else:
            self.tag("array expression")
            self.line(f"{name} = {self.bounded(self.vector(short), 'np')}")
        self.arrays.append(Array(name, short))

    def new_scalar(self):
        name = self.fresh("s")
        self.line(f"{name} = {self.math('tanh')}({self.scalar()})")
        self.scalars.append(name)

    def view(self):
        a = self.any_array()
        name = self.fresh("v")
        extra = self.choose([k for k in (0, 1, 2) if a.short + k <= 3])
        start = self.rng.randrange(extra + 1)
        stop = extra - start
        if extra == 0 and self.chance(0.4):
            self.tag("reversed view")
            self.line(f"{name} = {a.name}[::-1]")
        else:
            self.tag("view")
            self.line(f"{name} = {a.name}[{start or ''}:{-stop if stop else ''}]")
        self.arrays.append(Array(name, a.short + extra))

    def second_name(self):
        a = self.any_array()
        name = self.fresh("b")
        self.tag("second name")
        self.line(f"{name} = {a.name}")
        self.arrays.append(Array(name, a.short))

    def conditional_name(self):
        a = self.any_array()
        b = self.any_array(a.short)
        name = self.fresh("b")
        self.tag("conditional alias")
        self.line(f"{name} = {a.name} if {self.scalar(1)} > {self.number()} else {b.name}")
        self.arrays.append(Array(name, a.short))

    def swap(self):
        a = self.any_array(plain=True)
        b = self.any_array(a.short, plain=True)
        if a is not b:
            self.tag("swap of arrays")
            self.line(f"{a.name}, {b.name} = {b.name}, {a.name}")

    def slice_store(self):
        a = self.any_array()
        drop = self.choose([k for k in (0, 1, 2) if a.short + k <= 3])
        start = self.rng.randrange(drop + 1)
        stop = drop - start
        target = f"{a.name}[{start or ''}:{-stop if stop else ''}]"
        value = self.vector(a.short + drop)
        if self.chance(0.4):
            self.tag("augmented slice")
            operator = self.choose(["+=", "-=", "*="])
            small = f"0.3 * {self.bounded(value, 'np')}"
            self.line(f"{target} {operator} {'1.0 + ' if operator == '*=' else ''}{small}")
        else:
            self.tag("slice store")
            self.line(f"{target} = {self.choose([value, self.bounded(value, 'np'), self.scalar()])}")

    def element_store(self):
        a = self.any_array()
        self.tag("element store")
        place = self.choose([0, 1, -1, -2] if a.short > 2 else [0, 1, 2, -1, -2])
        self.line(f"{a.name}[{place}] = {self.math('sin')}({self.scalar()})")

    def exchange(self):
        a = self.any_array()
        self.tag("exchange of elements")
        self.line(f"{a.name}[0], {a.name}[-1] = {a.name}[-1], {a.name}[0]")

    def store_in_loop(self, index, low, high):
        """Statements within a loop over elements."""
        a = self.any_array()
        room = high - a.short
        value = self.element(index, low, high)
        offsets = [k for k in range(-low, room + 1) if abs(k) <= 1]
        kind = self.rng.randrange(6)
        if not offsets or kind == 0:
            self.tag("accumulated scalar")
            name = self.choose(self.scalars)
            self.line(f"{name} = 0.5 * {name} + 0.5 * {self.math('sin')}({value})")
            return
        offset = self.choose(offsets)
        place = f"{a.name}[{index}{f' {chr(43) if offset > 0 else chr(45)} {abs(offset)}' if offset else ''}]"
        if kind == 1:
            self.tag("augmented element")
            self.line(f"{place} {self.choose(['+=', '-='])} 0.3 * {self.math('sin')}({value})")
        elif kind == 2:
            self.tag("branch in loop")
            self.line(f"if {self.element(index, low, high, 1)} > {self.number()}:")
            self.line(f"    {place} = {self.math('tanh')}({value})")
            if self.chance(0.5):
                self.line("else:")
                self.line(f"    {self.choose(self.scalars)} = {self.math('sin')}({self.element(index, low, high)})")
        elif kind == 3:
            self.tag("scalar kept")
            name = self.choose(self.scalars)
            self.line(f"{name} = {place}")
            self.line(f"{place} = {self.math('sin')}({value} + {name})")
        else:
            self.tag("store in loop")
            self.line(f"{place} = {self.math('sin', 'tanh')}({value})")

    def loop(self):
        """Over elements, forwards or backwards, with margins."""
        index = self.fresh("i")
        low, high = self.rng.randrange(3), self.rng.randrange(3)
        longest = f"len(y) - {high + 1}" if self.chance(0.8) else f"{self.any_array(0).name}.shape[0] - {high + 1}"
        margin = high + 1  # the index is at most n - 2 - high, so that index + 1 + high fits in n elements
        if self.chance(0.25):
            self.tag("loop backwards")
            self.line(f"for {index} in range({longest} - 1, {low} - 1, -1):")
        else:
            self.tag("loop over elements")
            self.line(f"for {index} in range({low}, {longest}):" if low else f"for {index} in range({longest}):")
        with self.block():
            for _ in range(self.rng.randrange(1, 4)):
                self.store_in_loop(index, low, margin)
            if self.chance(0.1):
                self.tag("break or continue")
                self.line(f"if {self.element(index, low, margin, 1)} > {self.number()}:")
                self.line(f"    {self.choose(['break', 'continue'])}")
                self.store_in_loop(index, low, margin)

    def value_loop(self):
        self.tag("loop over values")
        a = self.any_array()
        name = self.fresh("w")
        index = self.fresh("i")
        with_index = self.chance(0.4)
        self.line(f"for {index}, {name} in enumerate({a.name}):" if with_index else f"for {name} in {a.name}:")
        s = self.choose(self.scalars)
        if a.plain and self.chance(0.25):
            self.tag("bound again while gone through")
            self.line(f"    {a.name} = {self.bounded(self.vector(a.short), 'np')}")
        self.line(f"    {s} = 0.5 * {s} + {self.math('sin')}({name} * {self.scalar(1)})")
        if with_index and self.chance(0.5):
            b = self.any_array(a.short)
            self.line(f"    {b.name}[{index}] = {self.math('tanh')}({name} + {s})")

    def zip_loop(self):
        self.tag("loop by zip")
        a = self.any_array()
        b = self.any_array(a.short)
        p, q, s = self.fresh("p"), self.fresh("q"), self.choose(self.scalars)
        self.line(f"for {p}, {q} in zip({a.name}, {b.name}):")
        if b.plain and self.chance(0.25):
            self.tag("bound again while gone through")
            self.line(f"    {b.name} = {self.bounded(self.vector(b.short), 'np')}")
        self.line(f"    {s} = 0.5 * {s} + 0.5 * {self.math('sin')}({p} * {q})")

    def nested_loop(self):
        self.tag("nested loop")
        a, b, c = self.any_array(), self.any_array(), self.any_array()
        i, j = self.fresh("i"), self.fresh("j")
        self.line(f"for {i} in range(len({a.name})):")
        self.line(f"    for {j} in range(len({b.name})):")
        value = f"{b.name}[{j}] * {c.name}[({i} + {j}) % len({c.name})]"
        self.line(f"        {a.name}[{i}] += 0.1 * {self.math('sin')}({value})")

    def time_loop(self):
        """Buffers that change places; or an array that is bound again."""
        self.tag("time loop")
        a = self.any_array(plain=True)
        b = self.any_array(a.short, plain=True)
        i = self.fresh("i")
        self.line(f"for {self.fresh('step')} in range({self.rng.randrange(1, 4)}):")
        with self.block():
            kind = self.rng.randrange(3)
            if kind == 0 or a is b:
                self.line(f"{a.name} = np.sin({self.vector(a.short)})")
            elif kind == 1:
                self.line(f"for {i} in range(len({a.name})):")
                value = f"{a.name}[{i}] + {a.name}[{i} - 1] * {self.scalar(1)}"
                self.line(f"    {b.name}[{i}] = {self.math('sin')}({value})")
                self.tag("swapped buffers")
                self.line(f"{a.name}, {b.name} = {b.name}, {a.name}")
            else:
                self.line(f"{b.name}[1:-1] = np.tanh({a.name}[:-2] + {a.name}[2:]) * {self.scalar(1)}")
                self.line(f"{a.name}[:] = {b.name}")

    def while_loop(self):
        self.tag("while")
        a = self.any_array()
        k, s = self.fresh("k"), self.choose(self.scalars)
        self.line(f"{k} = 0")
        self.line(f"while {k} < len({a.name}) and {a.name}[{k}] < {self.number()}:")
        self.line(f"    {s} = 0.5 * {s} + {self.math('sin')}({a.name}[{k}])")
        if self.chance(0.5):
            self.line(f"    {a.name}[{k}] = {s} * {self.scalar(1)}")
        self.line(f"    {k} += 1")

    def branch(self):
        self.tag("branch")
        inside = [self.slice_store] if self.tiny else [self.slice_store, self.element_store]
        self.line(f"if {self.scalar(1)} > {self.number()}:")
        with self.block():
            self.choose([*inside, self.loop])()
        if self.chance(0.5):
            self.line("else:")
            with self.block():
                self.choose(inside)()

    def helper_call(self):
        name = self.choose(self.helpers)
        kind, count, _ = HELPERS[name]
        a = self.any_array()
        given = [a.name] + [self.any_array(a.short).name for _ in range(count - 1)]
        self.tag(f"helper: {name}")
        if kind == "array":
            result = self.fresh("h")
            self.line(f"{result} = {name}({', '.join(given)})")
            self.arrays.append(Array(result, a.short))
        elif kind == "fill":
            self.line(f"{name}({self.any_array(a.short).name}, {a.name})")
        else:
            result = self.fresh("s")
            self.line(f"{result} = {name}({a.name})")
            self.scalars.append(result)

    def matrix(self):
        """A matrix that is filled, viewed, and taken apart again."""
        self.tag("matrix")
        a, b = self.any_array(), self.any_array()
        M, i = self.fresh("M"), self.fresh("i")
        kind = self.rng.randrange(4)
        name = self.fresh("a")
        if kind == 0:
            self.line(f"{M} = np.outer({a.name}, {b.name})")
            self.line(f"{name} = np.tanh({M} @ {b.name})")
            self.arrays.append(Array(name, a.short))
            return
        self.line(f"{M} = np.zeros((3, len({a.name})){', dtype=np.float32' if self.single else ''})")
        if kind == 1:
            self.line(f"{M}[0] = {a.name}")
            self.line(f"{M}[1, 1:] = {a.name}[:-1]")
            self.line(f"{M}[2] = {M}[0] * {M}[1]")
            self.line(f"{name} = {self.choose([f'{M}[2]', f'{M}[1] * 0.5', f'{M}.sum(axis=0)', f'{M}.T[:, 2]'])}")
        elif kind == 2:
            self.tag("row view")
            row = self.fresh("row")
            self.line(f"for {i} in range(3):")
            self.line(f"    {row} = {M}[{i}]")
            self.line(f"    {row}[:] = np.sin({a.name} * ({i} + 1.0))")
            self.line(f"    {row}[0] = {row}[1] * {self.scalar(1)}")
            self.line(f"{name} = {M}[0] + {M}[1] * {M}[-1]")
        else:
            j = self.fresh("j")
            self.line(f"for {i} in range({M}.shape[0]):")
            self.line(f"    for {j} in range({M}.shape[1]):")
            value = f"{a.name}[{j}] + {M}[{i} - 1, {j}] + {M}[{i}, {j} - 1]"
            self.line(f"        {M}[{i}, {j}] = {self.math('sin')}({value})")
            self.line(f"{name} = {M}[1] * {M}[2, 0]")
        self.arrays.append(Array(name, a.short))
