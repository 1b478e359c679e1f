"""The catalogue of bad input: each entry with its exact message.

An entry is a comment with its number in the catalogue, what it is, and options; the source of a file, in which `f` is
differentiated; and after `---` the class and the text of the error.
"""

# ruff: noqa: E501

import functools
import math
import random
import re

import numba
import numpy as np
import pytest

import srcdiff
from srcdiff.errors import SrcdiffError

CATALOGUE = r'''
# 1 a generator
def f(x):
    yield x * x
---
UnsupportedSyntax: code.py:2:5: `yield` makes f a generator
    yield x * x
    ^^^^^^^^^^^
Return a tuple or an array.
# 1 yield in an expression
def f(x):
    y = yield x
    return y
---
UnsupportedSyntax: code.py:2:9: `yield` makes f a generator
    y = yield x
        ^^^^^^^
Return a tuple or an array.
# 1 an asynchronous function
async def f(x):
    return x * x
---
UnsupportedSyntax: code.py:1:11: f is asynchronous
    async def f(x):
              ^
Write `def` and `return`.
# 1 await
def f(x):
    return helper(x)
async def helper(x):
    return await x
---
UnsupportedSyntax: code.py:3:11: helper is asynchronous
    async def helper(x):
              ^^^^^^
Write `def` and `return`.
# 1 a generator expression that escapes
def f(x):
    terms = (x**k for k in range(3))
    return terms
---
UnsupportedSyntax: code.py:2:14: a generator expression that is not consumed at once
    terms = (x**k for k in range(3))
             ^^^^^^^^^^^^^^^^^^^^^^
Write a list, [...], or pass it to sum, min, max, any, all, tuple or list.
# 1 a generator expression passed to a function
def f(x):
    return helper(x**k for k in range(3))
def helper(terms):
    return 1.0
---
UnsupportedSyntax: code.py:2:19: a generator expression that is not consumed at once
    return helper(x**k for k in range(3))
                  ^^^^^^^^^^^^^^^^^^^^^^
Write a list, [...], or pass it to sum, min, max, any, all, tuple or list.
# 1 a helper that is a generator
def f(x):
    return sum(helper(x))
def helper(x):
    yield x
---
UnsupportedSyntax: code.py:4:5: `yield` makes helper a generator
    yield x
    ^^^^^^^
Return a tuple or an array.
# 2 with
def f(x):
    with np.errstate(all="ignore"):
        return 1.0 / x
---
UnsupportedSyntax: code.py:2:5: `with` is not supported
    with np.errstate(all="ignore"):
    ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
Move it out of the function.
# 3 global
def f(x):
    global STATE
    STATE = x
    return x
---
UnsupportedSyntax: code.py:2:5: `global` is not supported: a derivative writes no globals
    global STATE
    ^^^^^^^^^^^^
Return the value instead.
# 3 nonlocal
def f(x):
    k = 1.0

    def g():
        nonlocal k
        k = x
    g()
    return k
---
UnsupportedSyntax: code.py:5:9: `nonlocal` is not supported
    nonlocal k
    ^^^^^^^^^^
Return the value instead.
# 4 del
def f(x):
    y = x * x
    del y
    return x
---
UnsupportedSyntax: code.py:3:5: `del` is not supported
    del y
    ^^^^^
Leave the line out: nothing depends on it.
# 5 match
def f(x, n):
    match n:
        case 1:
            return x
    return x * x
---
UnsupportedSyntax: code.py:2:5: `match` is not supported
    match n:
    ^^^^^^^^
Use `if` and `elif`.
# 6 an unknown decorator on the function
def logged(g):
    @functools.wraps(g)
    def wrapper(*args):
        return g(*args)
    return wrapper
@logged
def f(x):
    return x * x
---
SourceError: 'f' is wrapped by a decorator: what runs is function at code.py:2, not its source
Put the srcdiff decorator below the other one, or pass `.__wrapped__` if the wrapper changes no value.
# 6 an unknown decorator on a helper
def logged(g):
    @functools.wraps(g)
    def wrapper(*args):
        return g(*args)
    return wrapper
def f(x):
    return 2.0 * helper(x)
@logged
def helper(x):
    return x * x
---
UnsupportedCall: code.py:7:18: helper cannot be differentiated: 'helper' is wrapped by a decorator: what runs is function at code.py:2, not its source
    return 2.0 * helper(x)
                 ^^^^^^^^^
Put the srcdiff decorator below the other one, or pass `.__wrapped__` if the wrapper changes no value.
# 6 a decorator on a nested function
def f(x):
    @functools.cache
    def g(u):
        return u
    return g(x)
---
UnsupportedSyntax: code.py:2:5: g is decorated inside the function
    @functools.cache
    ^^^^^^^^^^^^^^^^
Leave the decorator out, or define it outside.
# 7 ** in the signature
def f(x, **options):
    return x
---
UnsupportedSyntax: code.py:1:10: f takes **options
    def f(x, **options):
             ^^^^^^^^^
Name the parameters.
# 7 ** in the signature of a helper
def f(x):
    return helper(x, scale=2.0)
def helper(x, **options):
    return x
---
UnsupportedSyntax: code.py:2:12: helper takes **options
    return helper(x, scale=2.0)
           ^^^^^^^^^^^^^^^^^^^^
Name its parameters in the signature.
# 8 exec
def f(x):
    exec("y = x")
    return x
---
UnsupportedCall: code.py:2:5: exec runs code that cannot be seen
    exec("y = x")
    ^^^^^^^^^^^^^
Write the code out.
# 8 eval
def f(x):
    return eval("x * x")
---
UnsupportedCall: code.py:2:12: eval runs code that cannot be seen
    return eval("x * x")
           ^^^^^^^^^^^^^
Write the code out.
# 8 getattr with a computed name
def f(x, name):
    return getattr(math, name)(x)
---
UnsupportedCall: code.py:2:12: getattr whose object or name is not known when compiling
    return getattr(math, name)(x)
           ^^^^^^^^^^^^^^^^^^^
Write the attribute out, or choose between functions by `if`.
# 9 an unknown function of NumPy
def f(x):
    return np.quantile([0.0, x], 0.5)
---
UnsupportedCall: code.py:2:12: no derivative is known for np.quantile
    return np.quantile([0.0, x], 0.5)
           ^^^^^^^^^^^^^^^^^^^^^^^^^^
Call functions of math, numpy, or Python functions whose source is at hand.
# 9 an unknown function that is compiled
def f(x):
    return compiled(x)
---
UnsupportedCall: code.py:2:12: no derivative is known for compiled
    return compiled(x)
           ^^^^^^^^^^^
Call functions of math, numpy, or Python functions whose source is at hand.
# 9 a builtin without a derivative
def f(x):
    return hash(x) * x
---
UnsupportedCall: code.py:2:12: no derivative is known for hash
    return hash(x) * x
           ^^^^^^^
Call functions of math, numpy, or Python functions whose source is at hand.
# 9 something that cannot be called
def f(x):
    return x(2.0)
---
UnsupportedCall: code.py:2:12: a number is not callable
    return x(2.0)
           ^^^^^^
# 9 a constant that cannot be called
def f(x):
    return SETTINGS(x)
---
UnsupportedCall: code.py:2:12: a dict is not callable
    return SETTINGS(x)
           ^^^^^^^^^^^
# 10 a method of a number
def f(x):
    return x.as_integer_ratio()
---
UnsupportedCall: code.py:2:12: the method as_integer_ratio of a number is not known
    return x.as_integer_ratio()
           ^^^^^^^^^^^^^^^^^^^^
Use functions of math and numpy.
# 10 a method of an array
def f(x):
    a = np.array([x, 2.0])
    a.byteswap()
    return a
---
UnsupportedCall: code.py:3:5: the method byteswap of an array of shape (2,) is not known
    a.byteswap()
    ^^^^^^^^^^^^
Use functions of math and numpy.
# 10 a method of an object whose class is compiled
def f(x):
    return SETTINGS.setdefault("k", x)
---
UnsupportedCall: code.py:2:12: the method setdefault of a dict is not known
    return SETTINGS.setdefault("k", x)
           ^^^^^^^^^^^^^^^^^^^^^^^^^^^
Use functions of math and numpy.
# 11 an unsupported keyword of a reduction
def f(x):
    return np.sum(np.array([x, x]), dtype=np.float32)
---
UnsupportedCall: code.py:2:12: np.sum takes no dtype= here
    return np.sum(np.array([x, x]), dtype=np.float32)
           ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
Only axis= is known.
# 11 an unsupported keyword of np.array
def f(x):
    return np.array([x, x], order="F")
---
UnsupportedCall: code.py:2:12: np.array takes no order= here
    return np.array([x, x], order="F")
           ^^^^^^^^^^^^^^^^^^^^^^^^^^^
Leave it out.
# 11 an unsupported keyword of a ufunc
def f(x):
    return np.sin(x, dtype=np.float32)
---
UnsupportedCall: code.py:2:12: np.sin takes no dtype= here
    return np.sin(x, dtype=np.float32)
           ^^^^^^^^^^^^^^^^^^^^^^^^^^^
Pass arguments by position, and convert the result.
# 11 an unsupported keyword of max
def f(x):
    return max(x, -x, key=abs)
---
UnsupportedCall: code.py:2:12: max takes no key= here
    return max(x, -x, key=abs)
           ^^^^^^^^^^^^^^^^^^^
Use `if`.
# 11 an unknown keyword of a helper
def f(x):
    return helper(x, scale=2.0)
def helper(x, factor=1.0):
    return x * factor
---
UnsupportedCall: code.py:2:12: helper has no parameter scale that can be given by name
    return helper(x, scale=2.0)
           ^^^^^^^^^^^^^^^^^^^^
# 12 out=
def f(x):
    a = np.zeros(2)
    np.sin(np.array([x, x]), out=a)
    return a
---
UnsupportedCall: code.py:3:5: np.sin takes no out= or where= here
    np.sin(np.array([x, x]), out=a)
    ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
Write `result = np.sin(...)`, and `if` or np.where.
# 12 where=
def f(x):
    return np.sqrt(x, where=True)
---
UnsupportedCall: code.py:2:12: np.sqrt takes no out= or where= here
    return np.sqrt(x, where=True)
           ^^^^^^^^^^^^^^^^^^^^^^
Write `result = np.sqrt(...)`, and `if` or np.where.
# 13 random
def f(x):
    return x + random.gauss(x, 1.0)
---
UnsupportedCall: code.py:2:16: random.gauss draws random numbers
    return x + random.gauss(x, 1.0)
               ^^^^^^^^^^^^^^^^^^^^
Draw the numbers outside and pass them in.
# 13 random.random
def f(x):
    return x * random.random()
---
UnsupportedCall: code.py:2:16: random.random draws random numbers
    return x * random.random()
               ^^^^^^^^^^^^^^^
Draw the numbers outside and pass them in.
# 13 numpy.random
def f(x):
    return x * np.random.normal(x)
---
UnsupportedCall: code.py:2:16: np.random.normal draws random numbers
    return x * np.random.normal(x)
               ^^^^^^^^^^^^^^^^^^^
Draw the numbers outside and pass them in.
# 13 a generator of NumPy
def f(x):
    return x * RNG.normal()
---
UnsupportedCall: code.py:2:16: RNG.normal draws random numbers
    return x * RNG.normal()
               ^^^^^^^^^^^^
Draw the numbers outside and pass them in.
# 14 a dict that is written
def f(x):
    d = {}
    d["x"] = x
    return d["x"]
---
UnsupportedType: code.py:3:5: an item of a dict is assigned
    d["x"] = x
    ^^^^^^
Use an array or a list.
# 14 a dict whose keys vary
def f(x):
    return {x * 2.0: 1.0}[x * 2.0]
---
WrtError: f has no differentiable parameter
Its parameters are x.
# 14 a set
def f(x):
    s = {x, 2.0}
    return x
---
UnsupportedSyntax: code.py:2:9: a set is not supported
    s = {x, 2.0}
        ^^^^^^^^
Use a tuple.
# 14 a string of a number
def f(x):
    return float(str(x))
---
UnsupportedType: code.py:2:18: instances of the class str cannot be differentiated
    return float(str(x))
                 ^^^^^^
Use scalars, tuples, namedtuples or arrays.
# 14 an f-string that is computed with
def f(x):
    s = f"{x}" + "!"
    return x
---
UnsupportedType: code.py:2:9: `+` between a string and a string
    s = f"{x}" + "!"
        ^^^^^^^^^^^^
Use numbers or arrays; np.array(...) makes an array of a tuple or list.
# 14 bytes
def f(x):
    b = b"abc"
    return x
---
UnsupportedType: code.py:2:9: bytes are not numbers
    b = b"abc"
        ^^^^^^
Use numbers, or a string for a mode.
# 14 an object array
def f(x):
    a = np.array([x, 1.0], dtype=object)
    return a[0]
---
UnsupportedType: code.py:2:9: an array of object holds no numbers
    a = np.array([x, 1.0], dtype=object)
        ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
Use float64, float32, complex or integers.
# 14 a structured array
def f(x):
    a = np.zeros(2, dtype=[("u", float)])
    return x
---
UnsupportedType: code.py:2:9: this dtype is not supported
    a = np.zeros(2, dtype=[("u", float)])
        ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
Use float64, float32, complex or integers.
# 14 an array of strings
def f(x):
    a = np.array(["a", "b"])
    return x
---
UnsupportedType: code.py:2:9: a string is put in an array
    a = np.array(["a", "b"])
        ^^^^^^^^^^^^^^^^^^^^
Arrays hold numbers.
# 17 a float into an array of integers
def f(x):
    a = np.zeros(2, dtype=np.int64)
    a[0] = x
    return a
---
UnsupportedType: code.py:3:5: a floating-point value is written to an array of integers
    a[0] = x
    ^^^^
Make the array of floats: np.zeros(n), or dtype=np.float64.
# 17 a float into an array of integer literals
def f(x):
    a = np.array([1, 2])
    a[0] = x
    return a
---
UnsupportedType: code.py:3:5: a floating-point value is written to an array of integers
    a[0] = x
    ^^^^
Make the array of floats: np.zeros(n), or dtype=np.float64.
# 17 a float into an array of truth values
def f(x):
    a = np.array([True, False])
    a[:] = x
    return a
---
UnsupportedType: code.py:3:5: a floating-point value is written to an array of integers
    a[:] = x
    ^^^^
Make the array of floats: np.zeros(n), or dtype=np.float64.
# 17 a float64 into a float32 array
def f(x):
    a = np.zeros(2, dtype=np.float32)
    a[0] = x
    return a
---
UnsupportedType: code.py:3:5: a float64 value is written to a float32 array
    a[0] = x
    ^^^^
Convert it: np.float32(...), or use one precision throughout.
# 17 a complex number into an array of floats
def f(x):
    a = np.zeros(2)
    a[0] = 1j * x
    return a
---
UnsupportedType: code.py:3:5: a complex value is written to an array of floats
    a[0] = 1j * x
    ^^^^
Make the array complex: dtype=complex.
# 18 a write to an argument | wrt="x", types="float64, float64[:]"
def f(x, buffer):
    buffer[0] = x
    return x * buffer[0]
---
UnsupportedType: code.py:2:5: the function writes to its argument buffer, which is neither in wrt nor in of
    buffer[0] = x
    ^^^^^^^^^
Copy it first (buffer = buffer.copy()), or name it: of="buffer".
# 18 a write to an argument by a helper | wrt="x", types="float64, float64[:]"
def f(x, buffer):
    helper(buffer, x)
    return x
def helper(a, v):
    a[0] = v
---
UnsupportedType: code.py:5:5: the function writes to its argument a, which is neither in wrt nor in of
    a[0] = v
    ^^^^
Copy it first (a = a.copy()), or name it: of="a".
# 18 a write to a constant array
def f(x):
    TABLE[0] = x
    return TABLE[0]
---
UnsupportedType: code.py:2:5: an array is written, but TABLE is a constant outside the function
    TABLE[0] = x
    ^^^^^^^^
Copy it first: x = x.copy().
# 18 a write to a list of the caller
def f(x):
    items = [x]
    helper(items)
    return items[0]
def helper(items):
    items.append(2.0)
---
UnsupportedType: code.py:6:5: the list items belongs to the caller, which .append would change
    items.append(2.0)
    ^^^^^^^^^^^^^^^^^
Copy it first: list(...).
# 18 an item of a list of the caller
def f(x):
    items = [x]
    helper(items)
    return items[0]
def helper(items):
    items[0] = 2.0
---
UnsupportedType: code.py:6:5: the list items belongs to the caller, and is written
    items[0] = 2.0
    ^^^^^^^^
Copy it first: list(...).
# 18 an array that may be another
def f(x):
    a = np.array([x, 1.0])
    b = a
    if x > 1.0:
        b = a * 2.0
    b[0] = 3.0
    return a
---
UnsupportedType: code.py:6:5: an array is written, but b may or may not share memory with another array here
    b[0] = 3.0
    ^^^^
Copy it first: x = x.copy().
# 18 an array that may be another after a loop
def f(x, n):
    a = np.array([x, 1.0])
    b = a
    for _ in range(n):
        a = a * x
    b[0] = 3.0
    return a
---
UnsupportedType: code.py:6:5: an array is written, but a may share memory with another array here
    b[0] = 3.0
    ^^^^
Copy it first: x = x.copy().
# 20 a name of one branch
def f(x):
    if x > 1.0:
        y = x * x
    return y
---
UnsupportedType: code.py:4:12: y is not defined on every path that leads here
    return y
           ^
Give y a value before the branch or loop.
# 20 a name of a loop that may not run
def f(x, n):
    for i in range(n):
        y = x * i
    return y
---
UnsupportedSyntax: code.py:4:12: y is read before it has a value
    return y
           ^
Give y a value on every path first.
# 20 a name that is assigned later
def f(x):
    y = z * x
    z = 1.0
    return y
---
UnsupportedSyntax: code.py:2:9: z is read before it has a value
    y = z * x
        ^
Give z a value on every path first.
# 20 an unknown name
def f(x):
    return x * undefined
---
UnsupportedSyntax: code.py:2:16: the name undefined is not defined
    return x * undefined
               ^^^^^^^^^
Define or import it.
# 20 a name that a called closure lacks
def f(x):
    def g(u):
        return u * k
    y = g(x)
    k = 2.0
    return y * k
---
UnsupportedSyntax: code.py:3:20: the name k is not defined
    return u * k
               ^
Define or import it.
# 21 a type that differs between branches
def f(x):
    if x > 1.0:
        y = x
    else:
        y = (x, x)
    return y
---
UnsupportedType: code.py:6:12: y has different types or shapes on the paths that lead here
    return y
           ^
Give y one type on every path.
# 21 a string on one branch
def f(x):
    if x > 1.0:
        y = x
    else:
        y = "none"
    return y
---
UnsupportedType: code.py:6:12: y has different types on the paths that lead here
    return y
           ^
Give y one type.
# 21 a conditional expression
def f(x):
    return x if x > 0 else "none"
---
UnsupportedType: code.py:2:12: the two arms of the conditional have different types
    return x if x > 0 else "none"
           ^^^^^^^^^^^^^^^^^^^^^^
Give both one type and one shape.
# 21 arms of different structure
def f(x):
    return (x, 1.0) if x > 0 else x
---
UnsupportedType: code.py:2:12: the two arms of the conditional have different types
    return (x, 1.0) if x > 0 else x
           ^^^^^^^^^^^^^^^^^^^^^^^^
Give both one type and one shape.
# 21 a shape that differs between branches
def f(x):
    a = np.zeros(2)
    if x > 1.0:
        a = np.zeros(3)
    return a * x
---
UnsupportedType: code.py:5:12: a has different types or shapes on the paths that lead here
    return a * x
           ^
Give a one type on every path.
# 21 a tuple that grows
def f(x, n):
    y = (x,)
    for _ in range(n):
        y = y + (x,)
    return y
---
UnsupportedType: code.py:4:13: y changes its type, length or array from one iteration to the next
    y = y + (x,)
        ^
Give y one type before the loop; copy an array that is exchanged.
# 21 a list that grows
def f(x, n):
    items = []
    for _ in range(n):
        items.append(x)
    return items[0]
---
UnsupportedType: code.py:4:9: a list that grows in a loop (.append) needs a trip count known when compiling
    items.append(x)
    ^^^^^^^^^^^^^^^
Make an array before the loop, out = np.zeros(n), and write out[i].
# 22 returns of different structure
def f(x):
    if x > 1.0:
        return x
    return x, x
---
UnsupportedType: code.py:4:5: this returns a tuple of 2, another return gives a float
    return x, x
    ^^^^^^^^^^^
Return the same structure on every path.
# 22 returns of a number and an array
def f(x):
    if x > 1.0:
        return x
    return np.array([x])
---
UnsupportedType: code.py:4:5: this returns an array of shape (1,), another return gives a float
    return np.array([x])
    ^^^^^^^^^^^^^^^^^^^^
Return the same structure on every path.
# 22 a missing return
def f(x):
    if x > 1.0:
        return x
---
UnsupportedSyntax: code.py:1:5: not every path through f returns a value
    def f(x):
        ^
Add a `return` at the end.
# 22 nothing returned
def f(x):
    y = x * x
---
UnsupportedSyntax: code.py:1:5: f returns nothing
    def f(x):
        ^
Return the result, or name the argument that it fills: of="dy".
# 22 a string returned
def f(x):
    return "x"
---
UnsupportedType: code.py:2:5: a string is returned
    return "x"
    ^^^^^^^^^^
Return numbers.
# 22 a function returned
def f(x):
    return lambda u: u * x
---
UnsupportedType: code.py:2:5: the function lambda_ is returned
    return lambda u: u * x
    ^^^^^^^^^^^^^^^^^^^^^^
Return numbers, tuples or arrays.
# 22 a helper without a value
def f(x):
    return 2.0 * helper(x)
def helper(x):
    y = x
---
UnsupportedType: code.py:2:12: `*` between a number and None
    return 2.0 * helper(x)
           ^^^^^^^^^^^^^^^
Use numbers or arrays; np.array(...) makes an array of a tuple or list.
# 23 an unknown name in wrt | wrt="y"
def f(x):
    return x
---
WrtError: wrt= names 'y', which is no parameter of f
Its parameters are x.
# 23 wrt out of range | wrt=2
def f(x):
    return x
---
WrtError: wrt=2 is out of range: f has 1 parameters
Its parameters are x.
# 23 an empty wrt | wrt=()
def f(x):
    return x
---
WrtError: wrt= is empty
Name at least one parameter, or leave wrt= out.
# 23 a name twice | wrt=("x", "x")
def f(x):
    return x
---
WrtError: wrt= names 'x' twice
Name each parameter once.
# 23 an integer in wrt | wrt="n"
def f(x, n: int):
    return x * n
---
WrtError: wrt= names 'n', which is discrete: an integer, truth value, string or None
Derivatives exist by continuous parameters; annotate it `float` if it is one.
# 23 a range in wrt | wrt="n"
def f(x, n):
    for _ in range(n):
        x = x * x
    return x
---
WrtError: wrt= names 'n', which is discrete: an integer, truth value, string or None
Derivatives exist by continuous parameters; annotate it `float` if it is one.
# 23 a string in wrt | wrt="mode"
def f(x, mode):
    return x if mode == "fast" else x * x
---
WrtError: wrt= names 'mode', which is discrete: an integer, truth value, string or None
Derivatives exist by continuous parameters; annotate it `float` if it is one.
# 23 None in wrt | wrt="scale"
def f(x, scale=None):
    return x if scale is None else x * scale
---
WrtError: wrt= names 'scale', which is discrete: an integer, truth value, string or None
Derivatives exist by continuous parameters; annotate it `float` if it is one.
# 23 a truth value in wrt | wrt="flag"
def f(x, flag=True):
    return x if flag else x * x
---
WrtError: wrt= names 'flag', which is discrete: an integer, truth value, string or None
Derivatives exist by continuous parameters; annotate it `float` if it is one.
# 23 something else in wrt | wrt=(1.5,)
def f(x):
    return x
---
WrtError: wrt= takes names and positions, not 1.5
Its parameters are x.
# 23 both an input and a result | wrt="y", of="y"
def f(x, y):
    y[0] = x
---
WrtError: 'y' is named in both wrt= and of=
An argument is an input or a result.
# 23 an unknown name in of | of="z"
def f(x, y):
    y[0] = x
---
WrtError: of= names 'z', which is no parameter of f
Its parameters are x, y.
# 23 no parameter that varies
def f(n: int):
    return 2.0 * n
---
WrtError: f has no differentiable parameter
Its parameters are n.
# 26 an instance of a class
def f(x):
    return helper(Spring(x))
def helper(s):
    return s.k
---
UnsupportedType: code.py:2:19: instances of the class Spring cannot be differentiated
    return helper(Spring(x))
                  ^^^^^^^^^
Use scalars, tuples, namedtuples or arrays.
# 26 an instance that is returned
def f(x):
    return SPRING
---
UnsupportedType: code.py:2:5: SPRING (a Spring) is returned
    return SPRING
    ^^^^^^^^^^^^^
Return numbers, tuples or arrays.
# 26 an instance in arithmetic
def f(x):
    return SPRING * x
---
UnsupportedType: code.py:2:12: `*` between SPRING (a Spring) and a number
    return SPRING * x
           ^^^^^^^^^^
Use numbers or arrays; np.array(...) makes an array of a tuple or list.
# 26 an unknown attribute
def f(x):
    return SPRING.mass * x
---
UnsupportedType: code.py:2:12: SPRING has no attribute mass
    return SPRING.mass * x
           ^^^^^^^^^^^
# 26 an attribute that is written
def f(x):
    SPRING.k = x
    return x
---
UnsupportedSyntax: code.py:2:5: an attribute is assigned
    SPRING.k = x
    ^^^^^^^^
Return the value instead; objects are constants here.
# 26 an object of numba.vectorize
def f(x):
    return vectorized(x)
---
UnsupportedCall: code.py:2:12: vectorized cannot be differentiated: 'vectorized' is a Numba DUFunc object, whose source cannot be had
    return vectorized(x)
           ^^^^^^^^^^^^^
Pass the plain Python function, or one compiled by @njit.
# 26 a jitclass
def f(x):
    return Jitted(2.0).k * x
---
UnsupportedType: code.py:2:12: instances of the class Jitted cannot be differentiated
    return Jitted(2.0).k * x
           ^^^^^^^^^^^
Use scalars, tuples, namedtuples or arrays.
# 26 np.vectorize
def f(x):
    return np.vectorize(math.sin)(x)
---
UnsupportedType: code.py:2:12: instances of the class vectorize cannot be differentiated
    return np.vectorize(math.sin)(x)
           ^^^^^^^^^^^^^^^^^^^^^^
Use scalars, tuples, namedtuples or arrays.
# 27 prange with a carried value
def f(x, n):
    total = 0.0
    for i in numba.prange(n):
        total += x * i
    return total
---
UnsupportedSyntax: code.py:3:14: total is carried from one iteration of a prange to the next
    for i in numba.prange(n):
             ^^^^^^^^^^^^^^^
Write range: the iterations depend on each other.
# an index out of range
def f(x):
    return np.array([x, 2.0])[2]
---
UnsupportedType: code.py:2:12: index 2 is out of range for length 2
    return np.array([x, 2.0])[2]
           ^^^^^^^^^^^^^^^^^^^^^
# an index into a tuple out of range
def f(x):
    return (x, 2.0)[5]
---
UnsupportedType: code.py:2:12: index 5 is out of range
    return (x, 2.0)[5]
           ^^^^^^^^^^^
# too many indices
def f(x):
    return np.array([x, 2.0])[0, 0]
---
UnsupportedType: code.py:2:12: too many indices for an array of shape (2,)
    return np.array([x, 2.0])[0, 0]
           ^^^^^^^^^^^^^^^^^^^^^^^^
# too many values
def f(x):
    a, b = x, x, x
    return a
---
UnsupportedType: code.py:2:5: 3 values for 2 names
    a, b = x, x, x
    ^^^^
# too few values
def f(x):
    a, b, *c = (x,)
    return a
---
UnsupportedType: code.py:2:5: 1 value for 2 or more names
    a, b, *c = (x,)
    ^^^^^^^^
# a negative length
def f(x):
    return np.zeros(-1) * x
---
UnsupportedType: code.py:2:12: an array of length -1
    return np.zeros(-1) * x
           ^^^^^^^^^^^^
Lengths are 0 or more.
# no shape
def f(x):
    return np.zeros() * x
---
UnsupportedCall: code.py:2:12: np.zeros with these arguments
    return np.zeros() * x
           ^^^^^^^^^^
Check their number and types.
# shapes that do not fit
def f(x):
    return np.array([x, x]) + np.zeros(3)
---
UnsupportedType: code.py:2:12: arrays of shape (2,) and (3,) cannot be broadcast together
    return np.array([x, x]) + np.zeros(3)
           ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
# matrices that do not fit
def f(x):
    return np.eye(2) @ np.array([x, x, x])
---
UnsupportedType: code.py:2:12: `@` of arrays of shape (2, 2) and (3,)
    return np.eye(2) @ np.array([x, x, x])
           ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
# a slice that does not fit
def f(x):
    a = np.zeros(3)
    a[:2] = np.array([x, x, x])
    return a
---
UnsupportedType: code.py:3:5: arrays of shape (3,) and (2,) cannot be broadcast together
    a[:2] = np.array([x, x, x])
    ^^^^^
# a ragged array
def f(x):
    return np.array([[x, 1.0], [2.0]])
---
UnsupportedType: code.py:2:12: rows of different lengths do not make an array
    return np.array([[x, 1.0], [2.0]])
           ^^^^^^^^^^^^^^^^^^^^^^^^^^^
# an axis that does not exist
def f(x):
    return np.sum(np.array([x, x]), axis=1)
---
UnsupportedCall: code.py:2:12: np.sum with these arguments: axis 1 is out of bounds for array of dimension 1
    return np.sum(np.array([x, x]), axis=1)
           ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
Check their number and types.
# the truth of an array
def f(x):
    if np.array([x, x]) > 1.0:
        return x
    return x * x
---
UnsupportedType: code.py:2:8: the truth value of an array of shape (2,) is ambiguous
    if np.array([x, x]) > 1.0:
       ^^^^^^^^^^^^^^^^^^^^^^
Compare one element, or use .any() or .all().
# an element of np.empty
def f(x):
    a = np.empty(2)
    a[0] = x
    return a
---
UnsupportedType: code.py:4:5: an element of the result has no value
    return a
    ^^^^^^^^
Use np.zeros.
# too few arguments
def f(x):
    return math.sin()
---
UnsupportedCall: code.py:2:12: math.sin takes 1 argument here, not 0
    return math.sin()
           ^^^^^^^^^^
# too many arguments
def f(x):
    return math.hypot(x, x, x, x) + math.atan2(x)
---
UnsupportedCall: code.py:2:12: math.hypot takes 2 arguments here, not 4
    return math.hypot(x, x, x, x) + math.atan2(x)
           ^^^^^^^^^^^^^^^^^^^^^^
Nest the calls if it is associative.
# a missing argument of a helper
def f(x):
    return helper(x)
def helper(a, b):
    return a * b
---
UnsupportedCall: code.py:2:12: helper is called without its argument b
    return helper(x)
           ^^^^^^^^^
Pass b.
# too many arguments of a helper
def f(x):
    return helper(x, x, x)
def helper(a, b):
    return a * b
---
UnsupportedCall: code.py:2:12: helper takes 2 positional arguments, not 3
    return helper(x, x, x)
           ^^^^^^^^^^^^^^^
# an argument given twice
def f(x):
    return helper(x, a=x)
def helper(a, b=1.0):
    return a * b
---
UnsupportedCall: code.py:2:12: helper is given its argument a twice
    return helper(x, a=x)
           ^^^^^^^^^^^^^^
# star-arguments of unknown length
def f(x):
    return helper(*x)
def helper(a, b):
    return a * b
---
UnsupportedType: code.py:2:20: a number is iterated over
    return helper(*x)
                   ^
Iterate over a range, tuple or array.
# a recursion over constants without end
def f(x):
    return helper(x, 500)
def helper(x, n):
    a = np.array([x, 1.0])
    return a[0] if n == 0 else helper(x * a[n % 2], n - 1)
---
UnsupportedSyntax: code.py:5:32: helper is called within itself more than 30 times with other constants each time
    return a[0] if n == 0 else helper(x * a[n % 2], n - 1)
                               ^^^^^^^^^^^^^^^^^^^^^^^^^^^
Write a loop, or let the depth be an argument that no index or length depends on.
# try
def f(x):
    try:
        return 1.0 / x
    except ZeroDivisionError:
        return 0.0
---
UnsupportedSyntax: code.py:2:5: `try` is not supported
    try:
    ^^^^
Test the condition with `if`; compiled code gives nan or inf instead.
# a class
def f(x):
    class Point:
        pass
    return x
---
UnsupportedSyntax: code.py:2:5: a class is defined inside the function
    class Point:
    ^^^^^^^^^^^^
Define it outside.
# a type error in a comparison
def f(x):
    return 1.0 if 1j * x > 2.0 else x
---
UnsupportedType: code.py:2:19: complex numbers have no order
    return 1.0 if 1j * x > 2.0 else x
                  ^^^^^^^^^^^^
Compare their moduli: abs(z).
# identity of numbers
def f(x):
    return 1.0 if x is 2.0 else x
---
UnsupportedType: code.py:2:19: `is` between numbers
    return 1.0 if x is 2.0 else x
                  ^^^^^^^^
Use `==`.
# bits of a float
def f(x):
    y = 2.0 * x
    return y & 1
---
UnsupportedType: code.py:3:12: `&` of floating-point numbers
    return y & 1
           ^^^^^
Use it on integers or truth values.
# a tuple times a number
def f(x):
    return (1.0, 2.0) * x
---
UnsupportedType: code.py:2:12: `*` between a tuple and a number
    return (1.0, 2.0) * x
           ^^^^^^^^^^^^^^
Use numbers or arrays; np.array(...) makes an array of a tuple or list.
# None plus a number
def f(x):
    return x + None
---
UnsupportedType: code.py:2:12: `+` between a number and None
    return x + None
           ^^^^^^^^
Use numbers or arrays; np.array(...) makes an array of a tuple or list.
# math of a complex number
def f(x):
    return math.sin(1j * x)
---
UnsupportedType: code.py:2:12: math.sin of a complex number
    return math.sin(1j * x)
           ^^^^^^^^^^^^^^^^
Use the function of cmath or numpy.
# a complex number made real
def f(x):
    return float(1j * x)
---
UnsupportedType: code.py:2:12: float of a complex number
    return float(1j * x)
           ^^^^^^^^^^^^^
Use .real or abs().
# float of a string
def f(x):
    return float("abc") * x
---
UnsupportedType: code.py:2:12: float('abc')
    return float("abc") * x
           ^^^^^^^^^^^^
Write the number.
# a module that is missing
def f(x):
    import no_such_module
    return x
---
UnsupportedSyntax: code.py:2:5: the module no_such_module cannot be imported
    import no_such_module
    ^^^^^^^^^^^^^^^^^^^^^
Install it, or leave it out.
# a walrus that changes what was read
def f(x):
    y = x
    return y * (y := x * x)
---
UnsupportedSyntax: code.py:3:17: y is read and then assigned within one statement
    return y * (y := x * x)
                ^^^^^^^^^^
Assign y in a statement of its own.
# printing
def f(x):
    print(x)
    return x
---
UnsupportedCall: code.py:2:5: print is not supported
    print(x)
    ^^^^^^^^
Leave it out, or print outside of the function.
# a comprehension of unknown length
def f(x):
    return sum([v for v in (x, 2.0) if v > x])
---
UnsupportedSyntax: code.py:2:36: the length of this comprehension depends on a value
    return sum([v for v in (x, 2.0) if v > x])
                                   ^^^^^^^^^
Filter by constants only, or use a loop.
# tabs
def f(x):
	with np.errstate():
		return x
---
UnsupportedSyntax: code.py:2:2: `with` is not supported
    with np.errstate():
    ^^^^^^^^^^^^^^^^^^^
Move it out of the function.
# an error in a nested function
def f(x):
    def g(u):
        return u.real.foo

    return g(x)
---
UnsupportedType: code.py:3:16: a number has no attribute foo
    return u.real.foo
           ^^^^^^^^^^
Use functions of math and numpy.
# a lambda
f = lambda x: x + SPRING
---
UnsupportedType: code.py:1:15: `+` between a number and SPRING (a Spring)
    f = lambda x: x + SPRING
                  ^^^^^^^^^^
Use numbers or arrays; np.array(...) makes an array of a tuple or list.
# a multi-line expression
def f(x):
    return (
        x
        + np.quantile(
            [x, 1.0], 0.5
        )
    )
---
UnsupportedCall: code.py:4:11: no derivative is known for np.quantile
    + np.quantile(
      ^^^^^^^^^^^^
Call functions of math, numpy, or Python functions whose source is at hand.
# characters of two columns
def f(x):
    é = x; return é + SPRING
---
UnsupportedType: code.py:2:19: `+` between a number and SPRING (a Spring)
    é = x; return é + SPRING
                  ^^^^^^^^^^
Use numbers or arrays; np.array(...) makes an array of a tuple or list.
'''


