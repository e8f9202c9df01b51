"""Writes docs/commands.md from what the installed `burnish` program says about itself, docs/techniques.md and rules.md.

Usage: python docs/make_docs.py
"""

from __future__ import annotations

import itertools
import os
import re
import subprocess
import sys
from pathlib import Path

from burnish import techniques
from burnish.stats import false_alarms
from burnish.techniques import register
from burnish.units import percent
from burnish.workflow import rule_book

PAGE = Path(__file__).with_name("commands.md")
TECHNIQUES = Path(__file__).with_name("techniques.md")
RULES = Path(__file__).with_name("rules.md")
ERRATA = Path(__file__).with_name("errata.md")
PROGRAM = Path(sys.executable).with_name("burnish")
HEADER = """# Commands

Written by `make docs` from the program itself; do not edit. Results go to standard output, all else to standard error.

| exit code | meaning |
|---|---|
| 0 | done |
| 1 | failed |
| 2 | the command line or a setting is wrong |
| 3 | the data were refused |
| 4 | `--require` was not met |
| 5 | an optional package or device is missing |
| 130, 143 | stopped by Ctrl+C or by SIGTERM; `burnish resume` goes on |

## Where networks train

`--device cpu` trains in worker processes, one network in each, as many as `--jobs` says. `--device gpu` trains many
networks of one shape at once, on all GPUs that JAX sees; it needs `pip install 'burnish[cuda]'`, and exits with 5 where
there is no GPU. `--device auto`, which is the default, trains on GPUs where JAX's plugin and a device are there, else
on processors. On GPUs `--jobs` and `--memory-limit` have no effect: there are no workers, and the GPU's memory decides
how many networks train at once.

Both ways give the same answer up to rounding; where two choices are nearly equal, rounding may decide between them.
**The way of GPUs has been tested on several CPU devices, which stood in for GPUs, and never on a GPU.**
"""


def help_of(*verb: str) -> str:
    """The program's help text, 100 characters wide."""
    environment = {**os.environ, "COLUMNS": "100", "NO_COLOR": "1"}
    done = subprocess.run([PROGRAM, *verb, "--help"], check=True, capture_output=True, text=True, env=environment)
    return done.stdout.rstrip()


def verbs(top: str) -> list[str]:
    """The commands that the program's own help lists, in its order."""
    return re.findall(r"^  (\w+)\s{2,}", top.split("Commands:", 1)[1], re.MULTILINE)


def page() -> str:
    """The whole page as Markdown."""
    top = help_of()
    parts = [f"## burnish {verb}\n\n```text\n{help_of(verb)}\n```\n" for verb in verbs(top)]
    return "\n".join([HEADER, f"```text\n{top}\n```\n", *parts])


TECHNIQUES_HEADER = """# Techniques

Written by `make docs` from the register that `burnish techniques` prints; do not edit. Each technique is there on its
own, for your own arrays, your own JAX function and your own training loop: `from burnish import techniques`. The help
of each name, such as `help(techniques.adam)`, has the formula, shapes, units, source and an example that is run as a
test. Augmentation of images and ONNX are to come. What is often written wrong about them is in the [errata](errata.md).
"""
SECTIONS = {
    "A": "Setting up",
    "B": "Regularisation",
    "C": "Setting up the optimisation",
    "D": "Optimisation",
    "E": "Tuning, batch norm, softmax",
}


def techniques_page() -> str:
    """The register as Markdown: a section for each letter, an entry for each technique."""
    parts = [TECHNIQUES_HEADER]
    for letter, title in SECTIONS.items():
        parts.append(f"## {letter}. {title}\n")
        parts += [_entry(technique) for technique in register.TECHNIQUES if technique.id.startswith(letter)]
    return "\n".join(parts)


def errata() -> dict[str, list[str]]:
    """Links to the entries of docs/errata.md by the technique that they name."""
    found: dict[str, list[str]] = {}
    entry = re.compile(r"^### ([^\n]+)\n(.*?)(?=^##|\Z)", re.MULTILINE | re.DOTALL)
    for title, text in entry.findall(ERRATA.read_text("utf-8")):
        anchor = re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-")
        for name in re.findall(r"\(techniques\.md#(\w+)\)", text):
            found.setdefault(name.upper(), []).append(f"[{title}](errata.md#{anchor})")
    return found


def _entry(technique: register.Technique) -> str:
    files: dict[str, list[str]] = {}
    for test in technique.tests:
        path, name = test.split("::")
        files.setdefault(path, []).append(f"`{name}`")
    proofs = "; ".join(f"[{Path(path).name}](../{path}): {', '.join(names)}" for path, names in files.items())
    names = ", ".join(f"`{name.removeprefix(register.PACKAGE + '.')}`" for name in technique.api)
    homes = dict.fromkeys(techniques._HOMES.get(name.rsplit(".", 1)[1], "burnish") for name in technique.api)
    helps = ", ".join(f"[help](reference/{home}.md)" for home in homes)
    return (
        f"### {technique.id}\n\n{technique.title}\n\n- In Python: {names} ({helps})\n"
        f"- In the main job: {technique.where}\n- Proof: {proofs}\n"
        + "".join(f"- Errata: {link}\n" for link in errata().get(technique.id, ()))
    )


RULES_HEADER = """# Rules

Written by `make docs` from the table that `burnish rules` prints; do not edit. A *proof* cannot be otherwise; a *test*
rejects a hypothesis, with the size of the effect; a *probe* changes one thing and compares; a *signal* is read off in
passing, and makes suspicious only. A *fault* is false of every healthy run, a *limit* is what holds a network back, a
*note* is worth knowing.

All tests of a run together raise a false alarm with a chance of at most {total}. Each has a fixed part of it
(*false alarms* below), and within it corrects for the columns, classes or slices that it looks at; proofs need none.
The trainings that `burnish diagnose` examines have a chance of their own. [Decision {decision}](decisions/{page}) has
the reasons, and `bench/data_rules.py` counts.
"""
RULE_FAMILIES = {
    "BV": "Bias, variance and what predictions show",
    "NU": "Numerics",
    "NN": "Networks",
    "OP": "Optimisation",
    "DA": "Data",
}


def rules_page() -> str:
    """The table of all rules as Markdown: a section for each family."""
    page = next(Path(__file__).parent.glob("decisions/*-shares-of-one-chance-of-a-false-alarm.md")).name
    header = RULES_HEADER.format(total=percent(false_alarms.TOTAL), decision=page[:4], page=page)
    parts = [header]
    for family, title in RULE_FAMILIES.items():
        parts.append(f"## {title}\n")
        of_family = [entry for entry in rule_book.entries() if entry.code.startswith(family)]
        for code, same in itertools.groupby(of_family, key=lambda entry: entry.code):
            parts += [f"### {code}\n", *map(_rule, same)]
    return "\n".join(parts)


def _rule(entry: rule_book.Entry) -> str:
    part = "" if entry.false_alarms is None else f"- False alarms: at most {percent(entry.false_alarms, 3)} of runs\n"
    asked = ", ".join(f"`{name}`" for name in entry.asked_by)
    return (
        f"{entry.title} ({entry.severity}, by {entry.evidence})\n\n- When: {entry.when}\n"
        f"- Remedy: {entry.remedy}\n- Proof of the remedy: {entry.proven}\n- Source: {entry.source}\n{part}"
        f"- Asked by: {asked}\n"
    )


if __name__ == "__main__":
    for path, text in ((PAGE, page()), (TECHNIQUES, techniques_page()), (RULES, rules_page())):
        path.write_text(text, encoding="utf-8")
        print(path)
