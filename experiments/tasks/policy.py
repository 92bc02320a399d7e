"""Learn a policy that remembers: a sign, a corridor, a junction.

    python experiments/tasks/policy.py

In a maze (maze.py) a sign at the entrance says which way to turn, some steps later, at a junction
where it is out of sight. All junctions look alike: without a memory the mean return is 0 at best.

The mazes are walked inside of the loss, and the carry that `training.epoch` hands from update to
update is the memory and the mazes: all is one program. `resets=` makes the policy forget where an
episode begins, both when it walks and when it learns from the walk, as in PureJaxRL (C. Lu et al.,
NeurIPS 2022). The rule is the advantage actor-critic (V. Mnih et al., ICML 2016).
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
import task
from maze import ACTIONS, SIGHTS, Maze, act, enter

import jaxrnn
from jaxrnn import training

N, T, B = 50, 16, 64  # updates an epoch, instants an update, mazes
DISCOUNT = 0.95
LAYER = jaxrnn.unroll(jaxrnn.gru(32))


def policy(params: dict, memory, sight: jax.Array, fresh: jax.Array):
    """sight, fresh (T, B) -> memory, logits of the actions (T, B, 3), values (T, B)."""
    memory, ys = LAYER.apply(params["layer"], memory, sight, resets=fresh)
    heads = ys @ params["heads"]
    return memory, heads[..., :ACTIONS], heads[..., ACTIONS]


def walk(params: dict, carry, key: jax.Array):
    """T instants from the carry (memory, mazes); and sight, fresh, action, reward, done (T, B)."""
    key_actions, key_mazes = jax.random.split(key)

    def instant(carry, chance: tuple[jax.Array, Maze]):
        (memory, maze), (key, other) = carry, chance
        memory, logits, _ = policy(params, memory, maze.sight()[None], maze.fresh[None])
        action = jax.random.categorical(key, logits[0])
        after, reward, done = act(maze, action, other)
        return (memory, after), (maze.sight(), maze.fresh, action, reward, done)

    chances = jax.random.split(key_actions, T), enter(key_mazes, (T, B))
    return jax.lax.scan(instant, carry, chances)


def loss(params: dict, carry, key: jax.Array, _):
    """Walk, then learn: to do more of what led to more than was expected, and to expect better."""
    after, past = jax.lax.stop_gradient(walk(params, carry, key))
    (_, maze), (sight, fresh, action, reward, done) = after, past
    seen = jnp.vstack([sight, maze.sight()]), jnp.vstack([fresh, maze.fresh])  # and what is ahead
    _, logits, values = policy(params, carry[0], *seen)

    def earlier(later: jax.Array, now: tuple) -> tuple[jax.Array, jax.Array]:
        value = now[0] + DISCOUNT * jnp.where(now[1], 0, later)
        return value, value

    ahead = jax.lax.stop_gradient(values[-1])
    _, returns = jax.lax.scan(earlier, ahead, (reward, done), reverse=True)
    surprise, chances = returns - values[:-1], jax.nn.log_softmax(logits[:-1])
    chance = jnp.take_along_axis(chances, action[..., None], -1)[..., 0]
    actor = -(chance * jax.lax.stop_gradient(surprise)).mean()
    entropy = -(jnp.exp(chances) * chances).sum(-1).mean()
    return actor + 0.5 * (surprise**2).mean() - 0.01 * entropy, after


def gain(params: dict, carry, key: jax.Array, _):
    """The mean return of an episode: a measure, for `training.evaluate`."""
    carry, (*_, reward, done) = walk(params, carry, key)
    return reward.sum() / jnp.maximum(done.sum(), 1), carry


def main(steps: int = 300, seed: int = 0, reach: float = 0.9) -> int:
    """Learn to turn as a sign said that is no longer to be seen.

    Args:
        steps: Updates, rounded up to whole epochs.
        seed: Of the mazes, the actions and the first weights.
        reach: The mean return of an episode; without a memory it is 0 at best, and never above 1.
    """
    _, key = task.chance(seed)
    key_layer, key_heads, key_mazes, key_epochs = jax.random.split(key, 4)
    heads = 0.1 * jax.random.normal(key_heads, (LAYER.output_size, ACTIONS + 1))
    params = {"layer": LAYER.init(key_layer, SIGHTS), "heads": heads}
    carry = LAYER.initial_carry(params["layer"], (B,)), enter(key_mazes, (B,))
    adam = training.optimizer("adam", training.schedule("linear", 0.01, steps), clip=0.5)
    state, earned = training.start(params, adam, carry), 0.0
    for done in range(N, steps + N, N):
        keys, others = jax.random.split(jax.random.fold_in(key_epochs, done), (2, N))
        state, _ = training.epoch(loss, adam, state, keys, (), carry, "never")
        earned = float(training.evaluate(gain, state.params, others, (), carry).mean())
        if done % (2 * N) == 0 or done >= steps:
            print(f"update {done}: an episode's mean return is {earned:.3f}")
    return task.judge("mean return", earned, reach)


if __name__ == "__main__":
    task.run(main)