class Spring:
    def __init__(self, k):
        self.k = k


@numba.vectorize
def vectorized(x):
    return x * x


@numba.experimental.jitclass([("k", numba.float64)])
class Jitted:
    def __init__(self, k):
        self.k = k


NAMES = {
    "Jitted": Jitted,
    "RNG": np.random.default_rng(0),
    "SETTINGS": {"k": 2.0},
    "SPRING": Spring(2.0),
    "Spring": Spring,
    "TABLE": np.array([1.0, 2.0]),
    "compiled": np.frompyfunc(abs, 1, 1),
    "functools": functools,
    "math": math,
    "np": np,
    "numba": numba,
    "random": random,
    "vectorized": vectorized,
}


def entries():
    for block in re.split(r"^# ", CATALOGUE.strip("\n"), flags=re.MULTILINE)[1:]:
        head, _, rest = block.partition("\n")
        title, _, options = head.partition(" | ")
        source, _, expected = rest.partition("---\n")
        yield pytest.param(source, eval(f"dict({options})"), expected.rstrip("\n"), id=title)


def load(source, directory):
    path = directory / "code.py"
    path.write_text(source, encoding="utf-8")
    names = dict(NAMES)
    exec(compile(source, str(path), "exec"), names)
    return names["f"]


@pytest.mark.filterwarnings("ignore::SyntaxWarning")
@pytest.mark.parametrize(("source", "options", "expected"), list(entries()))
def test_message(source, options, expected, tmp_path):
    function = load(source, tmp_path)
    with pytest.raises(SrcdiffError) as caught:
        srcdiff.emit(function, **options)
    assert f"{type(caught.value).__name__}: {caught.value}" == expected


