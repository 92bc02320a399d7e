"""Generation against plain loops: what is drawn from, with which key, in which order; beams against
every continuation that there is."""

import dataclasses
import inspect
import itertools
import re
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import jaxrnn
from jaxrnn import generation

V, H = 5, 4
DEEP = jaxrnn.stack([jaxrnn.unroll(jaxrnn.gru(H)), jaxrnn.unroll(jaxrnn.lstm(3))])
MODELS = {
    "one": jaxrnn.language_model(jaxrnn.unroll(jaxrnn.gru(H)), V),
    "tied": jaxrnn.language_model(DEEP, V, embedding=3, tied=True, dropout=0.5),
}
PROMPTS = ([3], [1, 4, 4, 0], [2, 0], [1, 4, 4, 0])
OPTIONS = {"temperature": 0.7, "top_k": 4, "top_p": 0.9}


def models(*daily):
    """Both, but by day these alone."""
    marks = {name: () if name in daily else (pytest.mark.slow,) for name in MODELS}
    params = [pytest.param(MODELS[name], id=name, marks=marks[name]) for name in MODELS]
    return pytest.mark.parametrize("model", params)


def talking(getkey, model):
    """Params whose state, more than the biases, decides what comes next."""
    params = model.init(getkey())
    leaves, form = jax.tree.flatten(params)
    draws = [(3 if a.ndim == 2 else 0.1) * jax.random.normal(getkey(), a.shape) for a in leaves]
    return jax.tree.unflatten(form, draws)


def calm(params):
    """So that there is much to draw."""
    return jax.tree.map(lambda a: a / 3, params)


def columns(prompts, T=None, padding=0):
    """Prompts of unequal lengths as (T, P), and their lengths."""
    T = T or max(map(len, prompts))
    rows = [[*prompt, *[padding] * (T - len(prompt))] for prompt in prompts]
    return np.array(rows, np.int32).T, np.array(list(map(len, prompts)), np.int32)


def log_p(logits):
    shifted = np.float64(logits) - np.max(logits, axis=-1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))


def probabilities(logits, temperature=1.0, top_k=None, top_p=None):
    """Of one instant's ids, id by id: what `filtered` leaves."""
    z = np.float64(logits) / temperature
    order = sorted(range(len(z)), key=lambda i: (-z[i], i))[:top_k]
    p = np.exp(log_p(z[order]))
    kept = next((n for n in range(1, len(p)) if p[:n].sum() >= (top_p or 1)), len(p))
    left = np.zeros(len(z))
    left[order[:kept]] = p[:kept] / p[:kept].sum()
    return left


def plainly(model, params, prompt, count, choose):
    """One id at a time from the initial carry; then what `choose` (logits, instant) says."""
    apply, carry, said = jax.jit(model.apply), model.initial_carry(params), []
    for token in prompt:
        carry, logits = apply(params, carry, np.array([token], np.int32))
    while len(said) < count:
        said.append(int(choose(logits[0], len(said))))
        carry, logits = apply(params, carry, np.array(said[-1:], np.int32))
    return said


# What is drawn from


@pytest.mark.float32
@pytest.mark.parametrize("temperature", [0.3, 1, 4.0])
@pytest.mark.parametrize("top_k", [None, 1, 3, 7])
@pytest.mark.parametrize("top_p", [None, 0.05, 0.6, 0.97, 1])
def test_the_filter_is_its_twin(getkey, tolerance, temperature, top_k, top_p):
    logits = 2 * jax.random.normal(getkey(), (2, 3, 7))
    ours = jax.nn.softmax(generation.filtered(logits, temperature, top_k, top_p), axis=-1)
    for at in np.ndindex(2, 3):
        want = probabilities(np.asarray(logits)[at], temperature, top_k, top_p)
        assert_allclose(ours[at], want, rtol=tolerance, atol=tolerance)
        assert_array_equal(ours[at] > 0, want > 0)


@pytest.mark.float32
def test_of_equal_logits_the_lowest_ids_are_kept():
    def kept(logits, **how):
        return np.flatnonzero(np.isfinite(generation.filtered(jnp.array(logits), **how))).tolist()

    assert kept([0.0, 1, 1, 1], top_k=2) == [1, 2]
    assert kept([0.0, 0, 0, 0], top_k=3) == [0, 1, 2]
    assert kept([0.0, 0, 0, 0], top_p=0.5) == [0, 1], "a half is reached by two of four"
    assert kept([0.0, 0, 0, 0], top_p=0.51) == [0, 1, 2]
    assert kept([0.0, 2, 2, 0], top_p=1e-9) == [1], "always at least one"
    assert kept([0.0, 0, 0, 0], top_k=2, top_p=0.51) == [0, 1], "of what the k have left"


