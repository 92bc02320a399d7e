"""The family of cells as the laws meet it: each with the variants that another equation tells."""

from typing import Any

import jaxrnn

CELLS: dict[str, tuple[Any, int]] = {  # and the input size that it is asked with
    "projection_lstm": (jaxrnn.projection_lstm(4, 3, recurrent_bias=True), 3),
    "peephole_lstm": (jaxrnn.peephole_lstm(4), 3),
    "coupled_lstm": (jaxrnn.coupled_lstm(4), 3),
    "layer_norm_lstm": (jaxrnn.layer_norm_lstm(4), 3),
    "layer_norm_gru": (jaxrnn.layer_norm_gru(4), 3),
    "mgu": (jaxrnn.mgu(4), 3),
    "indrnn": (jaxrnn.indrnn(4), 3),
    "indrnn-tanh": (jaxrnn.indrnn(4, "tanh"), 3),
    "conv_lstm": (jaxrnn.conv_lstm(2, (3,), peepholes=False), 3),
    "conv_lstm-3d": (jaxrnn.conv_lstm(2, (2, 1, 3), (1, 1, 2)), 6),
    "conv_lstm-2d": (jaxrnn.conv_lstm(1, (2, 3), (3, 2)), 12),
    "slstm": (jaxrnn.slstm(4), 3),
    "slstm-heads": (jaxrnn.slstm(4, 2, "exponential"), 3),
    "mingru": (jaxrnn.mingru(4), 3),
    "minlstm": (jaxrnn.minlstm(4), 3),
    "sru": (jaxrnn.sru(4), 3),
    "sru-straight": (jaxrnn.sru(3), 3),
    "qrnn": (jaxrnn.qrnn(4), 3),
    "qrnn-three": (jaxrnn.qrnn(4, 3), 3),
    "lru": (jaxrnn.lru(4), 3),
    "rg_lru": (jaxrnn.rg_lru(4), 3),
    "rg_lru-straight": (jaxrnn.rg_lru(3), 3),
    "mlstm": (jaxrnn.mlstm(4), 3),
    "mlstm-heads": (jaxrnn.mlstm(4, 2, "exponential"), 3),
    "paragru": (jaxrnn.paragru(4), 3),
}
LINEAR = ("mingru", "minlstm", "sru", "qrnn", "lru", "rg_lru", "mlstm")
DIAGONAL = ("indrnn", "paragru")  # their Jacobian, though they are not linear


def kind(name: str) -> str:
    """The name at the door."""
    return name.split("-")[0]
