"""Elements of arguments that an accumulated function reads in several places are read once."""

import numpy as np

import srcdiff


def spin(w, X):
    lean = w[0] * X[1]
    theta2 = w @ w
    if theta2 > 1e-12:
        theta = np.sqrt(theta2)
        n = w / theta
        c = np.cos(theta)
        return X * c + np.cross(n, X) * np.sin(theta) + n * (np.dot(n, X) * (1.0 - c)) + lean
    return X + np.cross(w, X)


def test_named_once():
    text = srcdiff.emit(spin, shapes={"w": 3, "X": 3}, mode="into")
    body = text.partition("def ")[2]
    assert "    w_0, w_1, w_2 = w[0], w[1], w[2]\n" in body
    assert body.count("w[1]") == body.count("X[0]") == 1


def test_what_the_user_wrote_stays():
    text = srcdiff.emit(spin, shapes={"w": 3, "X": 3}, mode="value_and_jacobian")
    assert "    lean = w[0] * X[1]  # L" in text
