"""A cell from a paper, in the user's own file, through everything that jaxrnn does with a cell.

    python experiments/paper_cell.py

The minimal gated unit is a GRU with one gate, which forgets and resets at once::

    f  = σ(x W_xf + h W_hf + b_f)               how much to renew
    n  = tanh(x W_xn + (f ⊙ h) W_hn + b_n)      the candidate
    h' = (1 - f) ⊙ h + f ⊙ n,   y = h'

G.-B. Zhou, J. Wu, C.-L. Zhang and Z.-H. Zhou, "Minimal Gated Unit for Recurrent Neural Networks",
International Journal of Automation and Computing 13, 2016 (arXiv:1603.09420), equations 7a to 7c;
their W [h, x] is written as two products here.
"""

from __future__ import annotations

import dataclasses
from typing import Any, NamedTuple

import command
import jax
import jax.numpy as jnp

import jaxrnn
from jaxrnn.testing import check_cell


class UnitCarry(NamedTuple):
    h: jax.Array  # (*batch, H)


@dataclasses.dataclass(frozen=True)
class MinimalGatedUnit:
    """Params: w_x (I, 2H), w_h (H, 2H), b (2H), in the order f n."""

    output_size: int

    def init(self, key: jax.Array, input_size: int, dtype: Any = None) -> dict[str, jax.Array]:
        key_x, key_h = jax.random.split(key)
        draw, wide = jax.nn.initializers.glorot_uniform(), 2 * self.output_size
        w_x = draw(key_x, (input_size, wide), dtype)
        return {
            "w_x": w_x,
            "w_h": draw(key_h, (self.output_size, wide), w_x.dtype),
            "b": jnp.zeros(wide, w_x.dtype),
        }

    def initial_carry(self, params: Any, batch_shape: tuple[int, ...] = ()) -> UnitCarry:
        return UnitCarry(jnp.zeros((*batch_shape, self.output_size), params["b"].dtype))

    def step(self, params: Any, carry: UnitCarry, x: jax.Array) -> tuple[UnitCarry, jax.Array]:
        h, drive = carry.h, x @ params["w_x"]
        drive_f, drive_n = jnp.split(drive + jnp.broadcast_to(params["b"], drive.shape), 2, -1)
        w_f, w_n = jnp.split(params["w_h"], 2, -1)
        f = jax.nn.sigmoid(drive_f + h @ w_f)
        h = (1 - f) * h + f * jnp.tanh(drive_n + (f * h) @ w_n)
        return UnitCarry(h), h


def main() -> int:
    """Send the minimal gated unit through two bidirectional layers and the laws of every cell."""
    layer = jaxrnn.stack([jaxrnn.bidirectional(MinimalGatedUnit(size)) for size in (16, 8)])
    params = layer.init(jax.random.key(0), 5)
    xs = jax.random.normal(jax.random.key(1), (20, 3, 5))
    lengths = jnp.array([20, 0, 13], jnp.int32)
    resets = jnp.zeros((20, 3), bool).at[7].set(True)
    xs = jnp.where((jnp.arange(20)[:, None] < lengths[None])[..., None], xs, jnp.nan)
    carry, ys = jax.jit(layer.apply)(params, None, xs, lengths=lengths, resets=resets)
    print(f"two bidirectional layers of {MinimalGatedUnit(16)} and {MinimalGatedUnit(8)}")
    print(f"xs {xs.shape}, lengths {lengths}, documents begin at 0 and 7; NaN in the padding")
    print(f"ys {ys.shape}, all finite: {jnp.isfinite(ys).all()}")
    print(f"final carries {[c.h.shape for pair in carry for c in pair]}")
    held = check_cell(MinimalGatedUnit(4))
    print(f"check_cell: {len(held)} laws held: {', '.join(held)}")
    return 0


if __name__ == "__main__":
    jax.config.update("jax_enable_x64", True)  # to hold gradients against finite differences
    command.run(lambda: command.parse(main))
