"""Random programs through srcdiff, against the tests' dual numbers: the command, and what its tests share.

    python tests/random_programs.py --count 10000 --seed 0 --jobs 2

Every program runs the emitted text as plain Python; each `--compile-every`-th is compiled with Numba as well. Prints
how many programs held each construct, what was refused and why, and every mismatch, reduced. Exits 1 on a mismatch.
"""

import argparse
import ast
import contextlib
import copy
import importlib.util
import itertools
import math
import multiprocessing
import re
import signal
import sys
import tempfile
import textwrap
import threading
import traceback
from collections import Counter
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import dual
import numpy as np
import programs

sys.path.append(str(Path(__file__).resolve().parents[1]))  # a checkout that is not installed

RELATIVE = 1e-9
SINGLE = 1e-3  # for programs in float32
FAILURES = ("mismatch", "crash")
_serial = itertools.count()


@dataclass(frozen=True)
class Outcome:
    """What became of one program: agree, near tie, ill-conditioned, refused, invalid, mismatch or crash."""

    kind: str
    detail: str = ""


def load(source, directory):
    """The module of this text, imported from a file of its own, so that its source can be found."""
    name = f"random_program_{next(_serial)}"
    path = Path(directory) / f"{name}.py"
    path.write_text(source, encoding="utf-8")
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def forget(module):
    sys.modules.pop(module.__name__, None)
    Path(module.__file__).unlink(missing_ok=True)


def fresh(args):
    """The arguments with arrays of their own, those in tuples, too."""
    items = (fresh(a) if isinstance(a, tuple) else a.copy() if isinstance(a, np.ndarray) else a for a in args)
    return type(args)(*items) if hasattr(args, "_fields") else tuple(items)


def plain(structure):
    """Named tuples as tuples, NumPy's and Python's numbers as floats."""
    if isinstance(structure, tuple):
        return tuple(plain(item) for item in structure)
    return structure


def options(wrt=None, of=None, shapes=None, chunk=None):
    """The options of srcdiff that say something."""
    return {name: value for name, value in {"wrt": wrt, "of": of, "shapes": shapes, "chunk": chunk}.items() if value}


def spelled(argument):
    """The type of an argument, as `emit` takes it."""
    if isinstance(argument, tuple):
        return f"({', '.join(map(spelled, argument))})"
    if argument is None:
        return "None"
    if isinstance(argument, np.ndarray):
        return f"{argument.dtype}[{', '.join(':' * argument.ndim)}]"
    return type(argument).__name__


def emitted(function, args, mode="value_and_jacobian", **chosen):
    """The emitted text for arguments of these types; a named tuple's type has no spelling and is left to be found."""
    import srcdiff

    named = zip(dual.parameter_names(function), dual.completed(function, args))
    types = {name: spelled(a) for name, a in named if not hasattr(a, "_fields")}
    return srcdiff.emit(function, mode=mode, types=types, **options(**chosen))


def run_emitted(function, args, mode="value_and_jacobian", **chosen):
    """`(value, jacobian)` from the emitted text, executed as plain Python where srcdiff is not at hand.

    In the mode "jvp" the value and its tangent along `directions`, flat.
    """
    text = emitted(function, args, mode, **chosen)
    if "import srcdiff" in text:
        raise AssertionError("emitted text needs srcdiff")
    scope = {"__name__": "emitted"}
    exec(compile(text, "<emitted>", "exec"), scope)
    derivative = scope[f"{function.__name__}_{mode}"]
    with np.errstate(all="ignore"):
        if mode == "jvp":
            return pushed(derivative, function, args, chosen.get("wrt"))
        return called(derivative, function, args, chosen.get("of"))


def run_compiled(function, args, mode="value_and_jacobian", **chosen):
    """What `run_emitted` gives, from the decorator, compiled with Numba."""
    import srcdiff

    compiled = srcdiff.jacobian_compiled(function, **options(**chosen))
    if mode == "jvp":
        return pushed(compiled.jvp, function, args, chosen.get("wrt"))
    return called(compiled.value_and_jacobian, function, args, chosen.get("of"))


def directions(function, args, wrt=None):
    """Tangents for the arguments of `wrt`, none of them zero; and whether there is one only."""
    rng = np.random.default_rng(5)

    def drawn(like):
        if isinstance(like, tuple):
            return tuple(map(drawn, like))
        values = rng.uniform(0.5, 1.5, np.shape(like))
        return values.astype(like.dtype) if isinstance(like, np.ndarray) else type(like)(values)

    places, single = dual.selected(function, args, wrt)
    return tuple(drawn(args[p]) for p in places), single