@pytest.mark.float32
def test_no_temperature_overflows_and_all_is_all():
    logits = jnp.array([3, 88, 80, -1e4], jnp.float32)
    for temperature in (1e-37, 1e-300):
        cold = jax.nn.softmax(generation.filtered(logits, temperature))
        assert_array_equal(cold, [0, 1, 0, 0])
    hot = jax.nn.softmax(generation.filtered(logits, 1e300))
    assert_allclose(hot, [0.25] * 4, rtol=1e-6)
    long = jnp.where(jnp.arange(5000) == 17, 20, 0).astype(jnp.float32)
    assert np.isfinite(generation.filtered(long, top_p=1.0)).all()


def test_small_floats_are_filtered_in_float32():
    logits = jnp.arange(8, dtype=jnp.bfloat16)
    for how in ({}, {"temperature": 0.7}, {"top_k": 2}, {"top_p": 0.5}):
        assert generation.filtered(logits, **how).dtype == jnp.float32


def test_the_filter_of_traced_options_is_one_program():
    traces = []

    @jax.jit
    def left(logits, temperature, top_p):
        traces.append(0)
        return generation.filtered(logits, temperature, 3, top_p)

    logits = jnp.arange(5.0)
    for temperature, top_p in [(0.5, 0.5), (2.0, 0.9)]:
        want = generation.filtered(logits, temperature, 3, top_p)
        assert_allclose(left(logits, temperature, top_p), want, rtol=1e-12)
    assert len(traces) == 1


@pytest.mark.float32
@models("one")
def test_pairs_of_ids_come_as_often_as_they_should(getkey, model):
    """Chi-square of 4,096 pairs against p(a) p(b | a); what is filtered out never comes."""
    params, prompt, rows = calm(talking(getkey, model)), [1, 4, 0], 4096
    apply = jax.jit(model.apply)
    how = {"temperature": 1.5, "top_k": 4, "top_p": 0.95}
    want = np.zeros((V, V))
    for a in range(V):
        _, logits = apply(params, None, np.array([*prompt, a], np.int32))
        first, second = (probabilities(np.asarray(z), **how) for z in logits[-2:])
        want[a] = first[a] * second
    prefixes = np.repeat(np.array(prompt, np.int32)[:, None], rows, axis=1)
    said = model.generate(params, prefixes, np.full(rows, 3), 2, key=getkey(), **how)
    seen = np.zeros((V, V))
    np.add.at(seen, tuple(np.asarray(said)), 1)
    possible = want > 0
    assert 9 <= possible.sum() <= 16 and not seen[~possible].any()
    expected = rows * want[possible]
    assert ((seen[possible] - expected) ** 2 / expected).sum() < 60  # one in 10⁶ for 15 degrees


# Which key draws


def by_hand(key, row, logits, instant, **how):
    """The draw that the docstring of `generate` tells."""
    now = jax.random.fold_in(jax.random.fold_in(key, row), instant)
    return jax.random.categorical(now, generation.filtered(logits, **how))


@pytest.mark.float32
@models("one")
@pytest.mark.parametrize(
    "how", [pytest.param({}, id="plain", marks=pytest.mark.slow), pytest.param(OPTIONS, id="most")]
)
def test_sampling_is_a_plain_loop(getkey, model, how):
    params, key = calm(talking(getkey, model)), getkey()
    draw = jax.jit(partial(by_hand, key, **how))
    want = [
        plainly(model, params, prompt, 9, partial(draw, row)) for row, prompt in enumerate(PROMPTS)
    ]
    assert want[1] != want[3], "the same prompt in another row draws anew"
    said = model.generate(params, *columns(PROMPTS), 9, key=key, **how)
    assert said.dtype == jnp.int32
    assert_array_equal(said, np.array(want).T)


