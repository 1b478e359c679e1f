"""Loops with many dense directions, whose tangents are rows."""

import math

import dual
import numpy as np
import pytest

import srcdiff


def filter_(x, a, b, c, d, e, f, g, h, n: int):
    state, memory = x, 0.0
    for i in range(n):
        mixed = state * a + memory * b + c * i
        if mixed > d:
            memory = math.tanh(mixed) + e
        else:
            memory = f * mixed
            state = 0.5
        state = state * g + math.sin(memory) * h
    return state, memory + a


def gate(u, weight):
    if u > 0.0:
        return u / (1.0 + weight * weight)
    return weight * u


def with_helper(x, a, b, c, d, e, f, g, n: int):
    y = a
    for _ in range(n):
        y = gate(y * b + c, d) + e * gate(x, f)
        x = x * g - 0.1 * y
    return x * y


def early_return(x, a, b, c, d, e, f, g, n: int):
    y = a + b
    while y < 50.0:
        y = y * c + d * x + e
        x = x + f * math.cos(y) * g
        if x > 2.0:
            return x * y
        n -= 1
        if n == 0:
            break
    else:
        y = y * a
    return y - x


def nested(x, a, b, c, d, e, f, g, n: int):
    total = x
    for i in range(n):
        inner = a * i + b
        for j in range(i + 1):
            if j == 3:
                continue
            inner = inner * c + d * total
        total = math.sin(inner + e) * f + total * g
        x, total = total, x
    return total + x


def sequence(x, a, b, c, d, e, f, g, n: int):
    for _ in range(n):
        x = a * x + b * math.cos(c * x) + d
    y = x * e
    for _ in range(n):
        y = f * math.sin(y) + g * x
        x = x - 0.2 * y
    return x, y


CASES = [filter_, with_helper, early_return, nested, sequence]


def points(function, count):
    generator = np.random.default_rng(20)
    inputs = function.__code__.co_argcount - 1
    for _ in range(count):
        yield (*(float(v) for v in generator.uniform(-1.2, 1.2, inputs)), 5)


@pytest.mark.parametrize("function", CASES, ids=lambda f: f.__name__)
def test_text(function):
    text = srcdiff.emit(function, mode="value_and_jacobian")
    assert "one loop over all of them" in text
    space = {}
    exec(text, space)
    for args in points(function, 12):
        expected = dual.value_and_jacobian(function, args)
        assert dual.mismatch(space[f"{function.__name__}_value_and_jacobian"](*args), expected, 1e-10) is None


@pytest.mark.parametrize("function", [with_helper, early_return], ids=lambda f: f.__name__)
def test_compiled(function):
    compiled = srcdiff.jacobian_compiled(function)
    for args in points(function, 4):
        expected = dual.value_and_jacobian(function, args)
        assert dual.mismatch(compiled.value_and_jacobian(*args), expected, 1e-10) is None


def test_few_directions_are_written_out():
    def short(x, a, n: int):
        for _ in range(n):
            x = a * math.sin(x)
        return x

    assert "one loop over all" not in srcdiff.emit(short)


def test_size_does_not_grow_with_the_directions():
    def text(count):
        names = [f"p{i}" for i in range(count)]
        body = "".join(f"        x = x * {name} + {name}\n" for name in names)
        source = f"def f(x, {', '.join(names)}, n: int):\n    for _ in range(n):\n{body}    return x\n"
        filename = f"<wide {count}>"
        import linecache

        linecache.cache[filename] = (len(source), None, source.splitlines(True), filename)
        space = {}
        exec(compile(source, filename, "exec"), space)
        return srcdiff.emit(space["f"], mode="matrix")

    assert len(text(32).splitlines()) < 2.5 * len(text(16).splitlines())
