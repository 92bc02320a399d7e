"""What the docs show runs."""

import re
from pathlib import Path

import pytest

DOCS = Path(__file__).resolve().parent.parent / "docs"
BLOCKS = {
    f"{name}-{k}": block
    for name in ("flax", "interop")
    for k, block in enumerate(
        re.findall(r"```python\n(.*?)```", (DOCS / f"{name}.md").read_text(), re.S)
    )
}


@pytest.mark.standard_promotion  # optax.adam mixes dtypes
@pytest.mark.filterwarnings("ignore::UserWarning:orbax")
@pytest.mark.float32(only=True)  # as a reader runs it
@pytest.mark.parametrize("block", BLOCKS)
def test_a_page_runs(block):
    exec(compile(BLOCKS[block], block, "exec"), {})
