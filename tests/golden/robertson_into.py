"""Derivative of robertson (golden_cases.py:31-33, sha256 6c1e8fcda607),
by srcdiff 0.1.0.

forward mode   inputs y; constant t, k1, k2, k3
varying        a, b, c
returns        nothing; fills out, 3 x 3: outputs by inputs
shapes         y (3,)
assumed        t, k1, k2, k3: float64, or as given by default
"""


def robertson_jacobian_into(out, t, y, k1, k2, k3):
    if out.shape != (3, 3):
        raise ValueError("out must have shape (3, 3)")
    if len(y) != 3:
        raise ValueError("y must have 3 elements")
    a, b, c = y  # L32
    dout0_dc = k3 * b
    out[0, 0] = -k1
    out[0, 1] = k3 * c
    out[0, 2] = dout0_dc
    out[1, 0] = k1
    out[1, 1] = -(k3 * c + 2.0 * k2 * b)
    out[1, 2] = -dout0_dc
    out[2, 0] = 0.0
    out[2, 1] = 2.0 * k2 * b
    out[2, 2] = 0.0
