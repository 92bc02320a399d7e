"""What each twin computes, told in other words: as a cell that is known, or all of time at once."""

import zlib
from math import exp, tanh
from typing import Any

import numpy as np
import pytest
from _twins import TWINS, H, I

from jaxrnn import reference as ref

T, B = 6, 2


@pytest.fixture
def rng(request):
    return np.random.default_rng(zlib.crc32(request.node.nodeid.encode()))


class Params:
    """A plain bag of arrays."""

    def __init__(self, **arrays: Any):
        self.__dict__.update(arrays)


def sigma(a):
    return 1 / (1 + np.exp(-a))


def assert_same(cell, params, other, theirs, xs, carry=None, within=1e-12):
    """Two cells say the same, and leave the same behind."""
    end, ys, _ = ref.unroll(cell).forward(params, carry, xs)
    their_end, their_ys, _ = ref.unroll(other).forward(theirs, carry and tuple(carry), xs)
    for got, want in zip([*end, ys], [*their_end, their_ys], strict=True):
        np.testing.assert_allclose(got, want, rtol=within, atol=within)


def question(rng, name, **given):
    """A twin, its params (some `given`), a carry and inputs."""
    twin = TWINS[name]
    params, xs = twin.params(rng, **given), rng.normal(size=(T, B, twin.input_size))
    start = twin.cell.initial_carry(params, (B,))
    return twin.cell, params, type(start)(*(rng.normal(size=np.shape(a)) for a in start)), xs


