"""Worst errors of the scalar rules against mpmath: python tests/sweep_rules.py --points 100000 [--rule NAME ...]"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parent.parent)]

import rule_reference as reference  # noqa: E402

from srcdiff.rules.scalar import RULES  # noqa: E402


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--points", type=int, default=100000)
    parser.add_argument("--rule", action="append")
    options = parser.parse_args()
    rules = [RULES[name] for name in options.rule] if options.rule else reference.varying()
    print("| rule | partial | float64 ulp | at | float32 ulp | at | note |")
    print("|---|---|---|---|---|---|---|")
    for rule in rules:
        ref = reference.REFERENCES[rule.name]
        cells = [[] for _ in rule.partials]
        for dtype in (np.float64, np.float32):
            sample = reference.points(ref, options.points, dtype, rule.name)
            got = reference.evaluate([rule], {rule.name: sample}, dtype)[rule.name]
            for k in range(len(rule.partials)):
                worst, where = max(
                    (reference.error(ref, k, point, float(value), dtype), point) for point, value in zip(sample, got[k])
                )
                cells[k] += [f"{worst:.3g}", ", ".join(f"{x:.9g}" for x in where)]
        for param, row in zip(rule.params, cells):
            print(f"| {rule.name} | {param} | {' | '.join(row)} | {rule.note} |", flush=True)


if __name__ == "__main__":
    main()
