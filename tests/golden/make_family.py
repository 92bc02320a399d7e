"""Write family.json: what the authors' own code, or what others made public, says of these cells.

    python tests/golden/make_family.py

Run it again only to add cases. The numbers are a CPU's in float64, from xlstm 2.0.6 (slstm, mlstm),
sru 2.6.0 (sru, sru-skip: its weights of c at zero, which makes it the first version) and
minGRU-pytorch 0.2.1 (mingru, minlstm: its candidate is x + 1/2 where x is positive, and here it
is); in float32 from recurrentgemma 1.0.1 (rg_lru; with typeguard 2.13.3). Params are in our layout.
"""

import json
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import torch
from minGRU_pytorch.minGRU import minGRU
from minGRU_pytorch.minLSTM import minLSTM
from recurrentgemma.jax.layers import RGLRU
from sru import SRUCell
from xlstm.blocks.mlstm.backends import recurrent_step_stabilized_simple
from xlstm.blocks.slstm.src.vanilla import slstm_forward, slstm_forward_pointwise_slstm

T, B, I, H, HEADS = 4, 2, 3, 4, 2
D = H // HEADS


def slstm(normal):
    params = {"w_x": normal(I, 4 * H), "w_h": normal(HEADS, D, 4 * D), "b": normal(4 * H)}
    xs, carry = normal(T, B, I), [normal(B, H) for _ in range(4)]
    carry[2] = np.abs(carry[2]) + 1
    R = torch.tensor(params["w_h"]).transpose(1, 2)
    question = torch.tensor(xs @ params["w_x"]), torch.tensor(np.stack(carry)), R
    states, end, _ = slstm_forward(
        *question, torch.tensor(params["b"]), slstm_forward_pointwise_slstm
    )
    return params, carry, xs, states[0, 1:].numpy(), list(end.numpy())


def mlstm(normal):
    params = {"w_x": normal(I, 4 * H), "b": normal(4 * H)}
    params |= {"w_g": normal(I, 2 * HEADS), "b_g": normal(2 * HEADS)}
    xs, ys = normal(T, B, I), []
    carry = [normal(B, HEADS, D, D), normal(B, HEADS, D), normal(B, HEADS)]
    c, n, m = (torch.tensor(a) for a in carry)
    c, n, m = c.transpose(-1, -2), n[..., None], m[..., None, None]
    for x in xs:
        q, k, v, o = np.split(x @ params["w_x"] + params["b"], 4, axis=-1)
        q, k, v = (torch.tensor(a.reshape(B, HEADS, 1, D)) for a in (q, k, v))
        i, f = np.split(x @ params["w_g"] + params["b_g"], 2, axis=-1)
        i, f = (torch.tensor(a[..., None, None]) for a in (i, f))
        read, (c, n, m) = recurrent_step_stabilized_simple(c, n, m, q, k, v, i, f, eps=0.0)
        ys.append(read.reshape(B, H).numpy() / (1 + np.exp(-o)))
    end = c.transpose(-1, -2), n[..., 0], m[..., 0, 0]
    return params, carry, xs, np.stack(ys), [a.numpy() for a in end]


def rg_lru(normal):
    """Its positions begin at 1: at 0 it does not scale the input. Its a has the other sign. It
    adds up in float32 and in nothing else."""
    params = {"w_x": normal(H, 2 * H), "b": normal(2 * H), "a": normal(H)}
    xs, carry = normal(T, B, H), [normal(B, H)]
    w_r, w_i = np.split(params["w_x"], 2, axis=-1)
    b_r, b_i = np.split(params["b"], 2)
    theirs = {
        "a_param": -params["a"],
        "a_gate": {"w": w_r[None], "b": b_r[None]},
        "input_gate": {"w": w_i[None], "b": b_i[None]},
    }
    cell = RGLRU(H, 1, dtype=jnp.float32)
    positions = jnp.broadcast_to(jnp.arange(1, T + 1), (B, T))
    question = jnp.asarray(xs.swapaxes(0, 1), jnp.float32), positions
    ys, end = cell.apply({"params": theirs}, *question, jnp.asarray(carry[0], jnp.float32))
    return params, carry, xs, np.asarray(ys).swapaxes(0, 1), [np.asarray(end)]


def sru(normal, skips=False):
    size = I if skips else H
    params = {"w_x": normal(size, 3 * H), "b": normal(2 * H)}
    if skips:
        params["w_s"] = normal(size, H)
    xs, carry = normal(T, B, size), [normal(B, H)]
    cell = SRUCell(size, H, use_tanh=True, rescale=False).double().eval()
    columns = np.concatenate([params["w_x"], params.get("w_s", np.zeros((size, 0)))], axis=-1)
    cell.weight.data = torch.tensor(columns.reshape(size, -1, H).swapaxes(1, 2).reshape(size, -1))
    cell.weight_c.data = torch.zeros(2 * H, dtype=torch.float64)
    cell.bias.data = torch.tensor(params["b"])
    with torch.enable_grad():  # without, its loop is a kernel of float32
        ys, end = cell(torch.tensor(xs), torch.tensor(carry[0]))
    return params, carry, xs, ys.detach().numpy(), [end.detach().numpy()]


def minimal(normal, kind, gates):
    """Theirs: candidate first, then the gates; no bias but the half."""
    w = normal(H, (gates + 1) * H)
    w[:, -H:] = np.abs(w[:, -H:])
    params = {"w_x": w, "b": np.repeat([0.0] * gates + [0.5], H)}
    xs, carry = np.abs(normal(T, B, H)), [np.abs(normal(B, H))]
    cell, h, ys = kind(H).double(), torch.tensor(carry[0])[:, None], []
    theirs = np.concatenate([w[:, -H:], w[:, :-H]], axis=-1).T
    next(iter(cell.parameters())).data = torch.tensor(theirs)
    for x in xs:
        y, h = cell(torch.tensor(x)[:, None], h, return_next_prev_hidden=True)
        ys.append(y[:, 0].numpy())
    return params, carry, xs, np.stack(ys), [ys[-1]]


CASES = {
    "slstm": slstm,
    "mlstm": mlstm,
    "rg_lru": rg_lru,
    "sru": sru,
    "sru-skip": lambda normal: sru(normal, skips=True),
    "mingru": lambda normal: minimal(normal, minGRU, 1),
    "minlstm": lambda normal: minimal(normal, minLSTM, 2),
}


def case(make) -> dict:
    rng = np.random.default_rng(7)

    def normal(*shape):
        return rng.normal(size=shape).round(2)  # few digits in what goes in

    params, carry, xs, ys, end = make(normal)
    told = {"xs": xs, "ys": ys} | {"carry": carry, "end": end}
    return {"params": {k: v.tolist() for k, v in params.items()}} | {
        name: [a.tolist() for a in value] for name, value in told.items()
    }


if __name__ == "__main__":
    jax.config.update("jax_enable_x64", True)
    with torch.no_grad():
        golden = {name: case(make) for name, make in CASES.items()}
    Path(__file__).with_name("family.json").write_text(json.dumps(golden, separators=(",", ":")))
