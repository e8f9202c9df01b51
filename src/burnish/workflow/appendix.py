"""What lies beside a run's report once it was asked for: the pages of an ablation and of an explanation, and links."""

from __future__ import annotations

from burnish.report import explain_page, render
from burnish.report.panel import Explanation
from burnish.store import atomic
from burnish.store.run_folder import RunFolder
from burnish.workflow import leaving

PAGE_FILE, DOCUMENT_FILE = "explain.html", "explain.json"
ABLATION_FILE = "ablation.html"


def write(folder: RunFolder, made: Explanation) -> None:
    """Write the page and the document of an explanation, each whole, and the report anew with a link to it."""
    atomic.write_text(folder.path / PAGE_FILE, explain_page.render(made))
    atomic.write_text(folder.path / DOCUMENT_FILE, made.model_dump_json(indent=1))
    write_report(folder)


def write_report(folder: RunFolder) -> None:
    """Write a finished run's report anew, with links to the pages that lie beside it.

    Raises:
        StoreError: The run has not finished, or what it left is damaged.
    """
    beside = [name for name in (ABLATION_FILE, PAGE_FILE) if (folder.path / name).exists()]
    atomic.write_text(folder.report, render.render(leaving.read_summary(folder), beside=beside))
