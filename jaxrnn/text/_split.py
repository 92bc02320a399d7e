"""Split: a text's beginning to train on, the rest to validate and to test with."""

from numbers import Real
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from ._checks import one_text
from ._errors import TextError, quoted


class Split(NamedTuple):
    """Three parts (N,) of ids, in the text's order, that share its memory; the last two may be
    empty."""

    train: np.ndarray
    validation: np.ndarray
    test: np.ndarray


def split(ids: ArrayLike, validation: float = 0.1, test: float = 0.0) -> Split:
    """ids (len,) cut in three: the last part `test` of a text is the test, and the part
    `validation` comes before it.

    The parts are contiguous, for a network reads on from token to token. Each fraction is rounded
    to a whole number of ids. Raises TextError for a fraction outside [0, 1), for one that is not 0
    but comes to no id, and where none is left to train on.

    >>> [len(part) for part in jaxrnn.text.split(np.arange(50), validation=0.1, test=0.2)]
    [35, 5, 10]
    """
    array = one_text(ids)
    validating = _count(array, "validation", validation)
    testing = _count(array, "test", test)
    train = len(array) - validating - testing
    if train < 1:
        raise TextError(
            f"`validation` {validation} and `test` {test} leave none of {len(array)} ids to train "
            "on: take less."
        )
    return Split(*np.split(array, (train, train + validating)))


def _count(ids: np.ndarray, name: str, fraction: Any) -> int:
    number = isinstance(fraction, Real) and not isinstance(fraction, bool)
    share = float(fraction) if number else -1.0
    if not 0 <= share < 1:
        raise TextError(f"`{name}` must lie in [0, 1), got {quoted(fraction)}.")
    count = round(len(ids) * share)
    if share and not count:
        raise TextError(
            f"`{name}` {fraction} of {len(ids)} ids is not one: take more, or 0 for none."
        )
    return count