@pytest.mark.parametrize(
    ("function", "expected"),
    [
        (math.sin, "SourceError: 'sin' is compiled code (builtin_function_or_method): it has no Python source\n"
         "Wrap it in a function that calls it, as in `lambda x: sin(x)`."),
        (np.sin, "SourceError: 'sin' is compiled code (ufunc): it has no Python source\n"
         "Wrap it in a function that calls it, as in `lambda x: sin(x)`."),
        (Spring, "SourceError: 'Spring' is a class, not a function\n"
         "Pass a function, or a method of one of its instances."),
        (Spring(2.0), "SourceError: a function is expected, not 'Spring' of type 'Spring'"),
        (vectorized, "SourceError: 'vectorized' is a Numba DUFunc object, whose source cannot be had\n"
         "Pass the plain Python function, or one compiled by @njit."),
        (None, "SourceError: a function is expected, not 'NoneType' of type 'NoneType'"),
    ],
    ids=["builtin", "ufunc", "class", "instance", "vectorize", "None"],
)  # fmt: skip
def test_no_source(function, expected):
    with pytest.raises(SrcdiffError) as caught:
        srcdiff.emit(function)
    assert f"{type(caught.value).__name__}: {caught.value}" == expected


def test_code_typed_at_a_prompt():
    names = {}
    exec("def f(x):\n    return x * x\n", names)
    with pytest.raises(SrcdiffError) as caught:
        srcdiff.emit(names["f"])
    assert str(caught.value) == (
        "'f' was defined in <string>, of which no source is kept\n"
        "Put it into a file or a notebook cell. Code that is generated can be registered in `linecache`."
    )


