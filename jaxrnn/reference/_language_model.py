"""A language model: a layer reads tokens, a softmax head scores what comes next.

    logits_t = y_t W + b,   p_t = softmax(logits_t),   loss = mean of -log p_t[target_t]

The mean is over all positions, time and batch alike. Where the params have an embedding E (V, E),
the layer reads the one-hot vectors of the tokens times E; where the head has no W, W is Eᵀ.
"""

import dataclasses
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from ._arithmetic import Array, double, outer, rows, total, zeros_like
from ._layers import Bidirectional, Stack, Unroll

Layer = Unroll | Bidirectional | Stack


class LanguageModelTape(NamedTuple):
    layer: Any
    ys: Array
    onehot: Array | None


@dataclasses.dataclass(frozen=True)
class LanguageModel:
    """`params` has the fields `layer`, `head` and maybe `embedding (V, E)`, the head the fields
    `w (F, V)`, None where it is tied to the embedding, and `b (V)`."""

    layer: Layer

    def forward(
        self, params: Any, carry: Any, tokens: Any, valid: Any = None, fresh: Any = None
    ) -> tuple[Any, Array, LanguageModelTape]:
        """Tokens `(T, *batch)` to logits `(T, *batch, V)`."""
        xs, onehot, table = tokens, None, getattr(params, "embedding", None)
        if table is not None:
            onehot, _ = rows(tokens, len(table))
            xs = onehot @ double(table)
        carry, ys, tape = self.layer.forward(params.layer, carry, xs, valid, fresh)
        logits = ys @ _weight(params) + double(params.head.b)
        return carry, logits, LanguageModelTape(tape, ys, onehot)

    def backward(
        self, params: Any, tape: LanguageModelTape, dcarry: Any, dlogits: Any
    ) -> tuple[Any, Any, Array | None]:
        """The head is one linear map of every `y_t`, the embedding one of every one-hot vector;
        the rest is the layer's own backward. A table that is both has both gradients, summed."""
        dlogits = double(dlogits)
        dw, db = outer(tape.ys, dlogits), total(dlogits)
        dys = dlogits @ _weight(params).T
        dlayer, dcarry, dxs = self.layer.backward(params.layer, tape.layer, dcarry, dys)
        tied = params.head.w is None
        new = {
            "layer": dlayer,
            "head": dataclasses.replace(params.head, w=None if tied else dw, b=db),
        }
        if tape.onehot is not None:
            new["embedding"] = outer(tape.onehot, dxs) + (dw.T if tied else 0)
            dxs = None
        return dataclasses.replace(params, **new), dcarry, dxs

    def loss(self, params: Any, carry: Any, tokens: Any, targets: Any) -> tuple[float, Any]:
        """The mean cross-entropy over all positions, and the final carry."""
        carry, logits, _ = self.forward(params, carry, tokens)
        return softmax_cross_entropy(logits, targets)[0], carry

    def loss_and_grad(
        self, params: Any, carry: Any, tokens: Any, targets: Any
    ) -> tuple[float, Any, Any, Any]:
        """`loss, carry, dparams, dcarry_in`: the loss does not look at the final carry."""
        carry, logits, tape = self.forward(params, carry, tokens)
        loss, dlogits = softmax_cross_entropy(logits, targets)
        dparams, dcarry_in, _ = self.backward(params, tape, zeros_like(carry), dlogits)
        return loss, carry, dparams, dcarry_in


def _weight(params: Any) -> Array:
    return double(params.embedding).T if params.head.w is None else double(params.head.w)


def language_model(layer: Layer) -> LanguageModel:
    """Tokens through `layer` to logits."""
    return LanguageModel(layer)


def softmax_cross_entropy(logits: Any, targets: Any) -> tuple[float, Array]:
    """The mean of `log Σ exp(logits) - logits[target]` over N positions, and its gradient.

    `dlogits = (softmax(logits) - onehot(target)) / N`. The greatest logit is taken off first, which
    changes neither and lets no exp overflow. A target outside `[0, V)` is an IndexError.
    """
    logits, targets = double(logits), np.asarray(targets)
    if targets.size and not 0 <= targets.min() <= targets.max() < logits.shape[-1]:
        raise IndexError(f"a target lies outside [0, {logits.shape[-1]}).")
    onehot = targets[..., None] == np.arange(logits.shape[-1])
    shifted = logits - logits.max(axis=-1, keepdims=True)
    log_p = shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))
    loss = -np.mean(np.sum(np.where(onehot, log_p, 0.0), axis=-1))
    return float(loss), (np.exp(log_p) - onehot) / targets.size


def clip_by_global_norm(grads: Sequence[Any], threshold: float) -> tuple[list[Array], float]:
    """`g θ / ‖g‖` if `‖g‖ > θ`, else g: one norm over all arrays, no epsilon. Also that norm."""
    arrays = [double(g) for g in grads]
    norm = float(np.sqrt(sum(np.sum(g**2) for g in arrays)))
    return ([g * threshold / norm for g in arrays] if norm > threshold else arrays), norm