def pushed(derivative, function, args, wrt=None):
    """Value and flat tangent of a call; arguments and tangents must be left alone."""
    (tangents, single), given = directions(function, args, wrt), fresh(args)
    pushing = fresh(tangents)
    value, tangent = derivative(given, pushing[0] if single else pushing)
    if not unchanged((given, pushing), (args, tangents)):
        raise AssertionError("arguments or tangents were written to")
    return plain(value), tuple(dual.leaves(tangent))


def along(function, program, pair):
    """The reference's `(value, jacobian)`, for "jvp" as `pushed` gives it."""
    if program.mode != "jvp":
        return pair
    value, jacobian = pair
    direction = np.array(dual.leaves(directions(function, program.args, program.wrt)[0]), dtype=float)
    return value, tuple((dual.matrix(jacobian, value) @ direction).tolist())


def unchanged(after, before):
    if isinstance(after, tuple):
        return all(map(unchanged, after, before))
    return not isinstance(after, np.ndarray) or np.array_equal(after, before)


def called(derivative, function, args, of=None):
    """The result of a call; arguments that the function fills are its value, the others must be left alone."""
    given, before = fresh(args), fresh(args)
    value, jacobian = derivative(*given)
    outputs = (of,) if isinstance(of, str) else tuple(of or ())
    filled = {}
    for name, after, original in zip(dual.parameter_names(function), given, before):
        if name in outputs:
            filled[name] = after
        elif isinstance(after, (np.ndarray, tuple)) and not unchanged(after, original):
            raise AssertionError(f"argument {name} was written to")
    if of:
        value = filled[of] if isinstance(of, str) else tuple(filled[name] for name in of)
    return plain(value), plain(jacobian)


@contextlib.contextmanager
def time_limit(seconds):
    """TimeoutError after so many seconds: a reduced program may have lost what ends its loop."""
    if threading.current_thread() is not threading.main_thread() or not hasattr(signal, "setitimer"):
        yield
        return

    def stop(*_):
        raise TimeoutError(f"more than {seconds} s")

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def judge(program, directory, compiled=False):
    """Run one program through srcdiff and the reference."""
    from srcdiff.errors import SrcdiffError

    try:
        module = load(program.source, directory)
    except Exception as error:
        return Outcome("invalid", repr(error))
    try:
        ties = dual.near_ties
        try:
            function = getattr(module, program.name)
            with time_limit(1):
                function(*fresh(program.args))
            expected = along(function, program, dual.value_and_jacobian(function, program.args, program.wrt))
        except Exception as error:
            return Outcome("invalid", repr(error))
        if not all(map(math.isfinite, dual.leaves(expected))):
            return Outcome("invalid", "not finite")
        try:
            run = run_compiled if compiled else run_emitted
            with time_limit(600 if compiled else 60):
                chosen = {"wrt": program.wrt, "shapes": program.shapes, "chunk": program.chunk}
                actual = run(function, program.args, program.mode, **chosen)
        except SrcdiffError as error:
            if "a defect of srcdiff" in str(error):
                return Outcome("crash", f"{type(error).__name__}: {error}")
            return Outcome("refused", f"{type(error).__name__}: {error}")
        except Exception as error:
            return Outcome("crash", "".join(traceback.format_exception(error)[-6:]))
        single = is_single(program.args)
        relative = SINGLE if single else RELATIVE
        problem = compare(actual, expected, relative)
        if problem is None:
            return Outcome("agree")
        if dual.near_ties > ties:
            return Outcome("near tie")
        moves = (along(function, program, pair) for pair in perturbed(function, program, single))
        if any(compare(rounded, expected, relative / 10) for rounded in moves):
            return Outcome("ill-conditioned")
        return Outcome("mismatch", f"{problem}\nsrcdiff:   {actual}\nreference: {expected}")
    finally:
        forget(module)


def perturbed(function, program, single):
    """The reference in float64, or for arguments that differ by a rounding of float32."""
    if not single:
        yield dual.value_and_jacobian(function, program.args, program.wrt, digits=None)
        return
    for part in (1e-6, -1e-6, 3e-6):
        yield dual.value_and_jacobian(function, moved(program.args, part), program.wrt)


def is_single(argument):
    if isinstance(argument, tuple):
        return any(map(is_single, argument))
    return getattr(argument, "dtype", None) == np.float32


def moved(argument, part):
    """The arguments in float32 changed by this part of themselves."""
    if isinstance(argument, tuple):
        return tuple(moved(item, part) for item in argument)
    return argument.astype(float) * (1 + part) if is_single(argument) else argument


