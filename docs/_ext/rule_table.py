"""The directive `rule-table`: what `srcdiff.rules.scalar` knows, as tables.

Sections come from the comments between the rows of that module, so that a new row needs nothing here.
"""

from __future__ import annotations

import inspect
import re

from docutils import nodes
from sphinx.util.docutils import SphinxDirective

from srcdiff.rules import scalar

HEADINGS = ("function", "called as", "partials", "accuracy")
WIDTHS = (16, 30, 34, 20)


def sections() -> list[tuple[str, list[str]]]:
    """Titles, each with the names of its rows."""
    found: list[tuple[str, list[str]]] = []
    table = inspect.getsource(scalar).partition("_ROWS = (")[2].partition("\n)\n")[0]
    for line in table.splitlines():
        if comment := re.fullmatch(r"    # (\w[^.;]*)(?:[.;].*)?", line):
            found.append((comment[1], []))
        elif row := re.match(r'    (?:rule|step)\("(\w+)\(', line):
            if not found:
                found.append(("Functions", []))
            found[-1][1].append(row[1])
    missing = set(scalar.RULES) - {name for _, names in found for name in names}
    return [*found, ("Others", sorted(missing))] if missing else found


def accuracy(rule: scalar.Rule) -> str:
    if rule.note:
        return rule.note
    return "exact" if set(rule.partials) <= {"0", "1", "-1"} else ""


def cell(*parts: nodes.Node) -> nodes.entry:
    return nodes.entry("", *parts)


def literals(texts: tuple[str, ...]) -> list[nodes.Node]:
    if len(texts) == 1:
        return [nodes.paragraph("", "", nodes.literal(texts[0], texts[0]))]
    return [nodes.line_block("", *(nodes.line("", "", nodes.literal(t, t)) for t in texts))]


def table(rows: list[tuple[str, tuple[str, ...], tuple[str, ...], str]]) -> nodes.table:
    group = nodes.tgroup("", *(nodes.colspec(colwidth=w) for w in WIDTHS), cols=len(WIDTHS))
    heading = nodes.row("", *(cell(nodes.paragraph("", h)) for h in HEADINGS))
    group += nodes.thead("", heading)
    body = nodes.tbody()
    for call, spellings, partials, note in rows:
        used = literals(spellings) if spellings else [nodes.paragraph("", "in emitted code")]
        body += nodes.row(
            "", cell(*literals((call,))), cell(*used), cell(*literals(partials)), cell(nodes.paragraph("", note))
        )
    group += body
    return nodes.table("", group, classes=["colwidths-given"])


class RuleTable(SphinxDirective):
    """One table for each group of rows, then functions with two results, and complex arguments."""

    def run(self) -> list[nodes.Node]:
        self.env.note_dependency(inspect.getfile(scalar))
        groups = [
            (title, [(f"{r.name}({', '.join(r.params)})", r.spellings, r.partials, accuracy(r)) for r in rules])
            for title, names in sections()
            for rules in [[scalar.RULES[name] for name in names]]
        ]
        pairs = [
            (
                f"{p.name}({', '.join(p.params)})",
                p.spellings,
                tuple(f"{r}: {', '.join(by)}" for r, by in zip(p.results, p.partials)),
                "",
            )
            for p in scalar.PAIRS.values()
        ]
        complexes = [
            (f"{r.name}({', '.join(r.params)})", r.spellings, r.partials, r.note) for r in scalar.COMPLEX.values()
        ]
        out: list[nodes.Node] = []
        for title, rows in [*groups, ("Two results", pairs), ("Complex arguments", complexes)]:
            section = nodes.section("", nodes.title("", title), ids=[nodes.make_id(f"rules {title}")])
            section += table(rows)
            out.append(section)
        return out


def setup(app):
    app.add_directive("rule-table", RuleTable)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
