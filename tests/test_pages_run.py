"""What the docs show runs."""

import re
from pathlib import Path

import jax
import pytest

DOCS = Path(__file__).resolve().parent.parent / "docs"
BLOCKS = {
    f"{name}-{k}": block
    for name in ("flax", "how_to", "interop", "your_cell")
    for k, block in enumerate(
        re.findall(r"```python\n(.*?)```", (DOCS / f"{name}.md").read_text(), re.S)
    )
}


@pytest.mark.standard_promotion  # optax.adam mixes dtypes
@pytest.mark.filterwarnings("ignore::UserWarning:orbax")
@pytest.mark.float32(only=True)  # as a reader runs it
@pytest.mark.parametrize("block", BLOCKS)
def test_a_page_runs(block, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    exec(compile(BLOCKS[block], block, "exec"), {})


def test_what_explain_prints_is_what_the_page_shows(capsys):
    page = (DOCS / "your_cell.md").read_text(encoding="utf-8")
    shown = re.search(r"^cell  .*?(?=^```)", page, re.S | re.M)
    with jax.enable_x64(False):
        exec(compile(BLOCKS["your_cell-0"], "your_cell", "exec"), {})
    assert shown and shown.group() in capsys.readouterr().out
