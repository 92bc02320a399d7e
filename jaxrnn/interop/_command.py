"""``python -m jaxrnn convert``: a file of weights into another."""

from __future__ import annotations

import argparse
import os
import sys
from typing import Any

import jax

from jaxrnn import _describe, _model_file
from jaxrnn._checks import cut
from jaxrnn.interop import _biases, _files
from jaxrnn.interop._form import InteropError


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """`convert`, among the commands of ``python -m jaxrnn``."""
    convert = commands.add_parser(
        "convert",
        help="weights from one file into another",
        description="Read weights, say what they are layer by layer, verify both sides on random "
        f"input, and write them. Reads {_files.READS}; writes {_files.WRITES}.",
    )
    convert.set_defaults(work=work)
    convert.add_argument("source")
    convert.add_argument("target")
    convert.add_argument(
        "--prefix",
        action="append",
        help="the recurrent module to take, encoder.lstm say (a node of ONNX); again for one on it",
    )
    convert.add_argument(
        "--activation", choices=("tanh", "relu"), help="of an nn.RNN, which its file does not tell"
    )
    convert.add_argument(
        "--equivalent",
        action="store_true",
        help="allow biases laid out otherwise, with the same outputs",
    )


def work(asked: argparse.Namespace) -> int:
    """0 done; 2 bad input, one sentence on standard error."""
    try:
        _convert(asked)
    except (InteropError, _model_file.ModelFileError, _describe.DescriptionError) as error:
        print(f"jaxrnn convert: {error}", file=sys.stderr)
        return 2
    return 0


def _convert(asked: argparse.Namespace) -> None:
    if os.path.realpath(asked.source) == os.path.realpath(asked.target):
        raise InteropError("source and target are one file: name another target.")
    kind, found = _files.read(
        asked.source, prefix=asked.prefix, activation=asked.activation, verify=True
    )
    print(f"{asked.source}: {kind}")
    _tell(found.model, found.params)
    for note in found.notes:
        print(f"  note: {note}")
    if found.differences is not None:
        print(f"  verified: largest differences are {found.differences}")
    bias = _biases.MISSING not in found.notes
    how = {"bias": bias, "equivalent": asked.equivalent}
    made = _files.write(asked.target, found.model, found.params, **how)
    for note in made.notes:
        print(f"  note: {note}")
    if made.differences is not None:
        print(f"  verified: largest differences are {made.differences}")
    print(f"{asked.target} is written")


def _tell(model: Any, params: Any) -> None:
    layer = getattr(model, "layer", model)
    for k, level in enumerate(getattr(layer, "layers", [layer])):
        print(f"  level {k + 1}: {cut(repr(level))}")
    if hasattr(model, "vocab_size"):
        print(f"  language model of {model.vocab_size} tokens")
    count = sum(leaf.size for leaf in jax.tree.leaves(params))
    print(f"  {count:,} parameters of {jax.tree.leaves(params)[0].dtype}")
