"""Series, continued fractions, recurrences, root finders and quadrature."""

import math

import numpy as np

from corpus import between, case

GAUSS_NODES = (-0.7745966692414834, 0.0, 0.7745966692414834)
GAUSS_WEIGHTS = (0.5555555555555556, 0.8888888888888888, 0.5555555555555556)
LANCZOS = np.array([676.5203681218851, -1259.1392167224028, 771.3234287776531, -176.6150291621406])


def bessel_j0(x):
    """The power series, until its terms vanish."""
    term = total = 1.0
    k = 0
    while abs(term) > 1e-18 and k < 60:
        k += 1
        term *= -0.25 * x * x / (k * k)
        total += term
    return total


def erf_series(x):
    total, term = 0.0, x
    for n in range(40):
        total += term / (2 * n + 1)
        term = -term * x * x / (n + 1)
    return 2.0 / math.sqrt(math.pi) * total


def log_gamma(x):
    """Stirling's series after shifting the argument up: a while loop whose length depends on x."""
    shift = 0.0
    while x < 8.0:
        shift -= math.log(x)
        x += 1.0
    r = 1.0 / (x * x)
    series = (1.0 / 12.0 - r * (1.0 / 360.0 - r * (1.0 / 1260.0 - r / 1680.0))) / x
    return shift + (x - 0.5) * math.log(x) - x + 0.5 * math.log(2.0 * math.pi) + series


def incomplete_gamma(a, x):
    """The lower one, regularised, by its series."""
    term = 1.0 / a
    total = term
    n = 1
    while True:
        term *= x / (a + n)
        total += term
        if term < total * 1e-17:
            break
        n += 1
        if n > 500:
            raise RuntimeError("no convergence")
    return total * math.exp(-x + a * math.log(x) - math.lgamma(a))


def incomplete_beta_fraction(a, b, x):
    """Lentz's evaluation of the continued fraction."""
    tiny = 1e-30
    c = 1.0
    d = 1.0 - (a + b) * x / (a + 1.0)
    if abs(d) < tiny:
        d = tiny
    d = 1.0 / d
    h = d
    for m in range(1, 60):
        m2 = 2 * m
        aa = m * (b - m) * x / ((a + m2 - 1.0) * (a + m2))
        d = 1.0 + aa * d
        c = 1.0 + aa / c
        d = 1.0 / d
        h *= d * c
        aa = -(a + m) * (a + b + m) * x / ((a + m2) * (a + m2 + 1.0))
        d = 1.0 + aa * d
        c = 1.0 + aa / c
        d = 1.0 / d
        delta = d * c
        h *= delta
        if abs(delta - 1.0) < 1e-15:
            break
    return h


def legendre(n: int, x):
    """The polynomial of degree n by recursion."""
    if n == 0:
        return 1.0
    if n == 1:
        return x
    return ((2 * n - 1) * x * legendre(n - 1, x) - (n - 1) * legendre(n - 2, x)) / n


def chebyshev(x, coefficients):
    """Clenshaw's recurrence over a tuple."""
    b1 = b2 = 0.0
    for c in reversed(coefficients):
        b1, b2 = c + 2.0 * x * b1 - b2, b1
    return b1 - x * b2


def hermite(n, x):
    previous, current = 1.0, 2.0 * x
    if n == 0:
        return previous
    for k in range(1, n):
        previous, current = current, 2.0 * x * current - 2.0 * k * previous
    return current


def agm(a, b):
    """The arithmetic-geometric mean."""
    while abs(a - b) > 1e-15 * a:
        a, b = 0.5 * (a + b), math.sqrt(a * b)
    return a


def elliptic_k(m):
    return 0.5 * math.pi / agm(1.0, math.sqrt(1.0 - m))


def lambert_w(x):
    """Halley's iteration."""
    w = math.log1p(x)
    for _ in range(30):
        e = math.exp(w)
        f = w * e - x
        step = f / (e * (w + 1.0) - (w + 2.0) * f / (2.0 * w + 2.0))
        w -= step
        if abs(step) < 1e-15:
            break
    return w


def zeta(s, terms: int = 12):
    """Euler-Maclaurin."""
    total = 0.0
    for n in range(1, terms):
        total += n**-s
    n = float(terms)
    correction = s * n ** (-s - 1) / 12 - s * (s + 1) * (s + 2) * n ** (-s - 3) / 720
    return total + n ** (1 - s) / (s - 1) + 0.5 * n**-s + correction


