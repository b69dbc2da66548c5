"""Every notebook runs from top to bottom."""

from __future__ import annotations

import asyncio
import sys
import warnings
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

# What a notebook's cell of parameters says, at the size of a test.
SMALL = {
    "01-comparer": "SCALE, REPLICATIONS, WORKERS = 0.05, 2, 1",
    "02-jumeau": "SCALE, MINUTES, BLOCKS = 0.5, 20, 1",
    "03-decider": "RUNS, DRAWS = 8, 64",
    "04-votre-design": "SCALE, RUNS, DRAWS = 0.05, 8, 64",
}

NOTEBOOKS = sorted((Path(__file__).parents[1] / "notebooks").glob("*.ipynb"))


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
@pytest.mark.filterwarnings(
    "default"
)  # the kernel's own machinery warns; its process does not fail
def test_a_notebook_runs(path: Path) -> None:
    notebook = nbformat.read(path, as_version=4)
    parameters = [cell for cell in notebook.cells if "parameters" in cell.metadata.get("tags", ())]
    assert len(parameters) == (path.stem in SMALL)
    for cell in parameters:
        cell.source = SMALL[path.stem]
    client = NotebookClient(notebook, timeout=300, kernel_name="python3")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        if sys.platform == "win32":
            asyncio.set_event_loop_policy(asyncio.WindowsSelectorEventLoopPolicy())
        client.execute()
    assert all(cell.execution_count for cell in notebook.cells if cell.cell_type == "code")
