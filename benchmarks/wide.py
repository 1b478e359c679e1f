"""Functions of many scalar parameters, to see that compile time does not explode with them."""

import importlib.util
import math
from pathlib import Path


def source(n, loop):
    """Text of a function of ``n`` floats with two dense statements for every four of them; ``loop`` puts them in one.

    >>> print(source(4, loop=True))
    import math
    <BLANKLINE>
    <BLANKLINE>
    def loop_4(p0, p1, p2, p3):
        a = 1.0
        b = 0.5
        for _ in range(100):
            a = a + p0 * math.sin(b) + p1
            b = b - p2 * math.cos(a) * p3
        return a, b
    <BLANKLINE>
    """
    indent = "        " if loop else "    "
    lines = [f"def {name(n, loop)}({', '.join(f'p{i}' for i in range(n))}):", "    a = 1.0", "    b = 0.5"]
    if loop:
        lines.append("    for _ in range(100):")
    for i in range(0, n - 1, 4):
        p = [f"p{min(i + j, n - 1)}" for j in range(4)]
        lines.append(f"{indent}a = a + {p[0]} * math.sin(b) + {p[1]}")
        lines.append(f"{indent}b = b - {p[2]} * math.cos(a) * {p[3]}")
    lines.append("    return a, b\n")
    return "import math\n\n\n" + "\n".join(lines)


def name(n, loop):
    return f"{'loop' if loop else 'straight'}_{n}"


def load(n, loop, folder):
    """The function, imported from a file in ``folder``."""
    path = Path(folder) / f"{name(n, loop)}.py"
    path.write_text(source(n, loop))
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return getattr(module, path.stem)


def point(n):
    return tuple(0.01 * math.cos(i + 1.0) for i in range(n))