def test_a_row_depends_neither_on_the_rest_nor_on_the_padding(getkey):
    model = MODELS["one"]
    params, how = talking(getkey, model), {"key": getkey(), "temperature": 2.0}
    said = np.asarray(model.generate(params, *columns(PROMPTS), 16, **how))
    alone = model.generate(params, *columns(PROMPTS[:1]), 16, **how)
    others = model.generate(params, *columns([PROMPTS[0], [2] * 9, [0], [3]]), 16, **how)
    longer = model.generate(params, *columns(PROMPTS, T=20, padding=V - 1), 16, **how)
    fewer = model.generate(params, *columns(PROMPTS), 3, **how)
    assert_array_equal(alone[:, 0], said[:, 0])
    assert_array_equal(others[:, 0], said[:, 0])
    assert_array_equal(longer, said)
    assert_array_equal(fewer, said[:3])


@pytest.mark.parametrize(
    "how, dtype, model",
    [
        ({"top_k": 1, "temperature": 9.0}, jnp.bfloat16, MODELS["one"]),
        ({"top_p": 1e-6}, jnp.float32, MODELS["one"]),
        pytest.param({"top_p": 1e-6}, jnp.bfloat16, MODELS["tied"], marks=pytest.mark.slow),
        pytest.param({"top_k": 1}, jnp.float32, MODELS["tied"], marks=pytest.mark.slow),
    ],
    ids=["k-bfloat16", "p-float32", "p-bfloat16-tied", "tied-k-float32"],
)
def test_one_id_to_draw_from_is_greedy(getkey, how, dtype, model):
    params = jax.tree.map(lambda a: a.astype(dtype), talking(getkey, model))
    want = model.generate(params, *columns(PROMPTS), 16)
    assert len(set(map(tuple, np.asarray(want).T.tolist()))) > 1
    assert_array_equal(model.generate(params, *columns(PROMPTS), 16, key=getkey(), **how), want)


def test_a_seed_is_a_continuation(getkey):
    model = MODELS["one"]
    params, prompts = talking(getkey, model), columns(PROMPTS)

    def said(key):
        return model.generate(params, *prompts, 16, key=key, temperature=3.0).tolist()

    assert said(jax.random.key(1)) == said(jax.random.PRNGKey(1)) != said(jax.random.key(2))


# Programs


TRACES = []


class Counting(jaxrnn.LanguageModel):
    """A model that tells how often it is traced."""

    def apply(self, params, carry, tokens, **how):
        TRACES.append(tokens)
        return super().apply(params, carry, tokens, **how)


def test_a_program_serves_a_bucket(getkey):
    """Prompts of 1 to 16 and counts of 1 to 16, any key, temperature and top_p."""
    model = Counting(MODELS["one"].layer, V)
    params = model.init(getkey())

    def say(T, count, how):
        return model.generate(params, *columns([[1] * T, [2]]), count, **how)

    def drawn(temperature, top_p):
        return {"key": getkey(), "temperature": temperature, "top_p": top_p, "top_k": 3}

    for first, more, beyond in (
        ((3, 5, {}), [(14, 16, {}), (16, 1, {}), (1, 9, {})], (17, 5, {})),
        ((3, 5, drawn(0.5, 0.9)), [(14, 16, drawn(2, 1)), (2, 2, drawn(1, 0.1))], (3, 17, {})),
    ):
        assert say(*first).shape == (first[1], 2)
        before = len(TRACES)
        for asked in more:
            assert say(*asked).shape == (asked[1], 2)
        assert before and len(TRACES) == before
        say(*beyond)  # another bucket
        assert len(TRACES) > before


def test_generation_inside_other_programs(getkey):
    """Under `jit` with all of it traced, and `vmap` over models."""
    model, key = MODELS["one"], getkey()
    params, others = talking(getkey, model), talking(getkey, model)

    def say(params, prefixes, lengths, temperature, top_p):
        how = {"key": key, "temperature": temperature, "top_p": top_p}
        return model.generate(params, prefixes, lengths, 6, **how)

    asked = *columns(PROMPTS), 0.8, 0.9
    want = [say(p, *asked) for p in (params, others)]
    both = jax.tree.map(lambda *a: jnp.stack(a), params, others)
    mapped = jax.jit(jax.vmap(say, in_axes=(0, None, None, None, None)))
    assert_array_equal(mapped(both, *asked), want)