def blocks(a, *signed):
    """Blocks of H columns of a, in this order, 1 the first; a negative one with its sign."""
    parts = {k + 1: part for k, part in enumerate(np.split(a, a.shape[-1] // H, axis=-1))}
    return np.concatenate([np.sign(k) * parts[abs(k)] for k in signed], axis=-1)


# Kin of the LSTM.


def test_a_projection_by_the_identity_is_the_lstm(rng):
    cell, params = ref.projection_lstm(H, H), TWINS["projection-lstm"].params(rng)
    params = Params(**vars(params) | {"w_h": rng.normal(size=(H, 4 * H)), "w_r": np.eye(H)})
    theirs = TWINS["projection-lstm"].params(rng, **vars(params))
    assert_same(cell, params, ref.lstm(H), theirs, rng.normal(size=(T, B, I)))


def test_a_projection_is_of_what_is_shown(rng):
    cell, params, carry, xs = question(rng, "projection-lstm")
    dense = Params(**vars(params) | {"w_h": params.w_r @ params.w_h})
    before = ref.LSTMCarry(np.zeros((B, H)), carry.c)
    _, hs, _ = ref.unroll(ref.lstm(H)).forward(dense, before, xs)
    carry = ref.LSTMCarry(np.zeros((B, 2)), carry.c)
    _, ys, _ = ref.unroll(cell).forward(params, carry, xs)
    np.testing.assert_allclose(ys, hs @ params.w_r, rtol=1e-12, atol=1e-12)


def test_no_peepholes_are_the_lstm(rng):
    cell, params, carry, xs = question(rng, "peephole-lstm", p=np.zeros(3 * H))
    assert_same(cell, params, ref.lstm(H), Params(**vars(params), b_h=None), xs, carry)


def test_peepholes_by_hand():
    x, h, c = 0.5, 0.4, -0.8
    w_x, w_h, b = [0.7, -0.2, 1.1, 0.8], [-0.3, 0.9, 0.6, -0.5], [0.1, 0.2, 0.3, 0.4]
    p = [0.6, -1.2, 0.35]
    a = [x * w_x[k] + h * w_h[k] + b[k] for k in range(4)]
    i, f = sigma(a[0] + p[0] * c), sigma(a[1] + p[1] * c)
    c_new = f * c + i * tanh(a[2])
    h_new = sigma(a[3] + p[2] * c_new) * tanh(c_new)
    arrays = {"w_x": [w_x], "w_h": [w_h], "b": b, "p": p}
    params = Params(**{name: np.array(value) for name, value in arrays.items()})
    carry, y, _ = ref.peephole_lstm(1).forward(
        params, ref.LSTMCarry(np.array([h]), np.array([c])), np.array([x])
    )
    np.testing.assert_allclose([y[0], carry.h[0], carry.c[0]], [h_new, h_new, c_new], rtol=1e-14)


def test_coupled_gates_are_an_lstm_whose_forget_gate_asks_the_opposite(rng):
    """1 - σ(a) = σ(-a)."""
    cell, params, carry, xs = question(rng, "coupled-lstm")
    names = ("w_x", "w_h", "b")
    theirs = {name: blocks(getattr(params, name), 1, -1, 2, 3) for name in names}
    assert_same(cell, params, ref.lstm(H), Params(**theirs, b_h=None), xs, carry)


def test_one_site_and_a_kernel_of_one_are_peepholes(rng):
    arrays = vars(TWINS["peephole-lstm"].params(rng))
    theirs = Params(**arrays)
    params = Params(
        w_x=arrays["w_x"][None, None],
        w_h=arrays["w_h"][None, None],
        b=arrays["b"],
        p=arrays["p"].reshape(3, 1, 1, H),
    )
    xs = rng.normal(size=(T, B, I))
    assert_same(ref.conv_lstm(H, (1, 1)), params, ref.peephole_lstm(H), theirs, xs)


def test_a_convolution_is_a_banded_matrix(rng):
    """A line of sites: W[s, s'] is the kernel's matrix at the distance of the two."""
    S, C, K = 5, 2, 3
    w_x, w_h = rng.normal(size=(K, 1, 4 * C)), rng.normal(size=(K, C, 4 * C))
    b, p = rng.normal(size=4 * C), rng.normal(size=(3, S, C))

    def banded(w):
        full = np.zeros((S, w.shape[1], 4, S, C))
        for to in range(S):
            for offset in range(K):
                site = to + offset - K // 2
                if 0 <= site < S:
                    full[site, :, :, to] = w[offset].reshape(-1, 4, C)
        return full.reshape(S * w.shape[1], 4 * S * C)

    bias = np.repeat(b.reshape(4, 1, C), S, axis=1).ravel()
    dense = Params(w_x=banded(w_x), w_h=banded(w_h), b=bias, p=p.ravel())
    params, xs = Params(w_x=w_x, w_h=w_h, b=b, p=p), rng.normal(size=(T, B, S))
    assert_same(ref.conv_lstm(C, (S,)), params, ref.peephole_lstm(S * C), dense, xs)


# Layer normalisation.


@pytest.mark.parametrize("name", ["layer-norm-lstm", "layer-norm-gru"])
def test_what_is_normed_has_no_scale_and_no_mean(rng, name):
    """Another size of W_h, W_x, or what all columns share, changes nothing where ε = 0."""
    cell, params, carry, xs = question(rng, name)
    cell = type(cell)(H, 0.0)
    w_x = 3.0 * params.w_x + rng.normal(size=(I, 1))
    theirs = Params(**vars(params) | {"w_x": w_x, "w_h": 0.2 * params.w_h})
    assert_same(cell, params, cell, theirs, xs, carry, within=1e-10)


def test_layer_norm_lstm_in_other_words(rng):
    cell, p, carry, xs = question(rng, "layer-norm-lstm")

    def norm(a):
        return (a - np.mean(a)) / np.sqrt(np.std(a) ** 2 + 1e-5)

    end, y, _ = cell.forward(p, carry, xs[0])
    for row in range(B):
        from_h = norm(carry.h[row] @ p.w_h) * p.scale_h
        a = from_h + norm(xs[0, row] @ p.w_x) * p.scale_x + p.b
        i, f, g, o = a[:H], a[H : 2 * H], a[2 * H : 3 * H], a[3 * H :]
        c = sigma(f) * carry.c[row] + sigma(i) * np.tanh(g)
        h = sigma(o) * np.tanh(norm(c) * p.scale_c + p.shift_c)
        np.testing.assert_allclose([y[row], end.h[row], end.c[row]], [h, h, c], rtol=1e-12)


def test_layer_norm_gru_in_other_words(rng):
    cell, p, carry, xs = question(rng, "layer-norm-gru")
    two = slice(0, 2 * H), slice(2 * H, None)

    def norm(a, scale, part):
        a = a[part]
        return (a - np.mean(a)) / np.sqrt(np.std(a) ** 2 + 1e-5) * scale[part]

    _, y, _ = cell.forward(p, carry, xs[0])
    for row in range(B):
        x, h = xs[0, row] @ p.w_x, carry.h[row] @ p.w_h
        x_rz, x_n = (norm(x, p.scale_x, part) for part in two)
        h_rz, h_n = (norm(h, p.scale_h, part) for part in two)
        r, z = np.split(sigma(x_rz + h_rz + p.b[two[0]]), 2)
        n = np.tanh(x_n + p.b[two[1]] + r * (h_n + p.b_n))
        np.testing.assert_allclose(y[row], carry.h[row] + z * (n - carry.h[row]), rtol=1e-12)


# Kin of the GRU, where z is the share of the old: σ(-a) = 1 - σ(a).


def test_mgu_is_a_gru_whose_two_gates_are_one(rng):
    cell, params, carry, xs = question(rng, "mgu")
    theirs = {name: blocks(getattr(params, name), 1, -1, 2) for name in ("w_x", "w_h", "b")}
    assert_same(cell, params, ref.gru(H, "before"), Params(**theirs, b_h=None), xs, carry)


def test_paragru_is_a_gru_of_diagonal_products(rng):
    cell, params, carry, xs = question(rng, "paragru")
    theirs = {name: blocks(getattr(params, name), 1, -2, 3) for name in ("w_x", "b")}
    a_r, a_z, a_n = np.split(params.a, 3)
    w_h = np.concatenate([np.diag(a_r), -np.diag(a_z), np.diag(a_n)], axis=-1)
    gru = ref.gru(H, "before")
    assert_same(cell, params, gru, Params(**theirs, w_h=w_h, b_h=None), xs, carry)


@pytest.mark.parametrize("activation", ["relu", "tanh"])
def test_indrnn_is_the_vanilla_cell_of_a_diagonal_product(rng, activation):
    _, params, carry, xs = question(rng, "indrnn")
    theirs = Params(w_x=params.w_x, w_h=np.diag(params.u), b=params.b, b_h=None)
    cell, vanilla = ref.indrnn(H, activation), ref.vanilla(H, activation)
    assert_same(cell, params, vanilla, theirs, xs, carry)


# Cells of gates that see the input alone: all of time at once, h_t = Σ_s (Π a) new_s.


def by_products(a, new, start):
    """h_t = a_t h_(t-1) + new_t, as the sum over all s ≤ t of what was new at s and was kept."""
    total = []
    for t in range(len(a)):
        h = np.prod(a[: t + 1], axis=0) * start
        for s in range(t + 1):
            h = h + np.prod(a[s + 1 : t + 1], axis=0) * new[s]
        total.append(h)
    return np.stack(total)


def gates_of(params, xs):
    return np.split(xs @ params.w_x + params.b, params.b.size // H, axis=-1)


def assert_says(cell, params, carry, xs, ys):
    got = ref.unroll(cell).forward(params, carry, xs)[1]
    np.testing.assert_allclose(got, ys, rtol=1e-12, atol=1e-12)


def test_mingru_by_products(rng):
    cell, params, carry, xs = question(rng, "mingru")
    z, n = gates_of(params, xs)
    assert_says(cell, params, carry, xs, by_products(1 - sigma(z), sigma(z) * n, carry.h))


def test_minlstm_by_products(rng):
    cell, params, carry, xs = question(rng, "minlstm")
    f, i, n = gates_of(params, xs)
    f, i = sigma(f), sigma(i)
    assert_says(cell, params, carry, xs, by_products(f / (f + i), i / (f + i) * n, carry.h))


def test_the_gates_of_minlstm_sum_to_1_where_both_are_0(rng):
    cell, params, carry, xs = question(rng, "minlstm", b=np.repeat([-800.0, -801.0, 0.0], H))
    params.w_x[:, : 2 * H] = 0
    n = xs @ params.w_x[:, 2 * H :]
    kept, new = np.full((T, B, H), sigma(1.0)), sigma(-1.0) * n
    assert_says(cell, params, carry, xs, by_products(kept, new, carry.h))


@pytest.mark.parametrize("name", ["sru", "sru-no-w_s"])
def test_sru_by_products(rng, name):
    cell, p, carry, xs = question(rng, name)
    n, f, r = np.split(xs @ p.w_x, 3, axis=-1)
    f, r = sigma(f + p.b[:H]), sigma(r + p.b[H:])
    c = by_products(f, (1 - f) * n, carry.c)
    skipped = xs if p.w_s is None else xs @ p.w_s
    assert_says(cell, p, carry, xs, r * np.tanh(c) + (1 - r) * skipped)


@pytest.mark.parametrize("name", ["rg-lru", "rg-lru-no-w_s"])
def test_rg_lru_by_products(rng, name):
    cell, p, carry, xs = question(rng, name)
    r, i = np.split(sigma(xs @ p.w_x + p.b), 2, axis=-1)
    a = sigma(p.a) ** (8 * r)
    s = xs if p.w_s is None else xs @ p.w_s
    assert_says(cell, p, carry, xs, by_products(a, np.sqrt(1 - a**2) * i * s, carry.h))


def test_rg_lru_keeps_the_variance(rng):
    """a² + sqrt(1 - a²)² = 1, also where a rounds to 1."""
    cell, p, carry, _ = question(rng, "rg-lru-no-w_s", a=np.full(H, 40.0), b=np.full(2 * H, 60.0))
    carry = ref.RGLRUCarry(np.zeros((B, H)))
    _, y, _ = cell.forward(p, carry, np.full((B, H), 1e-3))
    np.testing.assert_allclose(y, 1e-3 * np.sqrt(16 * exp(-40.0)), rtol=1e-12)


@pytest.mark.parametrize("window", [1, 2, 3])
def test_qrnn_is_a_convolution_that_sees_no_future(rng, window):
    cell = TWINS[{1: "qrnn-1", 2: "qrnn", 3: "qrnn-3"}[window]].cell
    w_x, b = rng.normal(size=(window, I, 3 * H)), rng.normal(size=3 * H)
    xs, c = rng.normal(size=(T, B, I)), rng.normal(size=(B, H))
    past = rng.normal(size=(window - 1, B, I))
    padded = np.concatenate([past, xs])
    a = np.zeros((T, B, 3 * H))
    for t in range(T):
        for lag in range(window):
            a[t] += padded[window - 1 + t - lag] @ w_x[-1 - lag]
    z, f, o = np.split(a + b, 3, axis=-1)
    ys = sigma(o) * by_products(sigma(f), (1 - sigma(f)) * np.tanh(z), c)
    sums = [  # of what comes before, in the window that is `ahead` instants ahead
        sum(padded[window - 1 + ahead - lag] @ w_x[-1 - lag] for lag in range(ahead + 1, window))
        for ahead in range(window - 1)
    ]
    assert_says(cell, Params(w_x=w_x, b=b), ref.QRNNCarry(c, tuple(sums)), xs, ys)


def test_lru_is_a_sum_of_powers(rng):
    """y_t = Re(Σ_k λ^k exp(γ) x_(t-k) W C) + x_t D."""
    cell, p, carry, xs = question(rng, "lru")
    turn = np.exp(-np.exp(p.nu) + 1j * np.exp(p.theta))
    w, c = p.w_re + 1j * p.w_im, p.c_re + 1j * p.c_im
    start = carry.h[..., 0] + 1j * carry.h[..., 1]
    ys = []
    for t in range(T):
        h = turn ** (t + 1) * start
        for k in range(t + 1):
            h = h + turn**k * np.exp(p.gamma) * (xs[t - k] @ w)
        ys.append((h @ c).real + xs[t] @ p.d)
    assert_says(cell, p, carry, xs, np.stack(ys))


# The xLSTM.


def log_forget(cell, f):
    return np.log(sigma(f)) if cell.forget == "sigmoid" else f


@pytest.mark.parametrize("name", ["slstm", "slstm-exponential"])
def test_slstm_as_the_paper_says_it_before_it_is_made_stable(rng, name):
    cell, p, carry, xs = question(rng, name)
    h, c, n = carry.h, carry.c * np.exp(carry.m), (3 + carry.n) * np.exp(carry.m)
    w_h = np.zeros((2, 2, 4, 2, 2))  # head, unit, gate, head, unit
    for head in range(2):
        w_h[head, :, :, head] = p.w_h[head].reshape(2, 4, 2)
    ys = []
    for x in xs:
        i, f, z, o = np.split(x @ p.w_x + p.b + h @ w_h.reshape(H, 4 * H), 4, axis=-1)
        f = np.exp(log_forget(cell, f))
        c, n = f * c + np.exp(i) * np.tanh(z), f * n + np.exp(i)
        h = sigma(o) * c / n
        ys.append(h)
    assert_says(cell, p, carry._replace(n=3 + carry.n), xs, np.stack(ys))


@pytest.mark.parametrize("name", ["slstm", "mlstm"])
def test_an_empty_memory_forgets_nothing(rng, name):
    """Whatever its forget gate says, the first step writes; bfloat16's emptiness is float32's."""
    cell, p, _, xs = question(rng, name)
    start = cell.initial_carry(p, (B,))
    assert np.all(start.m == -1e30)
    half = Params(b=np.zeros(1, np.float16))
    assert np.all(cell.initial_carry(half, (B,)).m == -6e4)
    after = cell.forward(p, start, xs[0])[0]
    junk = start._replace(c=start.c + 5.0, n=start.n + 7.0)
    again = cell.forward(p, junk, xs[0])[0]
    for a, b in zip(after, again, strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("name", ["mlstm", "mlstm-exponential"])
def test_mlstm_as_attention(rng, name):
    """The paper's parallel form: D_ts = exp(i_s + Σ log f from s to t), stabilised by its rows."""
    cell, p, _, xs = question(rng, name)
    q, k, v, o = np.split(xs @ p.w_x + p.b, 4, axis=-1)
    i, f = np.split(xs @ p.w_g + p.b_g, 2, axis=-1)
    kept, ys = np.cumsum(log_forget(cell, f), axis=0), np.zeros((T, B, H))
    for t, row, head in np.ndindex(T, B, 2):
        units = slice(2 * head, 2 * head + 2)
        log_d = kept[t, row, head] - kept[: t + 1, row, head] + i[: t + 1, row, head]
        m = log_d.max()
        scores = k[: t + 1, row, units] @ q[t, row, units] / np.sqrt(2) * np.exp(log_d - m)
        ys[t, row, units] = scores @ v[: t + 1, row, units]
        ys[t, row, units] /= max(abs(scores.sum()), np.exp(-m))
    assert_says(cell, p, None, xs, sigma(o) * ys)


def test_mlstm_recalls_a_value_by_its_key():
    """One head, D = 2: what was written under a key is read by it alone, and not overwritten."""
    w_x = np.zeros((4, 8))
    w_x[:2, 0:2] = np.eye(2)  # q
    w_x[:2, 2:4] = np.eye(2) * np.sqrt(2)  # k
    w_x[2:, 4:6] = np.eye(2)  # v
    b, b_g = np.repeat([0.0, 0.0, 0.0, 50.0], 2), np.array([0.0, 50.0])
    params = Params(w_x=w_x, b=b, w_g=np.zeros((4, 2)), b_g=b_g)
    xs = np.array([[1, 0, 0.3, -0.4], [0, 1, 0.7, 0.9], [1, 0, 0, 0]], float)
    end, ys, _ = ref.unroll(ref.mlstm(2)).forward(params, None, xs)
    np.testing.assert_allclose(ys[:2], xs[:2, 2:], rtol=1e-12)
    np.testing.assert_allclose(ys[2], [0.15, -0.2], rtol=1e-12)  # of two writes under that key
    np.testing.assert_allclose(end.c[0], [[0.3, 0.7], [-0.4, 0.9]], rtol=1e-12)
