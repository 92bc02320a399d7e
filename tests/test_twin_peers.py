"""The twins and what others made of the same papers: the authors' code where it is public (its
numbers are in golden/family.json; make_family.py says how they were made), PyTorch and Flax."""

import json
from pathlib import Path
from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen

from jaxrnn import interop
from jaxrnn import reference as ref

GOLDEN = json.loads(Path(__file__).with_name("golden").joinpath("family.json").read_text())
H = 4
CELLS = {
    "slstm": ref.slstm(H, 2),
    "mlstm": ref.mlstm(H, 2),
    "rg_lru": ref.rg_lru(H),
    "sru": ref.sru(H),
    "sru-skip": ref.sru(H),
    "mingru": ref.mingru(H),
    "minlstm": ref.minlstm(H),
}


@pytest.mark.parametrize("name", GOLDEN)
def test_equals_what_was_published(name):
    golden, within = GOLDEN[name], 1e-6 if name == "rg_lru" else 1e-12
    params = SimpleNamespace(**{"w_s": None} | golden["params"])
    carry = tuple(map(np.array, golden["carry"]))
    end, ys, _ = ref.unroll(CELLS[name]).forward(params, carry, np.array(golden["xs"]))
    for got, want in zip([ys, *end], [golden["ys"], *golden["end"]], strict=True):
        np.testing.assert_allclose(got, want, rtol=within, atol=within)


def test_projection_lstm_is_torchs():
    torch = pytest.importorskip("torch")
    T, B, I, P = 5, 2, 3, 2
    torch.manual_seed(0)
    module = torch.nn.LSTM(I, H, proj_size=P, dtype=torch.float64)
    params = jax.tree.map(np.asarray, interop.from_torch(module).params)
    xs, h, c = torch.randn(T, B, I), torch.randn(1, B, P), torch.randn(1, B, H)
    xs, h, c = (a.double() for a in (xs, h, c))
    want, ends = module(xs, (h, c))
    carry = ref.LSTMCarry(h[0].numpy(), c[0].numpy())
    end, ys, _ = ref.unroll(ref.projection_lstm(H, P)).forward(params, carry, xs.numpy())
    for got, told in zip([ys, *end], [want, *(e[0] for e in ends)], strict=True):
        np.testing.assert_allclose(got, told.detach().numpy(), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(
    ("spatial", "kernel"),
    [((5,), (3,)), ((3, 4), (3, 3)), ((3, 4), (2, 4)), ((2, 3, 2), (1, 2, 3))],
)
def test_conv_lstm_without_peepholes_is_flaxs(getkey, spatial, kernel):
    """Flax's blocks are i g f o, and it adds 1 to f."""
    B, C_in, C = 2, 2, 3
    cell = linen.ConvLSTMCell(C, kernel, param_dtype=jnp.float64)
    x = jax.random.normal(getkey(), (B, *spatial, C_in), jnp.float64)
    h, c = (jax.random.normal(getkey(), (B, *spatial, C), jnp.float64) for _ in range(2))
    weights = cell.init(getkey(), (c, h), x)
    (c_new, h_new), _ = cell.apply(weights, (c, h), x)

    def ours(w):
        i, g, f, o = np.split(np.asarray(w), 4, axis=-1)
        return np.concatenate([i, f, g, o], axis=-1)

    ih, hh = weights["params"]["ih"], weights["params"]["hh"]
    bias = ours(ih["bias"] + hh.get("bias", 0.0)) + np.repeat([0.0, 1.0, 0.0, 0.0], C)
    params = SimpleNamespace(w_x=ours(ih["kernel"]), w_h=ours(hh["kernel"]), b=bias, p=None)
    flat = [np.asarray(a).reshape(B, -1) for a in (h, c, x)]
    end, _, _ = ref.conv_lstm(C, spatial).forward(params, tuple(flat[:2]), flat[2])
    for got, want in zip(end, (h_new, c_new), strict=True):
        np.testing.assert_allclose(got, np.asarray(want).reshape(B, -1), rtol=1e-12, atol=1e-12)