@pytest.mark.slow
def test_ids_have_no_derivative(getkey):
    """What is learnt from them has: in one program with them."""
    model, prompts, key = MODELS["one"], columns(PROMPTS), getkey()
    params = talking(getkey, model)
    said = model.generate(params, *prompts, 6, key=key)

    def reward(params):
        said = model.generate(params, *prompts, 6, key=key)
        return model.loss(params, None, said[:-1], said[1:])[0]

    gradient = jax.jit(jax.grad(reward))(params)
    alike = jax.grad(lambda p: model.loss(p, None, said[:-1], said[1:])[0])(params)
    for ours, theirs in zip(jax.tree.leaves(gradient), jax.tree.leaves(alike), strict=True):
        assert_allclose(ours, theirs, rtol=1e-12, atol=1e-12)


@dataclasses.dataclass(frozen=True)
class Bare:
    """A layer of one's own that has no `step`: nobody knows whether it walks forwards."""

    inner: jaxrnn.Layer

    @property
    def output_size(self):
        return self.inner.output_size

    def init(self, key, input_size, dtype=None):
        return self.inner.init(key, input_size, dtype)

    def initial_carry(self, params, batch_shape=()):
        return self.inner.initial_carry(params, batch_shape)

    def apply(self, params, carry, xs, *, lengths=None, mask=None, resets=None):
        return self.inner.apply(params, carry, xs, lengths=lengths, mask=mask, resets=resets)


class Unhashable(Bare):
    __hash__ = None  # pyright: ignore[reportAssignmentType]


@pytest.mark.parametrize("wrapped, draws", [(Bare, True), (Unhashable, False)])
def test_layers_of_ones_own_generate(getkey, wrapped, draws):
    model = MODELS["one"]
    params, own = talking(getkey, model), jaxrnn.language_model(wrapped(model.layer), V)
    how = {"key": getkey(), **OPTIONS} if draws else {}
    want = model.generate(params, *columns(PROMPTS), 6, **how)
    assert_array_equal(own.generate(params, *columns(PROMPTS), 6, **how), want)


# Streaming


@pytest.mark.float32
@models("tied")
@pytest.mark.parametrize("draws", [pytest.param(False, marks=pytest.mark.slow), True])
def test_a_stream_is_what_generate_says(getkey, model, draws):
    params = calm(talking(getkey, model))
    how = {"key": getkey(), **OPTIONS} if draws else {}
    for prompt in PROMPTS[:2]:
        want = model.generate(params, *columns([prompt]), 40, **how)[:, 0].tolist()
        ids = generation.stream(model, params, np.array(prompt), **how)
        said = list(itertools.islice(ids, 40))
        assert said == want and {type(token) for token in said} == {int}


def test_a_stream_goes_on_from_a_carry(getkey):
    model = MODELS["one"]
    params, prompt = talking(getkey, model), np.array([1, 4, 4, 0, 2])
    want = list(itertools.islice(generation.stream(model, params, prompt), 20))
    carry, _ = model.apply(params, None, prompt[:3])
    ids = generation.stream(model, params, prompt[3:], carry=carry)
    assert list(itertools.islice(ids, 20)) == want
    assert list(itertools.islice(generation.stream(model, params, prompt[3:]), 20)) != want


def test_a_stream_is_two_programs_for_all_prompts_of_a_bucket(getkey):
    model = Counting(MODELS["one"].layer, V)
    params = model.init(getkey())

    def take(T, count):
        return list(itertools.islice(generation.stream(model, params, np.ones(T, int)), count))

    assert len(take(3, 5)) == 5
    before = len(TRACES)
    assert len(take(14, 50)) == 50 and len(TRACES) == before


# Beams


def scored(model, params, prompt, continuations):
    """log p of each of `continuations` (N, count); all in programs of 16 instants."""
    first, last = len(prompt), len(prompt) + len(continuations[0])
    rows, _ = columns([[*prompt, *said] for said in continuations], T=16)
    steps = log_p(np.asarray(jax.jit(model.apply)(params, None, rows)[1]))[first - 1 : last - 1]
    return np.take_along_axis(steps, rows[first:last, :, None], axis=-1)[..., 0].sum(axis=0)


@models("one")
def test_many_beams_miss_nothing(getkey, model):
    """V^(count-1) of them; and V^count are every continuation, in order."""
    params, prompt, count = talking(getkey, model), [2, 0, 3], 3
    every = list(itertools.product(range(V), repeat=count))
    scores = scored(model, params, prompt, every)
    best = np.argsort(-scores)
    assert np.diff(scores[best]).max() < -1e-9, "equals could come in any order"
    for beams in (V ** (count - 1), V**count):
        ids, log_probabilities = generation.beam_search(
            model, params, np.array(prompt), count, beams=beams
        )
        assert ids.shape == (beams, count)
        assert_array_equal(ids, np.array(every)[best[:beams]])
        assert_allclose(log_probabilities, scores[best[:beams]], rtol=1e-12)