def compare(actual, expected, relative):
    """In float32, numbers of size one that cancel leave 1e-7 where the reference has zero."""
    least = 1e-3 if relative >= SINGLE / 10 else 0.0
    for part, a, e in zip(("value", "jacobian"), actual, expected):
        finite = [abs(x) for x in dual.leaves(e) if math.isfinite(x)]
        problem = dual.mismatch(a, e, relative, scale=max(least, 1e-3 * max(finite, default=0.0)))
        if problem:
            return part + problem
    return None


# -- reduction ---------------------------------------------------------------------------------------------------------


def blocks(tree):
    """The statement lists of a tree, in a fixed order."""
    for node in ast.walk(tree):
        for field in ("body", "orelse"):
            block = getattr(node, field, None)
            if isinstance(block, list):
                yield node, field, block


def without_statement(tree):
    """Texts with one statement, or all from one on, removed."""
    for k, (node, field, block) in enumerate(blocks(tree)):
        for i in reversed(range(len(block))):
            smaller = copy.deepcopy(tree)
            rest = next(itertools.islice(blocks(smaller), k, None))[2]
            del rest[i]
            if not rest and not (field == "orelse" or isinstance(node, ast.Module)):
                rest.append(ast.Pass())
            if not isinstance(block[i], ast.Pass):
                yield smaller


def unwrapped(tree):
    """Texts with a compound statement replaced by one of its blocks."""
    for k, (_, _, block) in enumerate(blocks(tree)):
        for i, statement in enumerate(block):
            for inner in ("body", "orelse"):
                if isinstance(statement, (ast.If, ast.For, ast.While)) and getattr(statement, inner):
                    smaller = copy.deepcopy(tree)
                    rest = next(itertools.islice(blocks(smaller), k, None))[2]
                    rest[i : i + 1] = getattr(rest[i], inner)
                    yield smaller


def parts(node):
    """The expressions that may stand for this one."""
    if isinstance(node, ast.BinOp):
        return [node.left, node.right]
    if isinstance(node, ast.IfExp):
        return [node.body, node.orelse]
    if isinstance(node, ast.BoolOp):
        return node.values
    if isinstance(node, ast.UnaryOp):
        return [node.operand]
    return [*node.args, ast.Constant(0.5)] if isinstance(node, ast.Call) else []


def simpler_expressions(tree):
    """Texts with an expression replaced by a part of it, the larger ones first."""
    for k, node in enumerate(ast.walk(tree)):
        for p in range(len(parts(node))):
            smaller = copy.deepcopy(tree)
            chosen = next(itertools.islice(ast.walk(smaller), k, None))
            piece = parts(chosen)[p]
            yield _Replace(chosen, piece).visit(smaller)


class _Replace(ast.NodeTransformer):
    def __init__(self, old, new):
        self.old, self.new = old, new

    def visit(self, node):
        return self.new if node is self.old else super().generic_visit(node)


def reduce(program, still_fails, budget=1500):
    """The smallest program found for which `still_fails` holds."""
    for wrt in dict.fromkeys(a for a in differentiable(program)):
        if still_fails(replace(program, wrt=wrt)):
            program = replace(program, wrt=wrt)
            break
    progress = True
    while progress and budget > 0:
        progress = False
        for candidates in (without_statement, unwrapped, simpler_expressions):
            again, tried = True, 0
            while again and budget > 0:
                again = False
                # After a success the search goes on near where it was, not from the start.
                for tree in itertools.islice(candidates(ast.parse(program.source)), tried, None):
                    budget -= 1
                    tried += 1
                    try:
                        smaller = replace(program, source=ast.unparse(ast.fix_missing_locations(tree)) + "\n")
                    except (ValueError, AttributeError, RecursionError):
                        continue
                    if len(smaller.source) < len(program.source) and still_fails(smaller):
                        program = smaller
                        progress = again = True
                        tried = max(0, tried - 2)
                        break
                    if budget <= 0:
                        break
    return program


def differentiable(program):
    names = re.search(rf"def {program.name}\((.*?)\):", program.source).group(1).split(", ")
    return [n.split(":")[0] for n, a in zip(names, program.args) if dual.is_differentiable(a)]


def reduced(program, outcome, directory, compiled):
    """The reduced program: fails in the same way, and a crash with the same exception."""
    last = outcome.detail.strip().splitlines()[-1].split(":")[0]

    def still_fails(candidate):
        found = judge(candidate, directory, compiled)
        if found.kind != outcome.kind:
            return False
        return outcome.kind == "mismatch" or found.detail.strip().splitlines()[-1].split(":")[0] == last

    return reduce(program, still_fails, 150 if compiled else 1500)


# -- the command -------------------------------------------------------------------------------------------------------


