"""Writes docs/commands.md from what the installed `burnish` program says about itself, and docs/techniques.md.

Usage: python docs/make_docs.py
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from burnish import techniques
from burnish.techniques import register

PAGE = Path(__file__).with_name("commands.md")
TECHNIQUES = Path(__file__).with_name("techniques.md")
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


if __name__ == "__main__":
    for path, text in ((PAGE, page()), (TECHNIQUES, techniques_page())):
        path.write_text(text, encoding="utf-8")
        print(path)
