"""Mutants: the library broken on purpose, one small change at a time, to see who notices.

``python -m tests.mutants`` applies each to a copy of the package, runs the tests that should notice
and writes `docs/mutants.md`. One file here is a group or a few: the tests first, then the mutants.
"""

from ._dropout import DROPOUT
from ._engine import CHUNKS, OVERWRITE, RUN, WALK
from ._faces import FACES
from ._gru import GRU
from ._initializers import INITIALIZERS
from ._kit import KIT
from ._language_model import LANGUAGE_MODEL
from ._layers import LAYERS
from ._lstm import LSTM
from ._mutant import Group, Mutant
from ._training import TRAINING
from ._vanilla import AFFINE, FLOAT32, VANILLA
from ._when import WHEN

GROUPS = (
    LSTM,
    GRU,
    VANILLA,
    AFFINE,
    FLOAT32,
    INITIALIZERS,
    WHEN,
    RUN,
    OVERWRITE,
    CHUNKS,
    WALK,
    LAYERS,
    DROPOUT,
    LANGUAGE_MODEL,
    FACES,
    TRAINING,
    KIT,
)
MUTANTS = tuple(mutant for group in GROUPS for mutant in group.mutants)

__all__ = ["GROUPS", "MUTANTS", "Group", "Mutant"]