def run_one(index, numbered, seed, compile_every, reduce_failures, keep):
    program = numbered(seed, index)
    kinds = [False] + ([True] if compile_every and index % compile_every == 0 else [])
    runs = [(run, compiled) for run in (program, *program.also) for compiled in kinds]
    results = []
    with tempfile.TemporaryDirectory() as directory:
        for number, (run, compiled) in enumerate(runs):
            outcome = judge(run, directory, compiled)
            text = ""
            if outcome.kind in FAILURES:
                small = reduced(run, outcome, directory, compiled) if reduce_failures else run
                final = judge(small, directory, compiled)
                text = f"{small}\n{outcome.kind}: {final.detail}"
                if keep:
                    Path(keep).mkdir(parents=True, exist_ok=True)
                    name = f"{outcome.kind}_{seed}_{index}_{number}{'_compiled' if compiled else ''}.py"
                    notes = textwrap.indent(f"{small.call}\n{final.detail}", "# ")
                    Path(keep, name).write_text(f"{small.source}\n{notes}\n", encoding="utf-8")
            how = "compiled" if compiled else "plain Python"
            how += f"{', known lengths' if run.shapes else ''}{', jvp' if run.mode == 'jvp' else ''}"
            how += ", small chunks" if run.chunk else ""
            results.append((how, outcome, text))
    return index, tuple(program.constructs), results


def message_class(detail):
    """A refusal's message without what differs from program to program."""
    sentence = re.sub(r"\S+\.py(:\d+)*:?\s*", "", detail.strip().partition("\n")[0])
    return re.sub(r"\b[a-z_]+\d+\b", "_", sentence)[:110]


def main(argv=None, numbered=programs.numbered, description=__doc__):
    """The command; `numbered(seed, index)` makes the programs."""
    parser = argparse.ArgumentParser(description=description.splitlines()[0])
    parser.add_argument("--count", type=int, default=10_000, help="number of programs")
    parser.add_argument("--seed", default="0", help="the programs of one seed are the same everywhere")
    parser.add_argument("--start", type=int, default=0, help="the first program's number")
    parser.add_argument("--jobs", type=int, default=1, help="processes")
    parser.add_argument("--compile-every", type=int, default=50, help="compile every n-th as well; 0: none")
    parser.add_argument("--no-reduce", action="store_true", help="keep failing programs as they are")
    parser.add_argument("--keep", default="random_program_failures", help="directory for failing programs")
    parser.add_argument("--show", type=int, metavar="N", help="print program N and exit")
    parser.add_argument("--refused", action="store_true", help="print the first program of each refusal")
    choice = parser.parse_args(argv)
    if choice.show is not None:
        print(numbered(choice.seed, choice.show))
        return 0

    task = partial(
        run_one,
        numbered=numbered,
        seed=choice.seed,
        compile_every=choice.compile_every,
        reduce_failures=not choice.no_reduce,
        keep=choice.keep,
    )
    numbers = range(choice.start, choice.start + choice.count)
    if choice.jobs > 1:
        with multiprocessing.get_context("spawn").Pool(choice.jobs) as pool:
            return report(pool.imap_unordered(task, numbers, chunksize=5), choice)
    return report(map(task, numbers), choice)


def report(results, choice):
    kinds, held, refusals, refused_with, examples = Counter(), Counter(), Counter(), Counter(), {}
    done = failures = 0
    for index, constructs, outcomes in results:
        done += 1
        held.update(constructs)
        for how, outcome, text in outcomes:
            kinds[how, outcome.kind] += 1
            if outcome.kind == "refused":
                refusals[message_class(outcome.detail)] += 1
                examples.setdefault(message_class(outcome.detail), (index, outcome.detail))
                refused_with.update(constructs)
            if outcome.kind in FAILURES:
                failures += 1
                print(f"=== program {index}, {how}: {outcome.kind}\n{text}\n", flush=True)
        if done % 500 == 0:
            print(f"... {done} programs, {failures} failures, {sum(refusals.values())} refusals", flush=True)

    print(f"\n{'construct':44} {'programs':>8} {'refused':>8}")
    for construct, count in sorted(held.items(), key=lambda item: (item[1], item[0])):
        print(f"{construct:44} {count:8} {refused_with[construct]:8}")
    if refusals:
        print("\nrefusals")
        for message, count in refusals.most_common():
            print(f"{count:6}  {message}   (first: program {examples[message][0]})")
            if choice.refused:
                print(textwrap.indent(examples[message][1], "        "))
    print()
    for (how, kind), count in sorted(kinds.items()):
        print(f"{how:34} {kind:16} {count:7}")
    print(f"seed {choice.seed}: {done} programs, {failures} failures")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
