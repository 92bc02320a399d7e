"""Mutants: the library broken on purpose, one small change at a time, to see who notices.

``python -m tests.mutants`` applies each to a copy of the package, runs the tests that should notice
and writes `docs/mutants.md`. One file here is a group or a few: the tests first, then the mutants.
"""

from ._accelerators import ACCELERATORS
from ._arithmetic import FLOAT32, LINEAR
from ._cells import AFFINE, GRU, LSTM, VANILLA
from ._derived import DERIVED, FORWARD, OVERWRITE, ROOM
from ._dropout import DROPOUT, MASKS
from ._engine import CHUNKS, TURNED, WALK
from ._faces import FACES
from ._family import CHUNKED_MLSTM, FAMILY, STAGES
from ._generation import EMBEDDING, GENERATION
from ._initializers import INITIALIZERS
from ._interop import INTEROP
from ._kit import KIT
from ._language_model import LANGUAGE_MODEL
from ._layers import LAYERS
from ._mutant import Group, Mutant
from ._read import PRODUCTS, READ
from ._training import TRAINING
from ._when import WHEN

GROUPS = (
    LSTM,
    GRU,
    VANILLA,
    *FAMILY,
    AFFINE,
    INITIALIZERS,
    READ,
    PRODUCTS,
    DERIVED,
    FORWARD,
    ROOM,
    OVERWRITE,
    FLOAT32,
    LINEAR,
    STAGES,
    CHUNKED_MLSTM,
    CHUNKS,
    ACCELERATORS,
    WALK,
    TURNED,
    WHEN,
    MASKS,
    DROPOUT,
    LAYERS,
    LANGUAGE_MODEL,
    GENERATION,
    EMBEDDING,
    FACES,
    INTEROP,
    TRAINING,
    KIT,
)
MUTANTS = tuple(mutant for group in GROUPS for mutant in group.mutants)

__all__ = ["GROUPS", "MUTANTS", "Group", "Mutant"]
