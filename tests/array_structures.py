"""Writes what holds arrays: tuples and lists that loops carry and exchange, masks, places, matrices; ways out of loops.

A tuple is described by its items: the shortness of an array, "number", or a tuple of the same.
"""

from dataclasses import dataclass

import numpy as np
from array_writer import BENT, HELPERS, Array, Writer

DEEPEST = 2  # loops and branches within each other

# Helpers of two arrays of one length in a tuple; each returns two, or writes to them.
PAIR_HELPERS = {
    "crossed": """\
def crossed(pair):
    a, b = pair
    return b, np.sin(a) * b
""",
    "turned": """\
def turned(pair):
    return pair[1], pair[0]
""",
    "stepped": """\
def stepped(pair):
    for i in range(len(pair[0])):
        pair[0][i] = 0.5 * np.sin(pair[1][i]) + 0.5 * pair[0][i]
    return pair
""",
    "either": """\
def either(pair):
    for value in pair[0]:
        if value > 0.6:
            return pair
    return pair[1], np.tanh(pair[0])
""",
    "relaxed": """\
def relaxed(pair):
    a, b = pair
    for _ in range(2):
        a, b = b, 0.5 * a + 0.25 * b
    a *= 0.5
    return (a, b)
""",
}


@dataclass
class Bundle:
    """A name for a tuple or list, and its items."""

    name: str
    items: tuple
    is_list: bool = False


@dataclass
class Matrix:
    """Three rows of n - `short` elements."""

    name: str
    short: int = 0


def arrays_of(text, items):
    """The arrays of a tuple that is written `text`."""
    for i, item in enumerate(items):
        if isinstance(item, tuple):
            yield from arrays_of(f"{text}[{i}]", item)
        elif item != "number":
            yield Array(f"{text}[{i}]", item, plain=False)


def numbers_of(text, items):
    for i, item in enumerate(items):
        if isinstance(item, tuple):
            yield from numbers_of(f"{text}[{i}]", item)
        elif item == "number":
            yield f"{text}[{i}]"


