"""Forecast many series at once: rings of coupled oscillators, seen through noise.

    python experiments/tasks/forecasting.py

In each ring K oscillators turn at speeds of their own, and each pulls at its neighbours::

    θ_k ← θ_k + ω_k + c (sin(θ_{k-1} - θ_k) + sin(θ_{k+1} - θ_k)),    x_k = sin θ_k + noise

(Y. Kuramoto, *Chemical Oscillations, Waves, and Turbulence*, 1984). The network reads x (T, B, K)
and says at every instant what the next x will be. It is trained on the past of 32 rings and judged
on their future. What it must beat is persistence: the forecast that all stays as it is. One x does
not tell which way an oscillator is turning, so a network without a memory cannot do much better.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import task

import jaxrnn
from jaxrnn import training

N, T, B, K = 20, 50, 32, 8  # windows of the past, instants of each, rings, oscillators of each
LAYER = jaxrnn.unroll(jaxrnn.gru(64))


def observe(rng: np.random.Generator, instants: int) -> np.ndarray:
    """x (instants, B, K)."""
    speeds = rng.uniform(0.2, 0.8, (B, K))
    phases = rng.uniform(0, 2 * np.pi, (B, K))
    xs = np.empty((instants, B, K))
    for x in xs:
        x[:] = np.sin(phases) + 0.05 * rng.normal(size=(B, K))
        pull = sum(np.sin(np.roll(phases, shift, axis=1) - phases) for shift in (1, -1))
        phases = phases + speeds + 0.1 * pull
    return xs


def windows(xs: np.ndarray) -> tuple[jax.Array, jax.Array]:
    """Consecutive windows (N, T, B, K), in JAX's precision; and each moved on by one instant."""
    now, then = jnp.asarray(xs[:-1]), jnp.asarray(xs[1:])
    return now.reshape(-1, T, B, K), then.reshape(-1, T, B, K)


def init(key: jax.Array) -> dict:
    key_layer, key_head = jax.random.split(key)
    head = jax.nn.initializers.glorot_uniform()(key_head, (LAYER.output_size, K))
    return {"layer": LAYER.init(key_layer, K), "head": head}


def loss(params: dict, carry, xs: jax.Array, targets: jax.Array):
    """The mean square error of persistence with what the network adds to it."""
    carry, ys = LAYER.apply(params["layer"], carry, xs)
    return jnp.mean((xs + ys @ params["head"] - targets) ** 2), carry


def main(steps: int = 300, seed: int = 0, reach: float = 8.0) -> int:
    """Forecast coupled oscillators, with an error many times less than persistence.

    Args:
        steps: Updates, rounded up to whole epochs.
        seed: Of the rings and of the first weights.
        reach: How many times less the error on the future must be.
    """
    rng, key = task.chance(seed)
    adam = training.optimizer("adam", training.schedule("cosine", 0.01, steps), clip=1.0)
    inputs, targets = windows(observe(rng, 2 * N * T + 1))
    past, future = (inputs[:N], targets[:N]), (inputs[N:], targets[N:])
    persistence = float(np.mean((future[0] - future[1]) ** 2))
    print(f"{B} rings of {K} oscillators; the error of persistence is {persistence:.4f}")

    params = init(key)
    carry = LAYER.initial_carry(params["layer"], (B,))
    state, error = training.start(params, adam, carry), persistence
    for done in range(N, steps + N, N):
        state, report = training.epoch(loss, adam, state, *past, carry)
        error = float(training.evaluate(loss, state.params, *future, state.carry).mean())
        if done % (5 * N) == 0 or done >= steps:
            print(f"update {done}: error {report.loss.mean():.4f}, on the future {error:.4f}")
    return task.judge("persistence errs more by a factor of", persistence / error, reach)


if __name__ == "__main__":
    task.run(main)
