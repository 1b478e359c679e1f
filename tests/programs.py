"""Random numerical programs as source text: one generator, driven by `random.Random` or by hypothesis.

Values stay bounded by construction: every stored value is squashed where its nominal bound passes `BOUND`, arguments of
functions with a domain are wrapped into it, and every loop has few trips. Each construct that is emitted is tagged.

>>> import random
>>> program = generate(random.Random(1))
>>> program.name in program.source and "np" in program.source
True
"""

import functools
import random
from collections import Counter
from dataclasses import dataclass, field

import numpy as np

BOUND = 6.0
PREAMBLE = """\
import math
from collections import namedtuple
from math import sqrt

import numpy as np

SCALE = {scale}
TABLE = ({table})
Pair = namedtuple("Pair", "first second")


class Constants:
    gain = {gain}


"""


@dataclass(frozen=True)
class Program:
    source: str
    name: str
    args: tuple
    wrt: tuple | str | None
    shapes: dict
    constructs: Counter
    mode: str = "value_and_jacobian"
    chunk: int | None = None
    also: tuple = ()  # the same program with other options

    @property
    def call(self):
        options = f"wrt={self.wrt!r} shapes={self.shapes!r} mode={self.mode!r} chunk={self.chunk!r}"
        return f"{self.name}{self.args}  {options}"

    def __str__(self):
        return f"{self.source}\n# {self.call}\n"


@dataclass(frozen=True)
class Expression:
    text: str
    bound: float
    atom: bool = False

    def __str__(self):
        return self.text if self.atom else f"({self.text})"


@dataclass
class Variable:
    name: str
    kind: str  # float, int, bool, vector, matrix, tuple, pair
    size: int = 0
    stored: bool = True  # may be assigned, or written to
    bound: float = BOUND


@dataclass
class Helper:
    name: str
    arguments: list  # of "float", "float=default", "vector", "int"
    result: str  # float, tuple, vector
    tags: tuple = ()


@dataclass
class Frame:
    """One function being written."""

    returns: str
    lines: list = field(default_factory=list)
    indent: int = 1
    loops: int = 0
    trips: int = 1
    scope: dict = field(default_factory=dict)
    closures: list = field(default_factory=list)


# Functions of one argument: the domain that the argument is wrapped into, and a bound of the value.
ANY, POSITIVE, UNIT, SMALL = "any", "positive", "unit", "small"
MATH_UNARY = {
    "math.sin": (ANY, 1), "math.cos": (ANY, 1), "math.tanh": (ANY, 1), "math.atan": (ANY, 1.6),
    "math.asinh": (ANY, 6), "math.erf": (ANY, 1), "math.erfc": (ANY, 2), "math.radians": (ANY, 1),
    "math.fabs": (ANY, 6), "math.exp": (SMALL, 8), "math.expm1": (SMALL, 8), "math.sinh": (SMALL, 4),
    "math.cosh": (SMALL, 4), "math.tan": (UNIT, 1.5), "math.asin": (UNIT, 1.6), "math.acos": (UNIT, 3.2),
    "math.atanh": (UNIT, 2), "math.sqrt": (POSITIVE, 7), "sqrt": (POSITIVE, 7), "math.log": (POSITIVE, 4),
    "math.log10": (POSITIVE, 2), "math.log2": (POSITIVE, 6), "math.log1p": (POSITIVE, 4),
    "math.degrees": (UNIT, 60), "math.exp2": (SMALL, 4),
}  # fmt: skip
NUMPY_UNARY = {
    "np.sin": (ANY, 1), "np.cos": (ANY, 1), "np.tanh": (ANY, 1), "np.arctan": (ANY, 1.6), "np.arcsinh": (ANY, 6),
    "np.abs": (ANY, 6), "np.exp": (SMALL, 8), "np.expm1": (SMALL, 8), "np.sinh": (SMALL, 4), "np.cosh": (SMALL, 4),
    "np.exp2": (SMALL, 4), "np.tan": (UNIT, 1.5), "np.arcsin": (UNIT, 1.6), "np.arccos": (UNIT, 3.2),
    "np.arctanh": (UNIT, 2), "np.sqrt": (POSITIVE, 7), "np.log": (POSITIVE, 4), "np.log10": (POSITIVE, 2),
    "np.log2": (POSITIVE, 6), "np.log1p": (POSITIVE, 4), "np.cbrt": (POSITIVE, 4), "np.square": (SMALL, 4),
    "np.reciprocal": (POSITIVE, 4), "np.float64": (ANY, 6), "np.deg2rad": (ANY, 1), "np.rad2deg": (UNIT, 60),
    "np.negative": (ANY, 6), "np.fabs": (ANY, 6), "np.sign": (ANY, 1), "np.floor": (ANY, 6), "np.sinc": (ANY, 1),
}  # fmt: skip
BINARY = {
    "math.hypot": (ANY, POSITIVE, 10), "math.atan2": (ANY, POSITIVE, 1.6), "math.pow": (POSITIVE, SMALL, 40),
    "math.copysign": (POSITIVE, ANY, 6), "np.fmod": (ANY, POSITIVE, 6), "np.hypot": (ANY, POSITIVE, 10),
    "np.arctan2": (ANY, POSITIVE, 1.6), "np.maximum": (ANY, ANY, 6), "np.minimum": (ANY, ANY, 6),
    "np.fmax": (ANY, ANY, 6), "np.fmin": (ANY, ANY, 6), "np.power": (POSITIVE, SMALL, 40),
    "np.logaddexp": (SMALL, SMALL, 4), "np.add": (ANY, ANY, 12), "np.multiply": (ANY, UNIT, 6),
    "np.subtract": (ANY, ANY, 12), "np.divide": (ANY, POSITIVE, 20), "np.copysign": (POSITIVE, ANY, 6),
    "np.remainder": (ANY, POSITIVE, 6), "max": (ANY, ANY, 6), "min": (ANY, ANY, 6), "pow": (POSITIVE, SMALL, 40),
}  # fmt: skip