class Structures(Writer):
    """Writes statements about containers and matrices, and compound statements that hold any others."""

    def __init__(self, rng, **options):
        super().__init__(rng, **options)
        self.bundles = []
        self.matrices = []
        self.level = 0
        self.pair_helpers = rng.sample(list(PAIR_HELPERS), 2)
        self.form = rng.randrange(6)

    # -- tuples and lists --

    def known(self, bundle):
        """From here on the bundle's items may be used."""
        self.bundles.append(bundle)
        self.arrays.extend(arrays_of(bundle.name, bundle.items))
        self.held.extend(numbers_of(bundle.name, bundle.items))

    def any_bundle(self, fits=lambda bundle: True):
        fitting = [bundle for bundle in self.bundles if fits(bundle)]
        return self.choose(fitting) if fitting else None

    def value(self, items, brackets="()"):
        """New contents: arrays that have names, and new ones."""
        texts = []
        for item in items:
            if isinstance(item, tuple):
                texts.append(self.value(item))
            elif item == "number":
                texts.append(f"{self.math('sin', 'tanh')}({self.scalar(1)})")
            elif self.chance(0.5) and self.any_array(item):
                texts.append(self.any_array(item).name)
            else:
                texts.append(self.bounded(self.vector(item, 1), "np"))
        comma = "," if len(texts) == 1 and brackets == "()" else ""
        return f"{brackets[0]}{', '.join(texts)}{comma}{brackets[1]}"

    def pack(self):
        short = self.any_array().short
        is_list = self.chance(0.35)
        items = [short] * self.choose([1, 2, 2, 2, 3])
        if not is_list:
            if self.chance(0.2):
                items.append("number")
            if self.chance(0.2):
                items[0] = (short, short)
        bundle = Bundle(self.fresh("t"), tuple(items), is_list)
        self.tag("list of arrays" if is_list else "tuple of arrays")
        if len(set(items)) == 1 and len(items) > 1 and self.chance(0.2):
            self.tag("item repeated")
            one = self.value(items[:1], "[]" if is_list else "()")
            self.line(f"{bundle.name} = {one} * {len(items)}")
        else:
            self.line(f"{bundle.name} = {self.value(items, '[]' if is_list else '()')}")
        self.known(bundle)

    def change_bundle(self):
        """Items are exchanged, or become others."""
        b = self.any_bundle()
        if b is None:
            return self.pack()
        places = list(range(len(b.items)))
        same = [(i, j) for i in places for j in places if i < j and b.items[i] == b.items[j]]
        if same and self.chance(0.5):
            self.tag("items exchanged")
            i, j = self.choose(same)
            if b.is_list and self.chance(0.7):
                self.line(f"{b.name}[{i}], {b.name}[{j}] = {b.name}[{j}], {b.name}[{i}]")
                return None
            places[i], places[j] = j, i
            inside = ", ".join(f"{b.name}[{p}]" for p in places)
            self.line(f"{b.name} = [{inside}]" if b.is_list else f"{b.name} = ({inside})")
        elif b.is_list and self.chance(0.7):
            self.tag("item assigned")
            i = self.choose(places)
            self.line(f"{b.name}[{i}] = {self.value(b.items[i : i + 1], '  ').strip()}")
        else:
            self.tag("bundle renewed")
            self.line(f"{b.name} = {self.value(b.items, '[]' if b.is_list else '()')}")
        return None

    def second_bundle(self):
        """Two names for one tuple or list, or two that are exchanged."""
        b = self.any_bundle()
        if b is None:
            return self.pack()
        other = self.any_bundle(lambda o: o is not b and o.items == b.items and o.is_list == b.is_list)
        if other is None:
            other = Bundle(self.fresh("t"), b.items, b.is_list)
            self.tag("second name of a bundle")
            self.line(f"{other.name} = {b.name}")
            self.known(other)
        elif self.chance(0.3):
            self.tag("second name of a bundle")
            self.line(f"{other.name} = {b.name}")
        else:
            self.tag("bundles exchanged")
            self.line(f"{b.name}, {other.name} = {other.name}, {b.name}")
        return None

    def chosen_bundle(self):
        b = self.any_bundle()
        if b is None:
            return self.pack()
        self.tag("conditional bundle")
        other = self.any_bundle(lambda o: o.items == b.items and o.is_list == b.is_list)
        condition = f"{self.scalar(1)} > {self.number()}"
        made = self.value(b.items, "[]" if b.is_list else "()")
        name = self.fresh("t")
        self.line(f"{name} = {self.choose([b.name, other.name])} if {condition} else {self.choose([other.name, made])}")
        self.known(Bundle(name, b.items, b.is_list))
        return None

    def unpack(self):
        b = self.any_bundle(lambda b: all(isinstance(item, int) for item in b.items))
        if b is None:
            return self.pack()
        self.tag("unpacked")
        present = [self.any_array(short, plain=True) for short in b.items]
        names = [a.name for a in present if a]
        if self.chance(0.4) and len(set(names)) == len(b.items):
            self.line(f"{', '.join(names)}{',' * (len(names) == 1)} = {b.name}")
            return None
        names = [self.fresh("u") for _ in b.items]
        self.line(f"{', '.join(names)}{',' * (len(names) == 1)} = {b.name}")
        self.arrays.extend(Array(name, short) for name, short in zip(names, b.items))
        return None

    def through_bundle(self):
        """Loops over the items: by themselves, by index, beside those of another."""
        b = self.any_bundle(lambda b: all(isinstance(item, int) and item == b.items[0] for item in b.items))
        if b is None or self.level >= DEEPEST:
            return self.pack()
        short = b.items[0]
        kind = self.rng.randrange(5)
        name = self.fresh("x")
        self.level += 1
        if kind == 4 and len(b.items) > 1:
            self.tag("arrays by index at run time")
            k = self.fresh("k")
            self.line(f"for {k} in range(m):")
            with self.block():
                self.line(f"{name} = {b.name}[{k} % {len(b.items)}]")
                self.arrays.append(Array(name, short))
                self.change_array(Array(name, short))
        elif kind == 0:
            self.tag("loop over arrays")
            self.line(f"for {name} in {b.name}:")
            with self.block():
                self.arrays.append(Array(name, short))
                self.change_array(Array(name, short))
        elif kind == 1:
            self.tag("arrays by index")
            k = self.fresh("k")
            ways = [f"range({len(b.items)})", f"range(len({b.name}))"]
            self.line(f"for {k} in {self.choose(ways)}:")
            with self.block():
                item = Array(f"{b.name}[{k}]", short, plain=False)
                self.arrays.append(item)
                self.change_array(item)
                if b.is_list and self.chance(0.5):
                    self.line(f"{item.name} = {self.bounded(self.vector(short), 'np')}")
        elif kind == 2:
            self.tag("arrays beside arrays")
            k = self.fresh("k")
            self.line(f"for {k}, {name} in enumerate({b.name}):")
            with self.block():
                self.arrays.append(Array(name, short))
                self.change_array(Array(f"{b.name}[{k}]", short, plain=False))
        else:
            self.tag("comprehension of arrays")
            made = Bundle(self.fresh("t"), b.items, is_list=True)
            self.line(f"{made.name} = [0.5 * {name} + np.sin({self.any_array(short).name}) for {name} in {b.name}]")
            self.known(made)
        self.level -= 1
        return None

    def change_array(self, a):
        """Write to this array."""
        s = self.choose(self.scalars)
        places = [f"{a.name}[:] = {self.bounded(self.vector(a.short), 'np')}",
                  f"{a.name}[1:] += 0.3 * {self.bounded(self.vector(a.short + 1), 'np')}",
                  f"{s} = 0.5 * {s} + 0.3 * {a.name}.sum()"]  # fmt: skip
        if a.plain:
            places += [f"{a.name} *= 0.5", f"{a.name} = {self.bounded(self.vector(a.short), 'np')}"]
        if not self.tiny:
            places.append(f"{a.name}[{self.choose([0, 1, -1])}] = {self.math('sin')}({self.scalar(1)})")
        for text in self.rng.sample(places, self.choose([1, 2])):
            self.line(text)

    def pair_helper(self):
        a = self.any_array()
        b = self.any_array(a.short)
        held = self.any_bundle(lambda b: not b.is_list and b.items == (a.short, a.short))
        given = held.name if held and self.chance(0.6) else f"({a.name}, {b.name})"
        name = self.choose(self.pair_helpers)
        self.tag("helper of tuples")
        if held and self.chance(0.5):
            self.line(f"{held.name} = {name}({given})")
            return
        result = Bundle(self.fresh("t"), (a.short, a.short))
        self.line(f"{result.name} = {name}({given})")
        self.known(result)

    # -- ways through --

    def inside(self, count=3):
        """A few statements of any kind."""
        self.level += 1
        with self.block():
            for _ in range(self.rng.randrange(1, count + 1)):
                self.statement()
        self.level -= 1

    def block(self):
        return _Scope(super().block(), self)

    def trips(self):
        if self.chance(0.4):
            self.tag("trips known at run time")
            return "range(m)"
        return f"range({self.rng.randrange(1, 4)})"

    def repeated(self):
        if self.level >= DEEPEST:
            return self.slice_store()
        self.tag("loop of statements")
        self.line(f"for {self.fresh('step')} in {self.trips()}:")
        return self.inside(4)

    def chosen(self):
        if self.level >= DEEPEST:
            return self.slice_store()
        self.tag("branch of statements")
        self.line(f"if {self.scalar(1)} > {self.number()}:")
        self.inside()
        if self.chance(0.5):
            self.line("else:")
            self.inside(2)
        return None

    def renamed(self):
        """A name that stands for another array from here on; in a branch or loop on some paths only."""
        a = self.any_array(plain=True)
        kind = self.rng.randrange(4)
        if kind == 0:
            self.tag("bound again")
            self.line(f"{a.name} = {self.bounded(self.vector(a.short), 'np')}")
        elif kind == 1:
            self.tag("name taken over")
            self.line(f"{a.name} = {self.any_array(a.short).name}")
        elif kind == 2:
            self.tag("previous kept")
            b = self.any_array(a.short, plain=True)
            new = self.bounded(self.vector(a.short), "np")
            self.line(f"{b.name}, {a.name} = {a.name}, {new}" if a is not b else f"{a.name} = {new}")
        else:
            self.tag("augmented array")
            b = self.any_array(a.short, plain=True)
            self.line(f"{b.name} {self.choose(['+=', '-='])} 0.3 * {self.bounded(self.vector(a.short), 'np')}")

    def left_early(self):
        """A while loop that breaks, or goes on."""
        if self.level >= DEEPEST:
            return self.slice_store()
        k = self.fresh("k")
        self.line(f"{k} = 0")
        endless = self.chance(0.3)
        self.tag("while True" if endless else "while of statements")
        tested = f"{k} < 3 and {self.scalar(1)} < {self.number()}"
        self.line("while True:" if endless else f"while {self.choose([f'{k} < 3', tested])}:")
        self.level += 1
        with self.block():
            self.line(f"{k} += 1")
            self.statement()
            if endless:
                self.line(f"if {k} >= 3:")
                self.line("    break")
            if self.chance(0.6):
                self.tag("break of statements")
                self.line(f"if {self.scalar(1)} > {self.number()}:")
                self.inside(1)
                self.line(f"    {self.choose(['break', 'break', 'continue'])}")
            self.statement()
        self.level -= 1
        return None

    def early_return(self):
        if not self.level:
            return self.repeated()
        self.tag("early return")
        self.line(f"if {self.scalar(1)} > {self.number()}:")
        with self.block():
            self.line(f"return {self.result()}")
        return None

    # -- places and masks --

    def places(self):
        a = self.any_array(0)
        kind = self.rng.randrange(4)
        self.tag("array of places")
        value = self.bounded(self.vector(0), "np")
        if kind == 0:
            name = self.fresh("a")
            self.line(f"{name} = {a.name}[idx] * 0.5")
            self.arrays.append(Array(name))
        elif kind == 1:
            self.line(f"{a.name}[idx] = {value}")
        elif kind == 2:
            self.line(f"{a.name}[idx] += 0.3 * {value}")
        else:
            s = self.choose(self.scalars)
            self.line(f"{s} = 0.5 * {s} + 0.3 * np.sum({a.name}[idx] * {self.any_array(0).name})")

    def mask(self):
        a = self.any_array()
        b = self.any_array(a.short)
        self.tag("mask")
        chosen = f"{b.name} {self.choose('<>')} {self.number()}"
        other = f"{self.any_array(a.short).name} < {self.scalar(0)}"
        chosen = self.choose([chosen, chosen, f"~({chosen})", f"({chosen}) {self.choose('&|^*')} ({other})"])
        if self.chance(0.5):
            name = self.fresh("mask")
            self.line(f"{name} = {chosen}")
            if self.chance(0.5):
                self.statement() if self.level < DEEPEST else self.slice_store()
            chosen = self.choose([name, f"~{name}"])
        kind = self.rng.randrange(5)
        s = self.choose(self.scalars)
        if kind == 0:
            self.line(f"{a.name}[{chosen}] = {self.scalar(1)}")
        elif kind == 1:
            self.line(f"{a.name}[{chosen}] *= 0.5")
        elif kind == 2:
            self.line(f"{s} = 0.5 * {s} + 0.3 * np.sum({a.name}[{chosen}])")
        elif kind == 3:
            name = self.fresh("a")
            self.line(f"{name} = np.where({chosen}, {a.name}, {self.any_array(a.short).name})")
            self.arrays.append(Array(name, a.short))
        else:
            self.line(f"{s} = {s} + 0.1 * np.sum({chosen})")

    def strided(self):
        a = self.any_array()
        start, step = self.rng.randrange(2), self.choose([2, 2, 3])
        self.tag("strided view")
        part = f"{a.name}[{start or ''}::{step}]"
        if self.chance(0.4):
            self.line(f"{part} = np.sin({part}) * {self.scalar(1)}")
            return
        e, s = self.fresh("e"), self.choose(self.scalars)
        self.line(f"{e} = {part}")
        changes = [f"{e} *= 0.5", f"{e}[1:] += 0.3 * {e}[:-1]", f"{e}[:] = np.sin({e}[::-1])",
                   f"{s} = 0.5 * {s} + 0.3 * {e}.sum()", f"{a.name}[0:] = np.sin({a.name})"]  # fmt: skip
        for text in self.rng.sample(changes, 3):
            self.line(text)

    # -- matrices --

    def rows(self):
        """Three rows, kept for later."""
        self.tag("rows")
        short = self.any_array().short
        M, name = self.any_matrix(short), self.fresh("M")
        kind = self.rng.randrange(5)
        if M and kind == 0:
            self.line(f"{name} = {M.name}")
        elif M and kind == 1:
            self.line(f"{name} = np.sin({M.name}) * {self.any_array(short).name}")
        elif M and kind == 2:
            self.line(f"{name} = {M.name}{self.choose(['.copy()', '[::-1]', ' * 0.5'])}")
        elif kind == 3:
            self.line(f"{name} = np.zeros((3, {self.length(short)}){', dtype=np.float32' if self.single else ''})")
        else:
            rows = ", ".join(self.any_array(short).name for _ in range(3))
            self.line(f"{name} = np.{self.choose(['stack((', 'array(['])}{rows}".replace("stack((", "stack(("))
            self.lines[-1] += "))" if "stack" in self.lines[-1] else "])"
        self.matrices.append(Matrix(name, short))
        if not self.tiny:
            self.row_names(self.matrices[-1])

    def row_names(self, M):
        self.arrays.extend(Array(f"{M.name}[{i}]", M.short, plain=False) for i in self.rng.sample([0, 1, 2, -1], 2))

    def any_matrix(self, short=None):
        fitting = [M for M in self.matrices if short is None or M.short == short]
        return self.choose(fitting) if fitting else None

    def matrix_statement(self):
        M = self.any_matrix()
        if M is None or self.tiny:
            return self.rows()
        self.tag("matrix statement")
        m, a, s = M.name, self.any_array(M.short).name, self.choose(self.scalars)
        i, j, k = (self.rng.randrange(2) for _ in range(3))
        T, column, row, c = self.fresh("T"), self.fresh("column"), self.fresh("row"), self.scalar(1)
        forms = [
            [f"{m}[1:] = {m}[:-1]"],
            [f"{m}[:, 1:] += 0.3 * np.sin({m}[:, :-1])"],
            [f"{m} *= np.tanh({a})"],
            [f"{m}[{i}] = np.tanh({m}.{self.choose(['sum', 'mean'])}(axis=0))"],
            [f"{m}[:, {i}] = np.sin({m}[:, {j}]) * {self.scalar(1)}"],
            [f"{m}[::2] = np.sin({m}[::2])"],
            [f"{m}[:, ::2] *= 0.5"],
            [f"{m}[::-1, 0] = {m}[:, -1] * 0.5"],
            [f"{s} = 0.5 * {s} + 0.1 * {m}.sum()"],
            [f"{s} = 0.5 * {s} + 0.3 * np.tanh(np.dot({m}[{i}], {m}[{j}]))"],
            [f"{s} = 0.5 * {s} + 0.3 * np.tanh(({m} @ {a})[{i}])"],
            [f"{T} = {m}.T", f"{T}[{i}] = {T}[{j}] * 0.5", f"{T}[1:, {k}] += 0.3 * np.sin({T}[:-1, 0])"],
            [f"{T} = {m}.T", f"{T}[:, {i}] = {a}", f"{m}[{j}] *= 0.5", f"{s} = 0.3 * {T}.sum() + 0.5 * {s}"],
            [f"{column} = {m}[:, {i}]", f"{m}[:, {j}] *= 0.5", f"{column}[1:] += 0.3 * {column}[:-1]"],
            [f"{m}[0], {m}[1] = {m}[1].copy(), {m}[0].copy()"],
            [f"for {row} in {m}:", f"    {row}[1:] += 0.3 * np.sin({row}[:-1]) * {c}", f"    {row}[0] *= 0.5"],
            [f"{T} = np.sum({m}, axis=1)", f"{m} += 0.1 * np.sin({T}[:, np.newaxis])"],
            [f"{m}[{i}, {j}], {m}[2, -1] = {m}[2, -1], {m}[{i}, {j}]"],
            [f"{m}[{m} > {self.number()}] = {self.scalar(1)}"],
        ]  # fmt: skip
        for text in self.choose(forms):
            self.line(text)
        return None

    # -- the program --

    def result(self):
        a = self.any_array()
        if self.form == 0:
            self.tag("scalar result")
            return f"{a.name}.sum() + {' + '.join(self.scalars)}"
        if self.form == 1:
            self.tag("tuple result")
            return f"{a.name}, {self.scalars[-1]}, {self.any_array().name} * 2.0"
        if self.form == 2 and not self.tiny:
            self.tag("argument result")
            return f"y * {a.name}[0]"
        if self.form == 3:
            return f"{a.name}"
        return f"{a.name} * {self.scalars[-1]} + {self.any_array(a.short).name}"

    def statement(self):
        table = [s for s, weight in STATEMENTS for _ in range(weight)]
        if self.tiny:
            table = [s for s in table if s not in NOT_TINY]
        self.choose(table)(self)

    def main(self, statements):
        n = self.n = self.choose([0, 1]) if self.tiny else self.choose([5, 6, 7, 9])
        heads, args = ["y"], [self.numbers(n)]
        self.arrays.append(Array("y"))
        if self.chance(0.6):
            self.tag("two arrays")
            heads.append("z")
            args.append(self.numbers(n))
            self.arrays.append(Array("z"))
        arrays = tuple(heads)
        heads.append("c")
        given = self.rng.uniform(0.3, 1.2)
        args.append(np.float32(given) if self.single else float(given))
        self.line("s = 0.5 * c")
        self.scalars += ["c", "s"]
        for _ in range(statements):
            self.statement()
        self.line(f"return {self.result()}")
        if any("idx" in line for line in self.lines):
            heads.append("idx")
            args.append(np.array([self.rng.randrange(n) for _ in range(n)], dtype=int))
        if any("range(m)" in line for line in self.lines):
            heads.append("m")
            args.append(self.rng.randrange(4))
        if len(arrays) == 2 and self.chance(0.2):
            self.tag("tuple argument")
            heads[:2], args[:2], arrays = ["p"], [tuple(args[:2])], ("p",)
            self.lines.insert(0, "    y, z = p")
        # What is written to must be differentiated: any of the arrays may be.
        wrt = self.choose([None, None, arrays, arrays if len(arrays) > 1 else arrays[0]])
        if wrt is None and "m" in heads:
            wrt = (*arrays, "c")
        text = f"def program({', '.join(heads)}):\n" + "\n".join(self.lines) + "\n"
        return text, tuple(args), wrt

    def numbers(self, n):
        values = [round(self.rng.uniform(-1.2, 1.2), 4) for _ in range(n)]
        return np.array(values, dtype=np.float32 if self.single else float)

    def helper_texts(self):
        texts = [BENT, *(HELPERS[name][2] for name in self.helpers)]
        texts += [PAIR_HELPERS[name] for name in self.pair_helpers]
        return "".join(f"{text}\n\n" for text in texts).replace("math.", "np." if self.single else "math.")