@pytest.mark.parametrize(
    ("data", "place"),
    [
        (b"def f(x):\r\n    y = x\r\n    return y + z\r\n", "3:16"),
        (b"\xef\xbb\xbfdef f(x):\n    return x + z\n", "2:16"),
        (b"# coding: latin-1\ndef f(\xe9):\n    return \xe9 + z\n", "3:16"),
        (b"if True:\n\tdef f(x):\n\t\treturn x + z\n", "3:14"),
        ("def f(x):\n    '''é'''; return x + z\n".encode(), "2:25"),
        (b"def f(x):\n    return (x +\n\n            z)\n", "4:13"),
        (b"\n\n@staticmethod\ndef f(x): return x + z\n", "4:22"),
    ],
    ids=["CRLF", "BOM", "latin-1", "tabs", "characters", "continued", "decorator"],
)
def test_places_are_those_of_the_file(data, place, tmp_path):
    path = tmp_path / "code.py"
    path.write_bytes(data)
    names = {}
    exec(compile(data, str(path), "exec"), names)
    with pytest.raises(SrcdiffError) as caught:
        srcdiff.emit(names["f"])
    assert str(caught.value).startswith(f"code.py:{place}: the name z is not defined\n")


def test_a_file_that_was_edited(tmp_path):
    function = load("def f(x):\n    return x * x\n", tmp_path)
    (tmp_path / "code.py").write_text("def f(x):\n    return x * x * x\n")
    with pytest.raises(SrcdiffError) as caught:
        srcdiff.emit(function)
    assert str(caught.value) == (
        "code.py no longer holds the code of 'f' that runs\n"
        "The file was edited after it was imported, or an import hook rewrote the code. "
        "Import it again (or run the cell again); without the hook if there is one."
    )


