"""Starts of whole processes: `python -m benchmarks.start [--runs N]`.

Each process is started anew, in turn with the others. The least and the median of the time by the clock are printed,
and the least of the processor's, which suffers less from other work on the machine. A warm start finds its artefacts in
the store; the stock Numba process loads the same emitted text through `njit(cache=True)`.
"""

import argparse
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))

MODULE = """
import numpy as np
from srcdiff import jacobian_compiled
{constants}
@jacobian_compiled(wrt="y")
{text}
"""

JACOBIAN = """
import numpy as np
from {module} import {name}
{name}.jacobian({args})
"""

STOCK = """
import numpy as np
import {module}
{module}.f({args})
"""

MANY = """
import os, time
import numpy as np

def memory():
    # MiB in use, as Linux tells it
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20

begin, before = time.perf_counter(), memory()
import many
decorated, after = time.perf_counter(), memory()
y = np.array([1.0, 2.0, 3.0])
many.f0.jacobian(0.0, y)
first = time.perf_counter()
for i in range(1, {called}):
    getattr(many, f"f{{i}}").jacobian(0.0, y)
end = time.perf_counter()
print((decorated - begin) * 1e3, after - before, (first - decorated) * 1e3, (end - first) * 1e3 / {called})
"""

FUNCTION = """
@jacobian_compiled(wrt="y")
def f{i}(t, y):
    a, b, c = y
    return np.array([-0.04 * a + {i}.5 * b * c, 0.04 * a - 3e7 * b * b - {i}.5 * b * c, 3e7 * b * b - t])

"""


class Place:
    def __init__(self):
        self.path = tempfile.mkdtemp(prefix="srcdiff-start-")
        paths = os.pathsep.join((self.path, ROOT))
        self.environment = {
            **os.environ,
            "PYTHONPATH": paths,
            "SRCDIFF_CACHE_DIR": os.path.join(self.path, "cache"),
            "NUMBA_CACHE_DIR": os.path.join(self.path, "numba"),
        }
        self.environment.pop("PYTHONDONTWRITEBYTECODE", None)  # compiling Python's own text is not what is measured

    def write(self, name, text):
        with open(os.path.join(self.path, name), "w") as file:
            file.write(text)

    def run(self, code):
        """Milliseconds of a process by the clock, those of the processor, and what it prints."""
        begin, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
        done = subprocess.run(
            [sys.executable, "-c", code], env=self.environment, stdout=subprocess.PIPE, text=True, check=True
        )
        clock, after = time.perf_counter() - begin, resource.getrusage(resource.RUSAGE_CHILDREN)
        processor = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        return clock * 1e3, processor * 1e3, done.stdout


def processes(place):
    """Programs by name; those that load something have run once."""
    from examples import hires, pollu
    from srcdiff import emit
    from srcdiff.frontend.source import find_source

    programs = {
        "python": "pass",
        "import numpy": "import numpy",
        "import srcdiff": "import srcdiff",
        "import numpy, llvmlite.binding": "import numpy, llvmlite.binding",
        "import numba": "import numba",
    }
    problems = [
        ("hires", 8, hires.hires, "0.0, np.full(8, 0.1)", "float64, float64[:]"),
        ("pollu", 20, pollu.pollu, "0.0, np.full(20, 0.1), np.full(25, 0.5)", "float64, float64[:], float64[:]"),
    ]
    for name, n, function, args, types in problems:
        source = find_source(function)
        names = [key for key in source.function.__code__.co_names if key in vars(sys.modules[function.__module__])]
        constants = [f"{key} = {source.resolve(key)!r}" for key in names if key != "np"]
        place.write(f"own_{name}.py", MODULE.format(constants="\n".join(constants), text=source.text))
        programs[f"{name}, n = {n}: srcdiff, warm"] = JACOBIAN.format(module=f"own_{name}", name=name, args=args)
        text = emit(function, types=types)
        options = '@numba.njit(error_model="numpy", fastmath={"contract"}, cache=True)\n'
        entry = f"def {name}_jacobian"
        text = f"import numba\n{text.replace(entry, options + entry)}\nf = {name}_jacobian\n"
        place.write(f"stock_{name}.py", text)
        programs[f"{name}, n = {n}: Numba's cache, warm"] = STOCK.format(module=f"stock_{name}", args=args)
    cold = {name: place.run(code)[0] for name, code in programs.items() if "warm" in name}
    return programs, cold


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=15)
    parser.add_argument("--functions", type=int, default=1000)
    parser.add_argument("--called", type=int, default=100, help="of the functions: compiled once, then loaded")
    given = parser.parse_args()
    place = Place()
    try:
        programs, cold = processes(place)
        times = {name: [] for name in programs}
        for _ in range(given.runs):
            for name, code in programs.items():
                times[name].append(place.run(code)[:2])
        print("| process | least ms | median ms | processor, least ms | cold ms |\n|---|---|---|---|---|")
        for name, taken in times.items():
            clock, processor = zip(*taken)
            first = f"{cold[name]:.0f}" if name in cold else "-"
            print(f"| {name} | {min(clock):.0f} | {statistics.median(clock):.0f} | {min(processor):.0f} | {first} |")
        head = "import numpy as np\nfrom srcdiff import jacobian_compiled\n"
        place.write("many.py", head + "".join(FUNCTION.format(i=i) for i in range(given.functions)))
        code = MANY.format(called=given.called)
        place.run(code)
        results = [list(map(float, place.run(code)[2].split())) for _ in range(5)]
        imported, memory, first, further = (min(values) for values in zip(*results))
        print(f"\n{given.functions} decorated functions: import {imported:.0f} ms, {memory:.0f} MiB;", end=" ")
        print(f"first Jacobian {first:.0f} ms, each further one {further:.1f} ms (warm)")
    finally:
        shutil.rmtree(place.path, ignore_errors=True)


if __name__ == "__main__":
    main()