class _Scope:
    """A block that forgets bundles and matrices, too."""

    def __init__(self, inner, writer):
        self.inner, self.writer = inner, writer

    def __enter__(self):
        self.kept = len(self.writer.bundles), len(self.writer.matrices)
        return self.inner.__enter__()

    def __exit__(self, *exception):
        del self.writer.bundles[self.kept[0] :], self.writer.matrices[self.kept[1] :]
        return self.inner.__exit__(*exception)


S = Structures
STATEMENTS = [
    (S.new_array, 4), (S.new_scalar, 2), (S.view, 3), (S.second_name, 1), (S.conditional_name, 1), (S.swap, 1),
    (S.slice_store, 5), (S.element_store, 2), (S.exchange, 1), (S.loop, 5), (S.value_loop, 2), (S.zip_loop, 1),
    (S.nested_loop, 1), (S.time_loop, 3), (S.while_loop, 1), (S.branch, 1), (S.helper_call, 3), (S.matrix, 1),
    (S.pack, 2), (S.change_bundle, 5), (S.second_bundle, 3), (S.chosen_bundle, 1), (S.unpack, 2),
    (S.through_bundle, 3), (S.pair_helper, 2), (S.repeated, 4), (S.chosen, 2), (S.renamed, 4), (S.left_early, 2),
    (S.early_return, 1), (S.places, 2), (S.mask, 2), (S.strided, 2), (S.rows, 1), (S.matrix_statement, 3),
]  # fmt: skip
NOT_TINY = {S.element_store, S.exchange, S.matrix, S.nested_loop}