@pytest.mark.float32
@pytest.mark.parametrize(
    "beams", [pytest.param(1, marks=pytest.mark.slow), pytest.param(2, marks=pytest.mark.slow), 3]
)
def test_beam_search_is_a_plain_search(getkey, tolerance, beams):
    model = MODELS["tied"]
    params, prompt = talking(getkey, model), [4]
    kept = [([], 0.0)]
    for _ in range(12):
        every = [[*said, token] for said, _ in kept for token in range(V)]
        scores = scored(model, params, prompt, every)
        kept = [(every[i], scores[i]) for i in np.argsort(-scores)[:beams]]
    found = generation.beam_search(model, params, np.array(prompt), 12, beams=beams)
    assert_array_equal(found.ids, [said for said, _ in kept])
    assert_allclose(found.log_probabilities, [score for _, score in kept], rtol=10 * tolerance)
    if beams == 1:
        assert_array_equal(found.ids.T, model.generate(params, *columns([prompt]), 12))


# What is refused


AHEAD = {
    "both-ways": (jaxrnn.bidirectional(jaxrnn.gru(H)), "Bidirectional("),
    "reversed": (jaxrnn.unroll(jaxrnn.gru(H), reverse=True), "Unroll("),
    "deep": (
        jaxrnn.stack([jaxrnn.unroll(jaxrnn.gru(H)), jaxrnn.bidirectional(jaxrnn.gru(H))]),
        "Stack(",
    ),
}


@pytest.mark.parametrize("layer, quoted", AHEAD.values(), ids=AHEAD)
def test_what_reads_ahead_says_that_it_cannot(layer, quoted):
    """Greedy generation of a batch alone takes it, an id at a time."""
    model = jaxrnn.language_model(layer, V)
    params, prefix = model.init(jax.random.key(0)), np.array([1, 2])
    for what, act in {
        "sampling": lambda: model.generate(params, *columns([[1]]), 3, key=jax.random.key(0)),
        "streaming": lambda: generation.stream(model, params, prefix),
        "beam search": lambda: generation.beam_search(model, params, prefix, 3),
    }.items():
        with pytest.raises(ValueError) as error:
            act()
        sentence = str(error.value)
        assert re.match(
            rf"{what} needs a layer that walks forwards, and {re.escape(quoted)}", sentence
        )
        assert "reads what comes after, which is not written yet" in sentence
    assert model.generate(params, *columns([[1], [2, 3]]), 3).shape == (3, 2)


KEY = {"key": jax.random.PRNGKey(0)}
BAD_OPTIONS = [
    ({"temperature": 0, **KEY}, "`temperature` must be positive.* got 0.*: leave out `key`"),
    ({"temperature": 0.0}, "`temperature` must be positive.* got 0.*: leave out `key`"),
    ({"temperature": -1, **KEY}, "`temperature` must be positive and finite, got -1"),
    ({"temperature": float("nan"), **KEY}, "`temperature` must be positive and finite, got nan"),
    ({"temperature": np.inf, **KEY}, "`temperature` must be positive and finite, got inf"),
    ({"temperature": "warm", **KEY}, "`temperature` must be a positive number, got 'warm'"),
    ({"temperature": None, **KEY}, "`temperature` must be a positive number, got None"),
    ({"temperature": True, **KEY}, "`temperature` must be a positive number, got True"),
    ({"temperature": np.ones(2), **KEY}, "`temperature` must be a positive number, got array"),
    ({"temperature": 1j, **KEY}, "`temperature` must be a positive number, got 1j"),
    ({"top_k": 0, **KEY}, "`top_k` must be positive, got 0"),
    ({"top_k": V + 1, **KEY}, "`top_k` must lie in 1…V = 5, got 6"),
    ({"top_k": 2.0, **KEY}, "`top_k` must be a positive integer, got 2.0"),
    ({"top_p": 0, **KEY}, r"`top_p` must be a probability in \(0, 1\], got 0"),
    ({"top_p": 1.01, **KEY}, r"`top_p` must be a probability in \(0, 1\], got 1.01"),
    ({"top_p": np.nan, **KEY}, r"`top_p` must be a probability in \(0, 1\], got nan"),
    ({"top_p": "0.9", **KEY}, r"`top_p` must be a probability in \(0, 1\], got '0.9'"),
    ({"temperature": 0.8}, r"`temperature` = 0.8 needs a `key`, say jax.random.key\(0\)"),
    ({"top_k": 3}, "`top_k` = 3 needs a `key`"),
    ({"top_p": 0.5}, "`top_p` = 0.5 needs a `key`"),
    ({"key": 0}, r"`key` must be a key of jax.random, say jax.random.key\(0\), got 0"),
    ({"key": jnp.zeros((2, 2), jnp.uint32)}, "`key` must be a key of jax.random"),
]


