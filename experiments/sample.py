"""Write text with a model that was trained: a run's folder, or a model.safetensors alone.

    python experiments/sample.py runs/lstm-20260101-120000 --prefix "It was" --temperature 0.8
    python experiments/sample.py model.safetensors --top-k 40 --count 400 --seed 1

Exit status: 0 done, 2 bad input or a file that cannot be read, 130 interrupted.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from itertools import chain, islice
from pathlib import Path
from typing import Annotated, Any

import command
import jax
import tyro
from run_dir import folder

from jaxrnn import generation, saving, text


@dataclasses.dataclass(frozen=True)
class Arguments:
    """Write text with a model that was trained."""

    model: Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="RUN_OR_FILE")]
    """The folder of a run, or a model's file."""
    prefix: str | None = None
    """What to continue; else the first that the run continued."""
    count: int = 200
    """Tokens to write."""
    temperature: float = 0.8
    """Of the softmax: lower is safer, higher is bolder."""
    greedy: bool = False
    """Take the likeliest token each time."""
    top_k: int | None = None
    """Draw among so many of the likeliest tokens."""
    top_p: float | None = None
    """Draw among the likeliest tokens that have so much of the probability."""
    seed: int = 0
    """Of the drawing: the same seed writes the same text."""


def main(asked: Arguments) -> int:
    if asked.count < 1:
        raise ValueError(f"`count` must be positive, got {asked.count}.")
    path = folder(asked.model)
    file = path / "model.safetensors" if path.is_dir() else path
    how = {"temperature": asked.temperature, "top_k": asked.top_k, "top_p": asked.top_p}
    key = None if asked.greedy else _key(asked.seed)
    for piece in written(file, asked.prefix, asked.count, key, {} if asked.greedy else how):
        print(piece, end="", flush=True)
    print()
    return 0


def text_of(file: Path, count: int) -> str:
    """A sample, on one line."""
    return " ".join("".join(written(file, None, count, _key(0), {"temperature": 0.8})).split())


def written(
    file: Path, prefix: str | None, count: int, key: Any, how: dict[str, Any]
) -> Iterator[str]:
    """The prefix, and what a model's file alone writes after it, piece by piece."""
    model, params, recipe, notes = saving.read(file)
    if recipe is None or not hasattr(model, "vocab_size"):
        raise ValueError(f"{file} holds no language model with its vocabulary: it cannot write.")
    unit: Any = recipe.unit
    vocabulary = text.Vocabulary(recipe.tokens, recipe.unk, unit)
    prefix = _prefix(notes) if prefix is None else prefix
    ids = text.find_recipe(recipe.recipe).prompt(prefix, vocabulary)
    stream = generation.stream(model, params, ids, key=key, **how)
    return vocabulary.pieces(chain(ids, islice(stream, count)))


def _prefix(notes: dict[str, Any]) -> str:
    known = notes.get("prefixes")
    if isinstance(known, list) and known and isinstance(known[0], str):
        return known[0]
    raise ValueError("the file names no prefix: give --prefix.")


def _key(seed: int) -> Any:
    if not 0 <= seed < 2**32:
        raise ValueError(f"`seed` must lie in 0…{2**32 - 1}, got {seed}.")
    return jax.random.key(seed)


if __name__ == "__main__":
    command.run(lambda: main(command.parse(Arguments)))