ODD = r"""
np.zeros(2, 3, 4)
np.array([])
np.array("ab")
np.array([x, [x]])
np.array(None)
np.zeros("a")
np.zeros(2.5)
np.zeros((2, -1))
np.full(2)
np.full()
np.eye("a")
np.eye(-1)
np.arange()
np.arange(1, 2, 0)
np.arange("a")
np.linspace(x)
np.linspace(0, 1, -3)
np.concatenate()
np.concatenate(x)
np.concatenate([])
np.concatenate([np.zeros(2), np.zeros((2, 2))])
np.stack([np.zeros(2), np.zeros(3)])
np.stack([])
np.vstack(())
np.dot(x)
np.dot(None, x)
np.dot(np.zeros((2, 2)), np.zeros(3))
np.outer(x)
np.cross(x, x)
np.cross([x, x], [x, x])
np.linalg.norm()
np.linalg.norm("a")
np.linalg.norm([x, x], 1)
np.linalg.norm([x, x], ord="fro")
np.linalg.det(x)
np.linalg.det(np.zeros((4, 4)))
np.linalg.inv(np.eye(2))
np.trace([x, x])
np.diag(x)
np.diag([[[x]]])
np.reshape([x, x])
np.reshape([x, x], 3)
np.reshape([x, x], (2, "a"))
np.transpose([[x, x]], (0, 0))
np.transpose([[x, x]], (0, 5))
np.squeeze(x)
np.roll([x, x])
np.roll([x, x], x)
np.sum()
np.sum("ab")
np.sum([x], axis=3)
np.sum([x], axis="a")
np.sum([x], 1, 2, 3)
np.max([])
np.max(np.zeros((0, 2)), axis=0)
np.mean([])
np.prod("a")
np.var([])
np.cumsum([[x]])
np.diff([[x]])
np.clip(x)
np.clip(x, "a", "b")
np.where(x)
np.where(x, x)
np.where("a", x, x)
np.array([x]).astype("foo")
np.array([x]).astype()
np.array([x]).reshape()
np.array([x]).dot()
np.array([x]).fill()
np.array([x]).nope
np.array([x]).shape[5]
np.array([x])[5]
np.array([x])["a"]
np.array([x])[None][None][0][0][0][0]
np.array([x])[1:2:0]
np.array([x])[[5]]
np.array([x])[[True, False]]
np.array([x])[True]
np.array([x]) @ x
np.array([x]) @ np.zeros((2, 2, 2))
np.array([x]) % "a"
np.array([x]) + None
np.array([x]) < None
np.float64()
np.float64("a")
np.float64(x, x)
np.int64([x, x])
np.sin()
np.sin("a")
np.sin(None)
np.sin(x, x, x)
np.maximum(x)
np.hypot(x, "a")
np.einsum("i,i", [x], [x])
np.vectorize(abs)(x)
np.nope(x)
np.pi(x)
math.sin(x, x)
math.sin([x])
math.sin(None)
math.dist(x, x)
math.dist([x], [x, x])
math.fsum(x)
math.prod(x)
math.ldexp(x, x)
math.gcd(x, 2)
math.comb(5, 2)
math.nope
math(x)
abs()
abs("a")
abs(None)
abs([x])
max()
max([])
max(None)
max("a", x)
max(x, x, default=1)
min(x, [x])
sum()
sum(x)
sum([x, "a"])
sum([x], None)
round()
round("a")
round(x, x, x)
pow(x)
pow(x, 2, 3)
divmod(x)
divmod(x, "a")
len()
len(x)
len(None)
int()
int("a")
int([x])
float()
float("a")
float([x])
bool([x], x)
complex("1j")
complex(x, x, x)
str(x)
list(x)
tuple(x)
dict(a=x)
set([x])
range(x, 2, 3, 4)
range("a")
reversed(x)
enumerate()
enumerate(x)
zip(x)
zip([x], x)
map(x)
map(x, [x])
map(abs)
filter(abs, [x])
any(x)
all()
any([None, x, "a"])
isinstance(x)
isinstance(x, x)
isinstance(x, "a")
hasattr(math, "sin")
getattr(math)
getattr(math, "nope")
getattr(x, "real")
type(x)
id(x)
open("a")
input()
iter([x])
next(x)
sorted([x])
callable(x)
vars(x)
super()
(x, x)[x]
(x, x)["a"]
(x, x)[7]
(x, x).nope
(x, x).index(x)
(x, x) * x
(x, x) + [x]
(x, x) - (x, x)
(x, x) < (x, x)
(x, x) == x
[x] * -1
[x].pop(4)
[x].append()
[x].insert("a", x)
[].pop()
[x].sort()
{"a": x}["b"]
{"a": x}[x]
{"a": x}.nope()
{**{"a": x}}["a"]
{x: 1}
{x}
"a" * x
"a" + x
"a" % x
"a".upper()
"a"[0]
"a" < x
f"{x:.3f}"
b"a"
None + x
None(x)
None[0]
not None
-None
~x
~1.5
x & x
x << 1
1 << -1
1 << 100
2 ** 10 ** 6
1 // 0
1 % 0
2 ** -1
10 ** 400 * x
x // (1j * x)
(1j * x) % 2
1j < x
max(1j, x)
math.sin(1j * x)
float(1j * x)
int(1j)
round(1j)
x is x
x is not None
x in x
x in [x]
x in "abc"
"a" in {"a": x}
x if [x] else x
x if np.zeros(2) else x
x and None
None or x
[] and x
x or "a"
x if x > 0 else None
x if x > 0 else "a"
(x if x > 0 else (x, x))
lambda: x
(lambda u: u)()
(lambda u: u)(x, x)
(lambda *u: u[3])(x)
(lambda u=x: u)(v=x)
(lambda **k: x)()
...
x[...]
x[0][0][0]
x[None]
x[0:1]
x["a"]
x.shape
x.T.T
x.real.imag
x.copy()
x.sum()
x.nope
x.nope()
x()
x.__class__
[v for v in x]
[v for v in range(int(x))]
[v for v in (x, 1.0) if v > x]
{v: x for v in (1, 2)}
{v for v in (1, 2)}
(v for v in (1, 2))
[y := x, y]
undefined
undefined(x)
undefined.sin(x)
np
np.random.rand() * x
random.random() * x
(yield x)
SPRING
SPRING.k * x
SPRING.nope
SPRING()
Spring
Spring(x).k
functools.reduce(lambda a, b: a * b, [x, x])
functools.partial(abs)
functools.partial()(x)
functools.partial(math.atan2, x)()
"""