@pytest.mark.parametrize("how, sentence", BAD_OPTIONS, ids=str)
def test_options_that_are_none(how, sentence):
    model = MODELS["one"]
    params = model.init(jax.random.key(0))
    for act in (
        lambda: model.generate(params, *columns(PROMPTS), 3, **how),
        lambda: generation.stream(model, params, np.array([1]), **how),
    ):
        with pytest.raises((TypeError, ValueError), match=sentence) as error:
            act()
        assert len(str(error.value)) < 250 and "\n" not in str(error.value)


def beams(prefix=(1, 2), count=3, **how):
    model = MODELS["one"]
    prefix = np.array(prefix) if isinstance(prefix, tuple) else prefix
    return generation.beam_search(model, model.init(jax.random.key(0)), prefix, count, **how)


def streamed(prompt_ids, **how):
    model = MODELS["one"]
    return next(generation.stream(model, model.init(jax.random.key(0)), prompt_ids, **how))


BAD_CALLS = {
    "no-beam": (lambda: beams(beams=0), "`beams` must be positive, got 0"),
    "beams": (lambda: beams(beams=126), r"`beams` must be at most V\^count = 5\^3 = 125 .*got 126"),
    "half": (lambda: beams(beams=1.5), "`beams` must be a positive integer, got 1.5"),
    "count": (lambda: beams(count=0), "`count` must be positive, got 0"),
    "counts": (lambda: beams(count="all"), "`count` must be a positive integer, got 'all'"),
    "columns": (
        lambda: beams(np.ones((2, 1), int)),
        r"prefix must be \(T\) ids.*got shape \(2, 1\)",
    ),
    "empty": (
        lambda: beams(np.ones(0, int)),
        r"prefix must be \(T\) ids, at least one, got .*\(0,\)",
    ),
    "floats": (lambda: beams((0.5,)), "prefix must be integers, got float64"),
    "text": (lambda: beams("text"), "prefix must be an array of JAX or NumPy, got str 'text'"),
    "stream-text": (lambda: streamed("text"), "prompt_ids must be an array .*got str 'text'"),
    "stream-empty": (lambda: streamed(np.ones(0, int)), r"prompt_ids must be \(T\) ids"),
    "carry": (
        lambda: streamed(np.ones(2, int), carry=jnp.zeros(3)),
        "the carry given to GRU.*is needed",
    ),
    "no-carry": (lambda: streamed(np.ones(2, int), carry="x"), "`carry` must be an array"),
    "ids": (lambda: generation.filtered(jnp.arange(3)), "logits must be floats, got int64"),
    "logits": (lambda: generation.filtered([1.0]), "logits must be an array of JAX or NumPy"),
    "filter": (lambda: generation.filtered(jnp.ones(3), top_k=4), "`top_k` must lie in 1…V = 3"),
}


@pytest.mark.parametrize("act, sentence", BAD_CALLS.values(), ids=BAD_CALLS)
def test_calls_that_are_refused(act, sentence):
    with pytest.raises((TypeError, ValueError), match=sentence) as error:
        act()
    assert len(str(error.value)) < 250 and "\n" not in str(error.value)


def test_the_three_ways_take_the_same_options():
    def options(function):
        told = inspect.signature(function).parameters.values()
        return [(p.name, p.default) for p in told if p.kind is p.KEYWORD_ONLY]

    want = [("key", None), ("temperature", 1.0), ("top_k", None), ("top_p", None)]
    assert options(generation.generate) == options(jaxrnn.LanguageModel.generate) == want
    assert options(generation.stream) == [*want, ("carry", None)]