def cube_root(x):
    """Newton's iteration, left by return."""
    guess = x
    while True:
        better = (2.0 * guess + x / (guess * guess)) / 3.0
        if abs(better - guess) < 1e-14 * better:
            return better
        guess = better


def secant_root(a, b):
    """The root of x**3 + a*x - b."""

    def f(x):
        return x**3 + a * x - b

    x0, x1 = 0.0, 1.0
    f0, f1 = f(x0), f(x1)
    count = 0
    while abs(x1 - x0) > 1e-13 and count < 50:
        x0, x1 = x1, x1 - f1 * (x1 - x0) / (f1 - f0)
        f0, f1 = f1, f(x1)
        count += 1
    return x1 - f(x1) / (3.0 * x1**2 + a)


def gauss_quadrature(a, b, k):
    """The integral of exp(-k x^2) by three nodes."""
    centre, half = 0.5 * (a + b), 0.5 * (b - a)
    total = 0.0
    for node, weight in zip(GAUSS_NODES, GAUSS_WEIGHTS):
        x = centre + half * node
        total += weight * math.exp(-k * x * x)
    return half * total


def adaptive_simpson(a, b, k, depth: int = 4):
    """Recursion, with a helper function for the integrand."""
    c = 0.5 * (a + b)
    whole = simpson(a, b, k)
    halves = simpson(a, c, k) + simpson(c, b, k)
    if depth == 0 or abs(halves - whole) < 1e-6:
        return halves
    return adaptive_simpson(a, c, k, depth - 1) + adaptive_simpson(c, b, k, depth - 1)


def simpson(a, b, k):
    return (b - a) / 6.0 * (integrand(a, k) + 4.0 * integrand(0.5 * (a + b), k) + integrand(b, k))


def integrand(x, k):
    return math.cos(k * x) / (1.0 + x * x)


def continued_fraction(x, depth=8):
    value = 1.0
    for k in range(depth, 0, -1):
        value = 1.0 + k * x / value
    return value


def horner(x, c0, c1, c2, c3):
    result = 0.0
    for c in [c3, c2, c1, c0]:
        result = result * x + c
    return result


def debye(x, n: int = 3):
    total = 0.0
    h = x / 20
    for i in range(1, 20):
        t = i * h
        weight = 4 if i % 2 else 2
        total += weight * t**n / math.expm1(t)
    total += x**n / math.expm1(x)
    return n / x**n * total * h / 3


def logistic_map(x, r):
    for _ in range(8):
        x = r * x * (1.0 - x)
    return x


def lanczos_sum(x):
    total = 0.9999999999998099
    for i, coefficient in enumerate(LANCZOS, 1):
        total += coefficient / (x + i)
    return total


CASES = [
    case(bessel_j0, between(0.1, 6.0)),
    case(erf_series, between(-2.0, 2.0)),
    case(log_gamma, between(0.5, 12.0)),
    case(incomplete_gamma, between(0.5, 4.0), between(0.2, 5.0)),
    case(incomplete_beta_fraction, between(0.5, 3.0), between(0.5, 3.0), between(0.1, 0.5)),
    case(legendre, 6, between(-0.9, 0.9), wrt="x"),
    case(chebyshev, between(-0.9, 0.9), tuple(between(-1.0, 1.0) for _ in range(5))),
    case(hermite, 5, between(-1.5, 1.5)),
    case(agm, between(1.0, 3.0), between(0.5, 0.9)),
    case(elliptic_k, between(0.1, 0.9)),
    case(lambert_w, between(0.1, 10.0)),
    case(zeta, between(1.5, 6.0)),
    case(cube_root, between(0.5, 30.0)),
    case(secant_root, between(0.5, 2.0), between(0.5, 3.0), relative=1e-7),
    case(gauss_quadrature, between(-1.0, 0.0), between(0.5, 1.5), between(0.3, 2.0), float32=True),
    case(adaptive_simpson, between(-1.0, 0.0), between(0.5, 2.5), between(0.5, 3.0)),
    case(continued_fraction, between(0.1, 2.0), 8, wrt="x"),
    case(horner, *[between(-2.0, 2.0)] * 5, float32=True),
    case(debye, between(0.5, 5.0)),
    case(logistic_map, between(0.2, 0.8), between(2.5, 3.5)),
    case(lanczos_sum, between(0.5, 5.0)),
]