class Writer:
    def __init__(self, rng):
        self.rng = rng
        self.constructs = Counter()
        self.helpers = []
        self.serial = 0
        self.frame = None

    # -- choices -------------------------------------------------------------------------------------------------

    def chance(self, probability):
        return self.rng.random() < probability

    def choose(self, options):
        return options[self.rng.randrange(len(options))]

    def tag(self, *names):
        self.constructs.update(names)

    def fresh(self, stem):
        self.serial += 1
        return f"{stem}{self.serial}"

    def constant(self, low=-2.0, high=2.0):
        value = round(self.rng.uniform(low, high), 2)
        return Expression(repr(value if value else 0.37), abs(value) or 0.37, atom=value >= 0.0)

    # -- the text ------------------------------------------------------------------------------------------------

    def line(self, text):
        self.frame.lines.append("    " * self.frame.indent + text)

    def declare(self, name, kind, size=0, stored=True):
        self.frame.scope[name] = Variable(name, kind, size, stored)
        return name

    def variables(self, kind, size=None, stored=False):
        found = (v for v in self.frame.scope.values() if v.kind == kind and (size is None or v.size == size))
        return [v for v in found if v.stored or not stored]

    def body(self, statements=2, loop=1):
        """An indented block; names first bound in it are forgotten after it."""
        frame = self.frame
        outer = dict(frame.scope)
        frame.indent += 1
        frame.loops += loop > 1
        frame.trips *= loop
        for _ in range(statements):
            self.choose(INNER)(self)
        frame.indent -= 1
        frame.loops -= loop > 1
        frame.trips //= loop
        frame.scope = outer

    def indented(self, text):
        self.line("    " + text)

    # -- scalar expressions --------------------------------------------------------------------------------------

    def atom(self):
        options = [self.float_name] * 6 + [self.constant, self.global_constant, self.element, self.element]
        return self.choose(options)()

    def float_name(self):
        names = self.variables("float")
        if not names:
            return self.constant()
        chosen = self.choose(names[-5:] if self.chance(0.6) else names)
        return Expression(chosen.name, chosen.bound, atom=True)

    def global_constant(self):
        text = self.choose(["SCALE", "Constants.gain", "TABLE[1]", "TABLE[-1]", "math.pi", "np.e"])
        self.tag("constant: " + text.split("[")[0])
        return Expression(text, 3.2, atom=True)

    def element(self):
        sized = [v for kind in ("vector", "tuple", "pair", "matrix", "int") for v in self.variables(kind)]
        if not sized:
            return self.float_name()
        chosen = self.choose(sized)
        if chosen.kind == "int":
            self.tag("int in float expression")
            return Expression(f"{self.constant(0.1, 0.9)} * {chosen.name}", BOUND)
        if chosen.kind == "pair":
            self.tag("namedtuple attribute")
            return Expression(f"{chosen.name}.{self.choose(['first', 'second'])}", BOUND, atom=True)
        if chosen.kind == "matrix":
            self.tag("matrix element")
            row, column = self.rng.randrange(3), self.rng.randrange(3)
            index = f"[{row}, {column}]" if self.chance(0.8) else f"[{row}][{column}]"
            return Expression(chosen.name + index, BOUND, atom=True)
        index = self.rng.randrange(chosen.size)
        negative = self.chance(0.3)
        self.tag(f"{chosen.kind} element", *(["negative index"] if negative else []))
        return Expression(f"{chosen.name}[{index - chosen.size if negative else index}]", BOUND, atom=True)

    def expression(self, depth=2):
        if depth <= 0:
            return self.atom()
        rules = [self.arithmetic] * 5 + [self.function] * 4 + [self.two_arguments, self.power, self.call, self.call]
        rules += [self.reduction, self.conditional, self.piecewise, self.negation]
        return self.choose(rules)(depth - 1)

    def arithmetic(self, depth):
        a, b = self.expression(depth), self.expression(self.rng.randrange(depth + 1))
        operator = self.choose(["+", "-", "*", "*", "/"])
        if operator == "/":
            return Expression(f"{a} / {self.domain(POSITIVE, b)}", 4 * a.bound)
        if operator == "*":
            return Expression(f"{a} * {b}", a.bound * b.bound)
        return Expression(f"{a} {operator} {b}", a.bound + b.bound)

    def negation(self, depth):
        a = self.expression(depth)
        self.tag("unary minus")
        return Expression(f"-{a}", a.bound)

    def function(self, depth):
        table = self.choose([MATH_UNARY, NUMPY_UNARY])
        name = self.choose(list(table))
        domain, bound = table[name]
        self.tag("function: " + name)
        return Expression(f"{name}({self.domain(domain, self.expression(depth)).text})", bound, atom=True)

    def two_arguments(self, depth):
        name = self.choose(list(BINARY))
        first, second, bound = BINARY[name]
        self.tag("function: " + name)
        a = self.domain(first, self.expression(depth))
        b = self.domain(second, self.expression(self.rng.randrange(depth + 1)))
        return Expression(f"{name}({a.text}, {b.text})", max(bound, a.bound, b.bound) if bound == 6 else bound, True)

    def power(self, depth):
        a = self.expression(depth)
        form = self.rng.randrange(4)
        if form == 0:
            self.tag("power: constant int")
            return Expression(f"{self.fit(a, 3.0)} ** {self.choose([2, 2, 3, 4])}", 30)
        if form == 1:
            self.tag("power: negative or float")
            exponent = self.choose(["-1", "-2", "0.5", "1.5", "-0.7", "2.0"])
            return Expression(f"{self.domain(POSITIVE, a)} ** {exponent}", 40)
        if form == 2 and self.variables("int"):
            self.tag("power: int variable")
            return Expression(f"{self.fit(a, 1.0)} ** {self.choose(self.variables('int')).name}", 1)
        self.tag("power: variable")
        base = self.domain(POSITIVE, a) if self.chance(0.7) else self.constant(0.3, 3.0)
        return Expression(f"{base} ** {self.domain(SMALL, self.atom())}", 40)

    def conditional(self, depth):
        self.tag("conditional expression")
        a, b = self.expression(depth), self.expression(self.rng.randrange(depth + 1))
        return Expression(f"{a} if {self.condition()} else {b}", max(a.bound, b.bound))

    def piecewise(self, depth):
        a = self.expression(depth)
        form = self.choose(["%", "//", "abs", "round", "floor", "int", "where", "sum", "% active", "clip"])
        self.tag("piecewise: " + form)
        if form in "%//":
            return Expression(f"{a} {form} {self.constant(0.4, 1.9)}", max(2.0, 3 * a.bound))
        if form == "% active":
            return Expression(f"{a} % {self.domain(POSITIVE, self.atom())}", BOUND)
        if form in ("abs", "int", "round"):
            text = f"0.5 * {form}({a.text})" if form != "abs" else f"abs({a.text})"
            return Expression(text, a.bound, atom=form == "abs")
        if form == "floor":
            return Expression(f"0.5 * math.floor({a.text})", a.bound)
        if form == "where":
            b = self.atom()
            return Expression(f"1.0 * np.where({self.comparison()}, {a.text}, {b.text})", max(a.bound, b.bound))
        if form == "clip":
            return Expression(f"min(max({a.text}, {self.constant(-2.0, -0.1).text}), 1.5)", 2, True)
        b = self.atom()
        return Expression(f"sum(({a.text}, {b.text}))", a.bound + b.bound, atom=True)

    def reduction(self, depth):
        vectors = self.variables("vector")
        if not vectors:
            return self.function(depth)
        v = self.choose(vectors)
        w = self.choose(self.variables("vector", v.size))
        forms = {
            "np.dot": f"np.dot({v.name}, {w.name})",
            "@ of vectors": f"({v.name} @ {w.name})",
            "np.sum": f"np.sum({v.name})",
            "method sum": f"{v.name}.sum()",
            "np.linalg.norm": f"np.linalg.norm({v.name})",
            "sum of slice": f"np.sum({v.name}[1:])",
            "elementwise in reduction": f"np.sum({v.name} * {w.name})",
            "len": f"({v.name}[0] / len({v.name}))",
            "np.mean": f"np.mean({v.name})",
            "np.max": f"np.max({v.name})",
        }
        name = self.choose(list(forms))
        self.tag(name)
        return Expression(forms[name], 40, atom=True)

    def call(self, depth):
        usable = [h for h in self.helpers if h.result == "float"] + self.frame.closures
        if not usable:
            return self.function(depth)
        return Expression(self.call_text(self.choose(usable), depth), BOUND, atom=True)

    def call_text(self, helper, depth=0):
        arguments = []
        keywords = False
        for argument in helper.arguments:
            kind, _, rest = argument.partition(" ")
            name, _, default = rest.partition("=")
            if default and self.chance(0.5):
                self.tag("default argument")
                keywords = True
                continue
            text = self.fit(self.expression(depth), BOUND).text
            if kind == "int":
                text = str(self.rng.randrange(1, 4))
            elif kind == "vector":
                text = self.vector_of(3, depth)
            if keywords or (default and self.chance(0.5)):
                self.tag("keyword argument")
                keywords = True
                text = f"{name}={text}"
            arguments.append(text)
        self.tag(*helper.tags)
        return f"{helper.name}({', '.join(arguments)})"

    def domain(self, kind, a):
        """The expression, wrapped so that it lies in the domain."""
        if kind == ANY:
            return a
        if kind == POSITIVE:
            form = self.choose(["0.5 + {a} ** 2", "1.2 + math.sin({t})", "0.4 + abs({t})", "2.0 + np.cos({t})"])
            if a.text.isidentifier() and self.chance(0.5):
                form = "1.0 + {a} * {a}"
            a = self.fit(a, BOUND)
            return Expression(form.format(a=a, t=a.text), 40)
        if kind == UNIT:
            form = self.choose(["0.9 * math.sin({t})", "0.9 * math.tanh({t})", "0.8 * np.cos({t})"])
            return Expression(form.format(t=a.text), 0.9)
        return self.fit(a, 2.0)

    def fit(self, a, bound):
        if a.bound <= bound:
            return a
        size = min(bound, 1.5)
        forms = ["{s} * math.tanh({t})", "{s} * math.sin({t})", "{s} * np.cos({t})", "{s} * np.tanh({t})"]
        if bound >= 1.5:
            forms += ["math.atan(0.5 * {a})", "math.sin({t})", "math.cos({t})", "{a} / math.sqrt(1.0 + {a} * {a})"]
        if len(a.text) > 30:
            forms = [f for f in forms if f.count("{") < 3]
        return Expression(self.choose(forms).format(a=a, t=a.text, s=size), size)

    def stored(self, depth=2):
        return self.fit(self.expression(depth), BOUND)

    # -- conditions ----------------------------------------------------------------------------------------------

    def comparison(self):
        a = self.expression(self.rng.randrange(2))
        if self.chance(0.25):
            self.tag("chained comparison")
            low = round(self.rng.uniform(-1.5, 0.2), 2)
            return f"{low} < {a} {self.choose(['<', '<='])} {round(low + self.rng.uniform(0.5, 2.0), 2)}"
        return f"{a} {self.choose(['<', '>', '<=', '>='])} {self.constant(-1.2, 1.6).text}"

    def condition(self):
        form = self.rng.randrange(8)
        if form == 0:
            self.tag("and")
            return f"{self.comparison()} and {self.comparison()}"
        if form == 1:
            self.tag("or")
            return f"{self.comparison()} or {self.comparison()}"
        if form == 2:
            self.tag("not")
            return f"not {self.comparison()}"
        if form == 3 and self.variables("bool"):
            self.tag("bool variable in condition")
            return self.choose(self.variables("bool")).name
        if form == 4 and self.variables("int"):
            self.tag("int comparison")
            return f"{self.choose(self.variables('int')).name} {self.choose(['==', '!=', '<', '>='])} 2"
        return self.comparison()

    # -- arrays --------------------------------------------------------------------------------------------------

    def vector_of(self, size, depth=1):
        """A fresh vector with nominally bounded elements."""
        names = [v.name for v in self.variables("vector", size)]
        if not names or self.chance(0.2):
            return self.literal_vector(size, depth)
        a, b = self.choose(names), self.choose(names)
        c = self.fit(self.expression(depth), 1.0)
        forms = {
            "vector + vector": f"0.5 * ({a} + {b})",
            "vector - scalar * vector": f"{a} - {c} * {b}",
            "scalar * vector": f"{c} * {a}",
            "vector / scalar": f"{a} / {self.domain(POSITIVE, self.atom())}",
            "elementwise function": f"np.{self.choose(['sin', 'tanh', 'cos', 'arctan'])}({a} * {b})",
            "unary minus of vector": f"-{a}",
            "elementwise product": f"np.tanh({a} * {b})",
            "elementwise division": f"{a} / (1.0 + {b} * {b})",
            "elementwise power": f"np.sin({a} ** 2)",
            "vector.copy": f"{a}.copy()",
        }
        if size == 3:
            forms["np.cross"] = f"0.3 * np.cross({a}, {b})"
        if size == 2 and self.variables("vector", 3):
            w = self.choose(self.variables("vector", 3)).name
            forms["slices"] = f"{w}[1:] - {w}[:2]"
        name = self.choose(list(forms))
        self.tag(name)
        return forms[name]

    def literal_vector(self, size, depth=1):
        self.tag("np.array")
        items = [self.fit(self.expression(self.rng.randrange(depth + 1)), BOUND).text for _ in range(size)]
        return f"np.array([{', '.join(items)}])"

    def literal_matrix(self):
        self.tag("np.array 2-D")
        rows = [", ".join(self.fit(self.atom(), BOUND).text for _ in range(3)) for _ in range(3)]
        return f"np.array([[{'], ['.join(rows)}]])"

    # -- statements ----------------------------------------------------------------------------------------------

    def target(self):
        """A float that may be assigned: an old one mostly inside loops, else often a new one."""
        names = self.variables("float", stored=True)
        if names and self.chance(0.6):
            return self.choose(names).name
        return None

    def assign(self):
        value = self.stored(3)
        name = self.target() or self.fresh("v")
        self.tag("assignment")
        self.line(f"{name} = {value.text}")
        self.declare(name, "float")

    def annotated(self):
        value = self.stored()
        name = self.fresh("v")
        self.tag("annotated assignment")
        self.line(f"{name}: float = {value.text}")
        self.declare(name, "float")

    def augmented(self):
        names = self.variables("float", stored=True)
        if not names:
            return self.assign()
        name = self.choose(names).name
        operator = self.choose(["+=", "-=", "*=", "/="])
        value = self.expression(2)
        value = self.domain(POSITIVE, value) if operator == "/=" else self.fit(value, 1.0 if operator == "*=" else 2.0)
        self.tag("augmented " + operator)
        self.line(f"{name} {operator} {value.text}")
        return None

    def chained(self):
        first, second = self.fresh("v"), self.fresh("v")
        self.tag("chained assignment")
        self.line(f"{first} = {second} = {self.stored().text}")
        self.declare(first, "float")
        self.declare(second, "float")

    def unpack(self):
        first, second = self.fresh("v"), self.fresh("v")
        self.tag("tuple unpacking")
        brackets = self.choose(["{}, {}", "({}, {})"])
        self.line(f"{first}, {second} = {brackets.format(self.stored().text, self.stored().text)}")
        self.declare(first, "float")
        self.declare(second, "float")

    def swap(self):
        names = self.variables("float", stored=True)
        if len(names) < 2:
            return self.unpack()
        a, b = self.rng.sample([v.name for v in names], 2)
        self.tag("swap")
        third = self.fit(self.expression(1), BOUND).text
        self.line(self.choose([f"{a}, {b} = {b}, {a}", f"{a}, {b} = {b}, {third}"]))
        return None

    def walrus(self):
        name = self.fresh("v")
        self.tag("walrus")
        self.line(f"if ({name} := {self.stored().text}) > {self.constant().text}:")
        self.declare(name, "float")
        self.body(1)

    def if_only(self):
        self.tag("if")
        self.line(f"if {self.condition()}:")
        self.body(self.rng.randrange(1, 3))

    def if_else(self):
        self.tag("if/else")
        self.line(f"if {self.condition()}:")
        self.body()
        self.line("else:")
        self.body()

    def if_elif_else(self):
        self.tag("if/elif/else")
        name = self.fresh("v")
        for head in (f"if {self.condition()}:", f"elif {self.condition()}:", "else:"):
            self.line(head)
            self.indented(f"{name} = {self.stored(1).text}")
            self.body(1)
        self.declare(name, "float")

    def loop_head(self, head, bound=(), trips=3, tags=(), statements=2):
        if self.frame.trips * trips > 16:
            return self.if_only()
        self.tag(*tags)
        self.line(head)
        outer = dict(self.frame.scope)
        for name, kind in bound:
            self.declare(name, kind, stored=False)
            if kind == "int":
                self.frame.scope[name].bound = 3
        self.update_in_loop()
        self.loop_exit()
        self.body(statements, trips)
        self.frame.scope = outer
        return True

    def update_in_loop(self):
        """Something is carried from trip to trip."""
        names = self.variables("float", stored=True)
        if not names:
            return
        name = self.choose(names).name
        value = self.fit(self.expression(2), 2.0).text
        self.indented(self.choose([f"{name} += {value}", f"{name} = 0.5 * {name} + {value}", f"{name} -= {value}"]))
        self.tag("carried by a loop")

    def loop_exit(self):
        form = self.rng.randrange(5)
        if form > 1:
            return
        word = ["break", "continue"][form]
        self.tag(word)
        self.indented(f"if {self.comparison()}:")
        self.indented(f"    {word}")

    def loop_else(self, done):
        if done is True and self.chance(0.35):
            self.tag("else of a loop")
            self.line("else:")
            self.body(1)

    def for_range(self):
        i = self.fresh("i")
        count = self.choose(["2", "3", "1, 4", "0, 5, 2", "3, 0, -1", *[v.name for v in self.variables("int")]])
        self.loop_else(self.loop_head(f"for {i} in range({count}):", [(i, "int")], 3, ["for range"]))

    def for_tuple(self):
        q = self.fresh("q")
        items = ", ".join(self.stored(1).text for _ in range(3))
        listed = self.chance(0.4)
        text, tag = (f"[{items}]", "for list") if listed else (f"({items})", "for tuple")
        self.loop_else(self.loop_head(f"for {q} in {text}:", [(q, "float")], 3, [tag]))

    def for_enumerate(self):
        i, q = self.fresh("i"), self.fresh("q")
        vectors = self.variables("vector")
        text = f"({self.stored(1).text}, {self.stored(1).text})"
        if vectors and self.chance(0.5):
            text = self.choose(vectors).name
        self.loop_head(f"for {i}, {q} in enumerate({text}):", [(i, "int"), (q, "float")], 3, ["for enumerate"])

    def for_zip(self):
        p, q = self.fresh("p"), self.fresh("q")
        text = f"({self.stored(1).text}, {self.stored(1).text}), ({self.stored(1).text}, {self.constant().text})"
        vectors = self.variables("vector", 3)
        if len(vectors) > 1 and self.chance(0.5):
            text = f"{self.choose(vectors).name}, {self.choose(vectors).name}"
        self.loop_head(f"for {p}, {q} in zip({text}):", [(p, "float"), (q, "float")], 3, ["for zip"])

    def for_reversed(self):
        if self.chance(0.5):
            i = self.fresh("i")
            return self.loop_head(f"for {i} in reversed(range(3)):", [(i, "int")], 3, ["for reversed"])
        q = self.fresh("q")
        items = f"({self.stored(1).text}, {self.stored(1).text})"
        return self.loop_head(f"for {q} in reversed({items}):", [(q, "float")], 2, ["for reversed"])

    def for_vector(self):
        vectors = self.variables("vector")
        if not vectors:
            return self.for_tuple()
        q = self.fresh("q")
        return self.loop_head(f"for {q} in {self.choose(vectors).name}:", [(q, "float")], 3, ["for over array"])

    def while_loop(self):
        if self.frame.trips > 5:
            return self.if_only()
        k, x = self.fresh("k"), self.fresh("v")
        self.tag("while")
        self.line(f"{k} = 0")
        self.line(f"{x} = {self.stored(1).text}")
        self.declare(x, "float")
        extra = f" and {self.comparison()}" if self.chance(0.5) else ""
        if self.chance(0.3):
            self.tag("while True")
            self.line("while True:")
            self.indented(f"if {k} >= 3 or {x} > 2.5:")
            self.indented("    break")
            extra = None
        else:
            self.line(f"while {k} < 3{extra}:")
        self.indented(f"{k} += 1")
        self.indented(f"{x} = {self.stored().text}")
        self.body(1, 3)
        if extra is not None:
            self.loop_else(True)
        return None

    def nested_loops(self):
        if self.frame.trips > 2:
            return self.for_range()
        i, j = self.fresh("i"), self.fresh("j")
        names = self.variables("float", stored=True)
        if not names:
            return self.for_range()
        name = self.choose(names).name
        self.tag("nested loops")
        self.line(f"for {i} in range(3):")
        inner = self.choose([f"range({i})", "range(2)", f"range({i}, 3)"])
        self.indented(f"for {j} in {inner}:")
        value = self.fit(self.expression(2), 1.0)
        self.indented(f"    {name} += {value} / (1.0 + {i} + {j})")
        self.frame.indent += 1
        self.body(1, 6)
        self.frame.indent -= 1
        return None

    def early_return(self):
        if self.frame.returns == "closure":
            return self.assign()
        self.tag("early return in a loop" if self.frame.loops else "early return")
        self.line(f"if {self.expression(1)} > {self.constant(0.8, 3.0).text}:")
        self.indented("return " + self.result())
        return None

    def integers(self):
        name = self.fresh("n")
        self.tag("int variable")
        self.line(f"{name} = {self.choose(['2', '1 + 1', '3', '7 // 3', '5 % 3'])}")
        self.declare(name, "int")
        if self.chance(0.4):
            self.line(f"{name} {self.choose(['+= 1', '-= 1'])}")

    def boolean(self):
        name = self.fresh("flag")
        self.tag("bool variable")
        self.line(f"{name} = {self.comparison()}")
        self.declare(name, "bool")

    def tuple_value(self):
        name = self.fresh("t")
        size = self.rng.randrange(2, 4)
        self.tag("tuple value")
        self.line(f"{name} = ({', '.join(self.stored(1).text for _ in range(size))})")
        self.declare(name, "tuple", size, stored=False)

    def pair_value(self):
        name = self.fresh("pair")
        self.tag("namedtuple value")
        keywords = self.chance(0.3)
        first, second = self.stored(1).text, self.stored(1).text
        self.line(f"{name} = Pair({'first=' if keywords else ''}{first}, {'second=' if keywords else ''}{second})")
        self.declare(name, "pair", 2, stored=False)
        if self.chance(0.6):
            a, b = self.fresh("v"), self.fresh("v")
            self.tag("namedtuple unpacking")
            self.line(f"{a}, {b} = {name}")
            self.declare(a, "float")
            self.declare(b, "float")

    def vector(self):
        name = self.fresh("w")
        size = self.choose([3, 3, 3, 2])
        self.line(f"{name} = {self.vector_of(size)}")
        self.declare(name, "vector", size)

    def new_vector(self):
        name = self.fresh("w")
        self.line(f"{name} = {self.literal_vector(3)}")
        self.declare(name, "vector", 3)

    def filled_vector(self):
        name = self.fresh("w")
        maker = self.choose(["np.zeros(3)", "np.ones(3)", "np.empty(3)", "np.full(3, 0.5)"])
        self.tag("filled array", maker.split("(")[0])
        self.line(f"{name} = {maker}")
        for k in range(3):
            self.line(f"{name}[{k}] = {self.stored(1).text}")
        self.tag("element store")
        self.declare(name, "vector", 3)

    def store_in_loop(self):
        name, i = self.fresh("w"), self.fresh("i")
        self.tag("augmented element store in a loop")
        self.line(f"{name} = np.zeros(3)")
        self.line(f"for {i} in range(3):")
        vectors = self.variables("vector", 3)
        outer = dict(self.frame.scope)
        self.declare(i, "int")
        value = self.stored().text
        if vectors:
            self.tag("vector element at a loop index")
            value = f"0.5 * {self.choose(vectors).name}[{i}] + {self.fit(self.expression(1), 2.0)}"
        self.indented(f"{name}[{i}] += {value}")
        if self.chance(0.5):
            self.indented(f"{name}[{self.choose(['0', '-1', i, f'2 - {i}'])}] -= {self.fit(self.atom(), 1.0).text}")
        self.frame.scope = outer
        self.declare(name, "vector", 3)

    def store_element(self):
        vectors = self.variables("vector", stored=True)
        if not vectors:
            return self.filled_vector()
        v = self.choose(vectors)
        index = self.rng.randrange(-1, v.size)
        if self.chance(0.3):
            self.tag("augmented element store")
            self.line(f"{v.name}[{index}] {self.choose(['+=', '-='])} {self.fit(self.expression(2), 2.0).text}")
        else:
            self.tag("element store")
            self.line(f"{v.name}[{index}] = {self.stored().text}")
        return None

    def store_slice(self):
        vectors = self.variables("vector", 3, stored=True)
        if not vectors:
            return self.new_vector()
        self.tag("slice store")
        name = self.choose(vectors).name
        value = self.literal_vector(2) if self.chance(0.5) else f"0.5 * {self.choose(vectors).name}[:2]"
        self.line(f"{name}[1:] = {value}")
        return None

    def augmented_vector(self):
        vectors = self.variables("vector", 3, stored=True)
        if not vectors:
            return self.new_vector()
        self.tag("augmented vector")
        value = self.vector_of(3) if self.chance(0.7) else self.fit(self.atom(), 2.0).text
        self.line(f"{self.choose(vectors).name} {self.choose(['+=', '-='])} {value}")
        return None

    def unpack_vector(self):
        vectors = self.variables("vector", 3)
        if not vectors:
            return self.new_vector()
        names = [self.fresh("v") for _ in range(3)]
        self.tag("array unpacking")
        self.line(f"{', '.join(names)} = {self.choose(vectors).name}")
        for name in names:
            self.declare(name, "float")
        return None

    def matrix(self):
        name = self.fresh("m")
        self.line(f"{name} = {self.literal_matrix()}")
        self.declare(name, "matrix", 3)
        self.matrix_use()

    def sparse_matrix(self):
        name = self.fresh("m")
        self.tag("np.zeros 2-D", "element store 2-D")
        self.line(f"{name} = np.zeros((3, 3))")
        for row in range(3):
            self.line(f"{name}[{row}, {self.rng.randrange(3)}] = {self.stored(1).text}")
        self.declare(name, "matrix", 3)
        self.matrix_use()

    def filled_matrix(self):
        name, i, j = self.fresh("m"), self.fresh("i"), self.fresh("j")
        self.tag("matrix filled by loops")
        self.line(f"{name} = np.eye(3)")
        self.line(f"for {i} in range(3):")
        self.indented(f"for {j} in range(3):")
        self.indented(f"    {name}[{i}, {j}] += {self.fit(self.expression(1), 1.0)} / (1.0 + {i} + 2 * {j})")
        self.declare(name, "matrix", 3)
        self.matrix_use()

    def matrix_use(self):
        matrices = [v.name for v in self.variables("matrix")]
        m, other = self.choose(matrices), self.choose(matrices)
        a = self.literal_vector(3)
        if self.variables("vector", 3):
            a = self.choose(self.variables("vector", 3)).name
        forms = {
            "matrix @ vector": f"0.2 * ({m} @ {a})",
            "np.dot of matrix and vector": f"0.2 * np.dot({m}, {a})",
            "transpose": f"0.2 * ({m}.T @ {a})",
            "row and column": f"{m}[0, :] - {m}[:, {self.rng.randrange(3)}]",
            "matrix @ matrix": f"0.2 * ({m} @ {other})[{self.rng.randrange(3)}]",
            "elementwise on matrices": f"(np.tanh({m}) - 0.5 * {other})[:, 1]",
        }
        for tag in self.rng.sample(list(forms), 2):
            name = self.fresh("w")
            self.tag(tag)
            self.line(f"{name} = {forms[tag]}")
            self.declare(name, "vector", 3, stored=False)

    def comprehension(self):
        name, i = self.fresh("s"), self.fresh("i")
        outer = dict(self.frame.scope)
        self.declare(i, "int")
        self.frame.scope[i].bound = 3
        value = f"{self.stored(1)} + {self.constant(0.1, 0.9)} * {i}"
        self.frame.scope = outer
        self.tag("list comprehension")
        self.line(f"{name} = [{value} for {i} in range(3)]")
        self.declare(name, "tuple", 3, stored=False)

    def list_value(self):
        name = self.fresh("s")
        self.tag("list value")
        self.line(f"{name} = [{self.stored(1).text}, {self.stored(1).text}]")
        self.declare(name, "tuple", 2, stored=False)

    def list_append(self):
        if self.frame.loops:
            return self.list_value()
        name = self.fresh("s")
        self.tag("list append")
        self.line(f"{name} = [{self.stored(1).text}]")
        self.line(f"{name}.append({self.stored(1).text})")
        self.declare(name, "tuple", 2, stored=False)
        return None

    def closure(self):
        if self.frame.indent > 1 or self.frame.returns == "closure":
            return self.assign()
        caught, name, argument = self.fresh("c"), self.fresh("inner"), self.fresh("u")
        self.line(f"{caught} = {self.stored(1).text}")
        self.declare(caught, "float", stored=False)
        outer = self.frame.scope
        self.frame.scope = {caught: Variable(caught, "float", stored=False), argument: Variable(argument, "float")}
        closures, self.frame.closures = self.frame.closures, []
        if self.chance(0.5):
            self.tag("lambda")
            value = self.fit(self.arithmetic(1), BOUND).text
            self.line(f"{name} = lambda {argument}: {value} + 0.5 * {caught} * {argument}")
        else:
            self.tag("nested def")
            self.line(f"def {name}({argument}):")
            returns, self.frame.returns = self.frame.returns, "closure"
            self.frame.indent += 1
            self.assign()
            self.choose([Writer.assign, Writer.augmented, Writer.chained])(self)
            self.line(f"return {self.stored().text} * {caught}")
            self.frame.indent -= 1
            self.frame.returns = returns
        self.frame.scope = outer
        self.frame.closures = [*closures, Helper(name, ["float " + argument], "float", ("call of a closure",))]
        result = self.fresh("v")
        self.line(f"{result} = {self.call_text(self.frame.closures[-1], 1)}")
        self.declare(result, "float")
        return None

    def call_statement(self, helper=None):
        if not self.helpers:
            return self.assign()
        helper = helper or self.choose(self.helpers)
        text = self.call_text(helper, 1)
        if helper.result == "vector":
            name = self.fresh("w")
            self.line(f"{name} = {text}")
            self.declare(name, "vector", 3)
        elif helper.result == "tuple":
            first, second = self.fresh("v"), self.fresh("v")
            self.tag("tuple from a helper")
            self.line(f"{first}, {second} = {text}")
            self.declare(first, "float")
            self.declare(second, "float")
        else:
            name = self.target() or self.fresh("v")
            self.line(f"{name} = {text}")
            self.declare(name, "float")
        return None

    def assertion(self):
        self.tag("assert")
        self.line(f"assert {self.float_name()} < 1e6" + self.choose(["", ', "too large"']))

    def raising(self):
        if self.frame.loops or self.frame.returns == "closure":
            return self.assertion()
        self.tag("raise")
        self.line(f"if {self.float_name()} > 1e6:")
        self.indented(f"raise {self.choose(['ValueError', 'RuntimeError'])}('too large')")
        return None

    def pass_branch(self):
        self.tag("pass")
        self.line(f"if {self.comparison()}:")
        self.indented("pass")
        self.line("else:")
        self.body(1)

    def ellipsis_tuple_assign(self):
        a, b, c = (self.fresh("v") for _ in range(3))
        self.tag("nested tuple unpacking")
        self.line(f"({a}, {b}), {c} = ({self.stored(1).text}, {self.stored(1).text}), {self.stored(1).text}")
        for name in (a, b, c):
            self.declare(name, "float")

    # -- results -------------------------------------------------------------------------------------------------

    def result(self):
        kind = self.frame.returns
        e = [self.fit(self.expression(2), 50.0).text for _ in range(3)]
        self.tag("returns " + kind)
        if kind == "float":
            return e[0]
        if kind == "tuple":
            return f"{e[0]}, {e[1]}"
        if kind == "triple":
            return f"({e[0]}, {e[1]}, {e[2]})"
        if kind == "nested":
            return f"({e[0]}, {e[1]}), {e[2]}"
        if kind == "vector":
            return self.vector_of(3)
        if kind == "matrix":
            return f"np.array([[{e[0]}, {e[1]}], [{e[2]}, {self.stored(1).text}]])"
        if kind == "array and float":
            return f"np.array([{e[0]}, {e[1]}]), {e[2]}"
        if kind == "pair":
            return f"Pair({e[0]}, {e[1]})"
        raise AssertionError(kind)

    # -- functions -----------------------------------------------------------------------------------------------

    def helper(self):
        kind = self.choose(["plain", "early", "recursive", "defaults", "tuple", "vector in", "vector out", "annotated"])
        name = self.fresh("helper")
        returns = {"tuple": "tuple", "vector out": "vector"}.get(kind, "float")
        self.frame = Frame(returns)
        x, y = self.fresh("x"), self.fresh("y")
        arguments = ["float " + x]
        head = x
        self.declare(x, "float")
        if kind == "recursive":
            head, arguments = f"{x}, {y}", ["float " + x, "int " + y]
        elif kind == "defaults":
            z = self.fresh("z")
            head = f"{x}, {y}=0.7, {z}=SCALE"
            arguments += [f"float {y}=0.7", f"float {z}=SCALE"]
            self.declare(y, "float")
            self.declare(z, "float")
        elif kind == "vector in":
            head = f"{x}, {y}"
            arguments.append("vector " + y)
            self.declare(y, "vector", 3, stored=False)
        elif kind == "annotated":
            head = f"{x}: float, {y}: float"
            arguments.append("float " + y)
            self.declare(y, "float")
        elif self.chance(0.6):
            head = f"{x}, {y}"
            arguments.append("float " + y)
            self.declare(y, "float")
        arrow = " -> float" if kind == "annotated" else ""
        lines = [f"def {name}({head}){arrow}:"]
        if self.chance(0.3):
            self.tag("docstring")
            lines.append('    """A helper."""')
        if kind == "recursive":
            self.line(f"if {y} <= 0:")
            self.indented(f"return {self.stored().text}")
            self.choose(SIMPLE)(self)
            recursion = f"{name}({self.fit(self.expression(1), 2.0).text}, {y} - 1)"
            self.line(f"return {self.fit(self.expression(1), 2.0)} + 0.5 * {recursion}")
        else:
            self.choose(SIMPLE)(self)
            if kind == "early":
                self.early_return()
            self.choose(INNER)(self)
            value = self.result()
            if returns == "float":
                value = self.fit(Expression(value, 50), BOUND).text
            self.line("return " + value)
        lines += self.frame.lines
        self.helpers.append(Helper(name, arguments, returns, (f"helper: {kind}",)))
        return "\n".join(lines) + "\n\n\n"

    def main(self, statements):
        frame = self.frame = Frame(self.choose(RESULTS))
        heads, args, differentiable, shapes, first = [], [], [], {}, []
        for _ in range(self.rng.randrange(2, 6)):
            name = self.fresh("a")
            heads.append(name + self.choose(["", "", "", ": float"]))
            args.append(self.number())
            differentiable.append(name)
            self.declare(name, "float")
        if self.chance(0.25):
            name = self.fresh("tup")
            self.tag("tuple parameter")
            heads.append(name)
            args.append((self.number(), self.number()))
            differentiable.append(name)
            first.append(self.choose(["{0}, {1} = {2}", "{0} = {2}[0]", "{0} = {2}[0] * {2}[1]"]))
            unpacked = self.fresh("v"), self.fresh("v")
            self.line(first[-1].format(*unpacked, name))
            for target in unpacked[: 2 if "{1} =" in first[-1] else 1]:
                self.declare(target, "float")
            self.declare(name, "tuple", 2, stored=False)
        if self.chance(0.4):
            name = self.fresh("y")
            self.tag("array parameter")
            heads.append(name)
            args.append(np.array([self.number() for _ in range(3)]))
            differentiable.append(name)
            shapes[name] = 3
            self.declare(name, "vector", 3, stored=False)
            if self.chance(0.5):
                self.unpack_vector()
        if self.chance(0.3):
            name = self.fresh("n")
            annotated = self.chance(0.5)
            self.tag("int parameter annotated" if annotated else "int parameter by use")
            heads.append(name + (": int" if annotated else ""))
            args.append(self.rng.randrange(1, 4))
            self.declare(name, "int", stored=False)
            if not annotated:
                i = self.fresh("i")
                self.loop_head(f"for {i} in range({name}):", [(i, "int")], 3, ["for range"])
        if self.chance(0.16):
            name = self.fresh("mode")
            self.tag("string parameter")
            heads.append(name + ": str")
            args.append(self.choose(["fast", "slow"]))
            self.line(f'if {name} == "fast":')
            self.body(1)
            self.line("else:")
            self.body(1)
        if self.chance(0.16):
            name = self.fresh("on")
            self.tag("bool parameter")
            heads.append(name + ": bool")
            args.append(self.chance(0.5))
            self.declare(name, "bool", stored=False)
        statements = [*statements, *(functools.partial(Writer.call_statement, helper=h) for h in self.helpers)]
        for statement in self.rng.sample(statements, len(statements)):
            statement(self)
        self.line("return " + self.result())
        name = "program"
        wrt = None
        if self.chance(0.4):
            count = self.rng.randrange(1, len(differentiable) + 1)
            wrt = tuple(sorted(self.rng.sample(differentiable, count), key=differentiable.index))
            self.tag("wrt")
            if len(wrt) == 1 and self.chance(0.7):
                wrt = wrt[0]
        text = f"def {name}({', '.join(heads)}):\n" + "\n".join(frame.lines) + "\n"
        return text, tuple(args), wrt, shapes

    def number(self):
        return round(self.rng.uniform(0.2, 2.2), 4) * self.choose([-1, 1, 1])


