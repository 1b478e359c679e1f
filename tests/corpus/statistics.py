"""Densities, likelihoods, losses and smooth optimisation problems."""

import math

import numpy as np

from corpus import array, between, case


def gaussian_density(x, mu=0.0, sigma=1.0):
    """The normal density."""
    if sigma <= 0:
        raise ValueError("sigma must be positive")
    z = (x - mu) / sigma
    return math.exp(-0.5 * z * z) / (sigma * math.sqrt(2 * math.pi))


def student_log_density(x, df, loc, scale):
    z = (x - loc) / scale
    return (
        math.lgamma(0.5 * (df + 1.0))
        - math.lgamma(0.5 * df)
        - 0.5 * math.log(df * math.pi)
        - math.log(scale)
        - 0.5 * (df + 1.0) * math.log1p(z * z / df)
    )


def gamma_log_density(x, shape, rate):
    return shape * np.log(rate) + (shape - 1) * np.log(x) - rate * x - math.lgamma(shape)


def beta_function(a, b):
    return math.gamma(a) * math.gamma(b) / math.gamma(a + b)


def softmax(logits):
    top = logits[0]
    for value in logits:
        if value > top:
            top = value
    weights = np.exp(logits - top)
    return weights / np.sum(weights)


def log_sum_exp(a, b, c):
    return np.logaddexp(np.logaddexp(a, b), c)


def logistic_loss(weights, features, label):
    margin = label * np.dot(weights, features)
    if margin > 0:
        return math.log1p(math.exp(-margin))
    return -margin + math.log1p(math.exp(margin))


def huber(residual, delta=1.0):
    if abs(residual) <= delta:
        return 0.5 * residual**2
    return delta * (abs(residual) - 0.5 * delta)


def regression(slope, intercept, xs=(0.0, 1.0, 2.0, 3.0), ys=(0.1, 0.9, 2.2, 2.9)):
    """The sum of squares of a line through fixed points."""
    return sum([(slope * x + intercept - y) ** 2 for x, y in zip(xs, ys)])


def mixture(x, weight, mu1, mu2, sigma):
    first = gaussian_density(x, mu1, sigma)
    second = gaussian_density(x, mu=mu2, sigma=2.0 * sigma)
    return math.log(weight * first + (1.0 - weight) * second)


def rosenbrock(x):
    total = 0.0
    for i in range(3):
        total += 100.0 * (x[i + 1] - x[i] ** 2) ** 2 + (1.0 - x[i]) ** 2
    return total


def himmelblau(x, y):
    return (x**2 + y - 11) ** 2 + (x + y**2 - 7) ** 2


def neuron(x, w, b, activation="tanh"):
    z = np.dot(w, x) + b
    if activation == "tanh":
        return np.tanh(z)
    elif activation == "relu":
        return np.maximum(z, 0.0)
    elif activation == "softplus":
        return np.log1p(np.exp(-abs(z))) + np.maximum(z, 0.0)
    else:
        raise ValueError("unknown activation")


def perceptron(x, y, w1, w2):
    """Two inputs, a hidden layer of two, one output: weights as nested tuples."""
    (a, b), (c, d) = w1
    h1 = math.tanh(a * x + b * y)
    h2 = math.tanh(c * x + d * y)
    return 1.0 / (1.0 + math.exp(-(w2[0] * h1 + w2[1] * h2)))


def sample_moments(y):
    mean = np.sum(y) / len(y)
    centred = y - mean
    variance = np.sum(centred**2) / (len(y) - 1)
    return mean, variance, np.sum(centred**3) / len(y) / variance**1.5


def weibull_survival(t, shape, scale):
    return np.exp(-((t / scale) ** shape))


def kumaraswamy_quantile(u, a, b):
    return (1.0 - (1.0 - u) ** (1.0 / b)) ** (1.0 / a)


def box_cox(x, lam):
    return math.log(x) if lam == 0 else (x**lam - 1) / lam


