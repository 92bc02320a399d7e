"""Ragged sequences as batches of few shapes: padded, bucketed, packed. NumPy only.

JAX compiles a program once for every shape it meets, so a T of its own for each batch means a
compilation for each batch. Buckets leave a few T's; packing, with `rows` given, leaves one.

>>> import numpy as np
>>> from jaxrnn import sequences
>>> documents = [np.arange(n) for n in (3, 7, 2, 8, 3)]
>>> boundaries = sequences.buckets([len(d) for d in documents], 2)
>>> boundaries
(3, 8)
>>> [batch.xs.shape for batch in sequences.bucketed(documents, 2, boundaries)]
[(3, 2), (3, 2), (8, 2)]
>>> packed = sequences.pack(documents, 8)
>>> packed.xs.shape
(8, 3)

A layer reads ``batch.xs`` with ``mask=batch.mask``, and ``packed.xs`` with ``mask=packed.mask,
resets=packed.resets``: either way each document is read alone, from the initial carry. `unpad`,
`restore` and `unpack` give the outputs back as a list.
"""

from ._buckets import bucketed as bucketed
from ._buckets import buckets as buckets
from ._buckets import restore as restore
from ._pack import Packed as Packed
from ._pack import pack as pack
from ._pack import unpack as unpack
from ._pad import Padded as Padded
from ._pad import pad as pad
from ._pad import unpad as unpad