SIMPLE = [Writer.assign, Writer.augmented, Writer.chained, Writer.unpack, Writer.swap, Writer.annotated, Writer.vector]
INNER = [
    *[Writer.assign] * 4, *[Writer.augmented] * 3, Writer.chained, Writer.unpack, Writer.swap, Writer.if_only,
    Writer.if_else, Writer.for_range, Writer.early_return, Writer.vector, Writer.store_element, Writer.call_statement,
    Writer.walrus, Writer.boolean, Writer.tuple_value, Writer.augmented_vector, Writer.while_loop,
]  # fmt: skip
STATEMENTS = [
    Writer.assign, Writer.annotated, Writer.augmented, Writer.chained, Writer.unpack, Writer.swap, Writer.walrus,
    Writer.if_only, Writer.if_else, Writer.if_elif_else, Writer.for_range, Writer.for_tuple, Writer.for_enumerate,
    Writer.for_zip, Writer.for_reversed, Writer.for_vector, Writer.while_loop, Writer.nested_loops,
    Writer.early_return, Writer.integers, Writer.boolean, Writer.tuple_value, Writer.pair_value, Writer.vector,
    Writer.new_vector, Writer.filled_vector, Writer.store_in_loop, Writer.store_element, Writer.store_slice,
    Writer.augmented_vector, Writer.unpack_vector, Writer.matrix, Writer.sparse_matrix, Writer.filled_matrix,
    Writer.comprehension, Writer.list_value,
    Writer.list_append, Writer.closure, Writer.call_statement, Writer.assertion, Writer.raising, Writer.pass_branch,
    Writer.ellipsis_tuple_assign,
]  # fmt: skip
RESULTS = ["float", "tuple", "triple", "nested", "vector", "matrix", "array and float", "pair"]


def generate(rng, statements=12):
    """A random program; `rng` is a `random.Random`, or hypothesis's imitation of one."""
    writer = Writer(rng)
    values = [writer.constant(0.3, 2.0).text for _ in range(5)]
    preamble = PREAMBLE.format(scale=values[0], table=", ".join(values[1:4]), gain=values[4])
    helpers = "".join(writer.helper() for _ in range(rng.randrange(1, 4)))
    chosen = rng.sample(STATEMENTS, statements) if statements < len(STATEMENTS) else STATEMENTS
    text, args, wrt, shapes = writer.main(chosen)
    return Program(preamble + helpers + text, "program", args, wrt, shapes, writer.constructs)


def numbered(seed, index, statements=12):
    """The program of one number, the same on every run and machine."""
    return generate(random.Random(f"{seed}/{index}"), statements)


def programs(statements=6):
    """A hypothesis strategy for programs; shrinks by drawing simpler choices."""
    import hypothesis.strategies as st

    return st.randoms(use_true_random=False).map(lambda rng: generate(rng, statements))