def cauchy_cdf(x, x0, gamma):
    return np.arctan2(x - x0, gamma) / np.pi + 0.5


def smooth_step(x, low=0.0, high=1.0):
    t = np.clip((x - low) / (high - low), 0.0, 1.0)
    return t * t * (3.0 - 2.0 * t)


def normal_quantile(p):
    """A rational approximation in three ranges (after Acklam)."""
    a = (-39.69683028665376, 220.9460984245205, -275.9285104469687, 138.357751867269, -30.66479806614716)
    b = (-54.47609879822406, 161.5858368580409, -155.6989798598866, 66.80131188771972, -13.28068155288572)
    c = (-0.007784894002430293, -0.3223964580411365, -2.400758277161838, -2.549732539343734, 4.374664141464968)
    d = (0.007784695709041462, 0.3224671290700398, 2.445134137142996, 3.754408661907416)
    if 0.02425 <= p <= 0.97575:
        q = p - 0.5
        r = q * q
        top = ((((a[0] * r + a[1]) * r + a[2]) * r + a[3]) * r + a[4]) * r + 2.506628277459239
        return top * q / (((((b[0] * r + b[1]) * r + b[2]) * r + b[3]) * r + b[4]) * r + 1.0)
    sign = 1.0
    if p > 0.5:
        p = 1.0 - p
        sign = -1.0
    q = math.sqrt(-2.0 * math.log(p))
    top = ((((c[0] * q + c[1]) * q + c[2]) * q + c[3]) * q + c[4]) * q + 2.938163982698783
    return sign * top / ((((d[0] * q + d[1]) * q + d[2]) * q + d[3]) * q + 1.0)


REAL, POSITIVE = between(-2.0, 2.0), between(0.3, 3.0)
CASES = [
    case(gaussian_density, REAL, REAL, POSITIVE, float32=True),
    case(student_log_density, REAL, between(1.0, 10.0), REAL, POSITIVE),
    case(gamma_log_density, POSITIVE, POSITIVE, POSITIVE),
    case(beta_function, POSITIVE, POSITIVE),
    case(softmax, array(-2.0, 2.0, 4), shapes={"logits": 4}, float32=True),
    case(log_sum_exp, REAL, REAL, REAL, float32=True),
    case(logistic_loss, array(-2.0, 2.0, 3), array(-2.0, 2.0, 3), 1.0, wrt="weights",
         shapes={"weights": 3, "features": 3}),
    case(huber, between(-3.0, 3.0), between(0.5, 1.5)),
    case(regression, REAL, REAL, wrt=("slope", "intercept")),
    case(mixture, REAL, between(0.2, 0.8), REAL, REAL, POSITIVE),
    case(rosenbrock, array(-2.0, 2.0, 4), shapes={"x": 4}, float32=True),
    case(himmelblau, REAL, REAL, float32=True),
    *[case(neuron, array(-1.0, 1.0, 3), array(-1.0, 1.0, 3), REAL, mode, wrt=("w", "b"), shapes={"x": 3, "w": 3})
      for mode in ("tanh", "relu", "softplus")],
    case(perceptron, REAL, REAL, ((REAL, REAL), (REAL, REAL)), (REAL, REAL)),
    case(sample_moments, array(-2.0, 2.0, 5), shapes={"y": 5}),
    case(weibull_survival, POSITIVE, POSITIVE, POSITIVE, float32=True),
    case(kumaraswamy_quantile, between(0.1, 0.9), POSITIVE, POSITIVE),
    case(box_cox, POSITIVE, between(0.2, 2.0)),
    case(cauchy_cdf, REAL, REAL, POSITIVE),
    case(smooth_step, between(-0.5, 1.5), wrt="x"),
    case(smooth_step, between(-0.5, 1.5), between(-0.2, 0.2), between(0.8, 1.2)),
    case(normal_quantile, between(0.001, 0.999)),
    case(normal_quantile, between(0.98, 0.999)),
]  # fmt: skip
