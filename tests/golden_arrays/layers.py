"""Derivative of layers (golden_arrays.py:115-117, sha256 088ed31522a4),
by srcdiff 0.1.0.

forward mode   inputs x; constant W1, b1, W2, b2
varying        hidden
returns        d/dx
directions     up to 64 at once, chunk by chunk: the length of x is known at run time
"""

import math
import numpy as np


def sech_squared(x):
    """1/cosh(x)**2, the derivative of tanh: neither cosh's overflow nor twice its error."""
    e = math.exp(-2.0 * abs(x))
    return 4.0 * e / ((1.0 + e) * (1.0 + e))


def right_product(a_dot, b):
    """a_dot[:, :, k] @ b for every direction k, one row of a_dot at a time."""
    m, _, size = a_dot.shape
    b = np.ascontiguousarray(b)
    # The dtype of the product, which NumPy's result_type would give, had Numba one.
    dtype = (a_dot.reshape(a_dot.size)[:1] * b.reshape(b.size)[:1]).dtype
    tangent = np.empty((m, b.shape[1], size), dtype)
    for i in range(m):
        np.dot(b.T, a_dot[i], tangent[i])
    return tangent


def matmul_21_tangent(a, b, a_dot, b_dot, out):
    """a_dot @ b + a @ b_dot: Giles 2008, An extended collection of matrix derivative results, section 2.2.1."""
    if a_dot is None:
        if b_dot is None:
            raise ValueError("no argument varies")
        return np.ascontiguousarray(a) @ b_dot
    column = np.ascontiguousarray(b).reshape(b.shape[0], 1)
    tangent = right_product(a_dot, column).reshape(a_dot.shape[0], a_dot.shape[2])
    if b_dot is None:
        return tangent
    return tangent + np.ascontiguousarray(a) @ b_dot


def layers_tangents(x, x_dot, W1, b1, W2, b2, hidden, hidden_dot, result, result_dot):
    """Values of layers and their tangents in many directions."""
    directions = x_dot.shape[-1]
    if W1.shape[1] != len(x):
        raise ValueError("the lengths that `@` sums over differ (line 116)")
    # L116: hidden = np.tanh(W1 @ x + b1)
    product = W1 @ x
    product_dot = matmul_21_tangent(W1, x, None, np.ascontiguousarray(x_dot), product)
    if W1.shape[0] != len(b1):
        raise ValueError("arrays of different lengths meet (line 116); write x[:1] to repeat one element")
    for i in range(W1.shape[0]):
        hidden_by_product = sech_squared(product[i] + b1[i])
        hidden[i] = np.tanh(product[i] + b1[i])
        for k in range(directions):
            hidden_dot[i, k] = hidden_by_product * product_dot[i, k]
    if W2.shape[1] != W1.shape[0]:
        raise ValueError("the lengths that `@` sums over differ (line 117)")
    # L117: return W2 @ hidden + b2
    product_2 = W2 @ hidden
    product_2_dot = matmul_21_tangent(W2, hidden, None, hidden_dot, product_2)
    if W2.shape[0] != len(b2):
        raise ValueError("arrays of different lengths meet (line 117); write x[:1] to repeat one element")
    for i in range(W2.shape[0]):
        result[i] = product_2[i] + b2[i]
        for k in range(directions):
            result_dot[i, k] = product_2_dot[i, k]
    return result, result_dot


def layers_jacobian(x, W1, b1, W2, b2):
    columns = len(x)
    passes = max(1, -(-columns // 64))
    directions = 8 * max(1, -(-columns // (8 * passes)))
    x_dot = np.zeros((len(x), directions))
    hidden = np.empty(W1.shape[0])
    hidden_dot = np.empty((W1.shape[0], directions))
    result = np.empty(W2.shape[0])
    result_dot = np.empty((W2.shape[0], directions))
    for first in range(0, max(columns, 1), directions):
        for column in range(first, min(first + directions, len(x))):
            x_dot[column, column - first] = 1.0
        value, value_dot = layers_tangents(
            x, x_dot, W1, b1, W2, b2, hidden, hidden_dot, result, result_dot,
        )
        if first == 0:
            jac = np.empty((len(value), len(x)))
        for row in range(len(value)):
            for column in range(first, min(first + directions, len(x))):
                jac[row, column] = value_dot[row, column - first]
        for column in range(first, min(first + directions, len(x))):
            x_dot[column, column - first] = 0.0
    return jac