@pytest.mark.filterwarnings("ignore")
def test_odd_expressions_give_an_answer_or_our_error(tmp_path):
    """Whatever stands after `return`: no exception but ours, and none of ours without a place or a reason."""
    lines = [line for line in ODD.splitlines() if line]
    source = "".join(f"def f{i}(x):\n    return {line}\n" for i, line in enumerate(lines)) + "f = f0\n"
    path = tmp_path / "code.py"
    path.write_text(source)
    names = dict(NAMES)
    exec(compile(source, str(path), "exec"), names)
    for i, line in enumerate(lines):
        try:
            text = srcdiff.emit(names[f"f{i}"])
        except SrcdiffError as error:
            assert "srcdiff fails" not in str(error), line
            assert error.location is None or error.location.line == 2 * i + 2, line
        else:
            compile(text, "<emitted>", "exec")


def test_an_array_that_a_loop_changes_ahead_of_itself():
    def ahead(x):
        w = np.array([x, 2.0 * x])
        total = 0.0
        for v in w:
            w[1] = 0.0
            total += v
        return total

    def behind(x):
        w = np.array([x, 2.0 * x])
        for i, v in enumerate(w):
            w[i] = v * v
        return w[0] + w[1]

    with pytest.raises(SrcdiffError, match="still has to go through"):
        srcdiff.emit(ahead)
    assert "2.0" in srcdiff.emit(behind)
