"""Weights in and out of other libraries, exactly: `from_X` and `to_X`, one file a library.

::

    layer, params, *_ = interop.from_torch(module)            # or its state dict
    module, *_ = interop.to_torch(layer, params, verify=True)

What one side cannot hold is refused in a sentence that says which option would fit, never
approximated. Params of another model than the one given are refused by its cells, with TypeError
or ValueError. With `verify`, both sides are asked the same random question: outputs, final states
and gradients. A library is imported when it is asked for, and no other. For files there is
``python -m jaxrnn convert``.

What differs from library to library (every `from_X` and `to_X` knows it):

=======  ==============  ===========  ======================  ===========================
library  gates           matrices     biases                  besides
=======  ==============  ===========  ======================  ===========================
jaxrnn   i f g o; r z n  (I, G·H)     b, and b_h if asked
torch    i f g o; r z n  (G·H, I)     two, or none            GRU resets after
keras    i f c o; z r h  (I, G·H)     one; GRU after: two     batch-major
linen    by name         a gate each  one; GRU: + b_hn        carry c, h; GRU after
nnx      i f g o; r z n  (I, G·H)     one                     carry c, h; GRU after
haiku    i g f o; z r a  one, (I+H)   one; vanilla: one, two  f + 1; GRU before, z turned
equinox  i f g o; r z n  (G·H, I)     one; GRU: + b_n         GRU after
onnx     i o f c; z r h  (G·H, I)     two in a row            peepholes i o f
cudnn    i f g o         (G·H, I)     two                     one flat vector
=======  ==============  ===========  ======================  ===========================
"""

from importlib import import_module as _import_module
from typing import TYPE_CHECKING
from typing import Any as _Any

from jaxrnn.interop._form import InteropError
from jaxrnn.interop._result import Differences, Result

if TYPE_CHECKING:
    from jaxrnn.interop._cudnn import from_cudnn as from_cudnn
    from jaxrnn.interop._cudnn import to_cudnn as to_cudnn
    from jaxrnn.interop._equinox import from_equinox as from_equinox
    from jaxrnn.interop._equinox import to_equinox as to_equinox
    from jaxrnn.interop._haiku import from_haiku as from_haiku
    from jaxrnn.interop._haiku import to_haiku as to_haiku
    from jaxrnn.interop._keras import from_keras as from_keras
    from jaxrnn.interop._keras import to_keras as to_keras
    from jaxrnn.interop._linen import from_linen as from_linen
    from jaxrnn.interop._linen import to_linen as to_linen
    from jaxrnn.interop._nnx import from_nnx as from_nnx
    from jaxrnn.interop._nnx import to_nnx as to_nnx
    from jaxrnn.interop._onnx import from_onnx as from_onnx
    from jaxrnn.interop._onnx import to_onnx as to_onnx
    from jaxrnn.interop._torch import from_torch as from_torch
    from jaxrnn.interop._torch import recurrent_modules as recurrent_modules
    from jaxrnn.interop._torch import to_torch as to_torch
    from jaxrnn.interop._tree import from_tree as from_tree

_LIBRARIES = ("cudnn", "equinox", "haiku", "keras", "linen", "nnx", "onnx", "torch")
_WHERE = {f"{way}_{name}": f"_{name}" for name in _LIBRARIES for way in ("from", "to")}
_WHERE |= {"from_tree": "_tree", "recurrent_modules": "_torch"}

__all__ = [
    "Differences",
    "InteropError",
    "Result",
    "from_cudnn",
    "from_equinox",
    "from_haiku",
    "from_keras",
    "from_linen",
    "from_nnx",
    "from_onnx",
    "from_torch",
    "from_tree",
    "recurrent_modules",
    "to_cudnn",
    "to_equinox",
    "to_haiku",
    "to_keras",
    "to_linen",
    "to_nnx",
    "to_onnx",
    "to_torch",
]


def __getattr__(name: str) -> _Any:
    if name in _WHERE:
        return getattr(_import_module(f"jaxrnn.interop.{_WHERE[name]}"), name)
    raise AttributeError(f"module 'jaxrnn.interop' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *_WHERE})
