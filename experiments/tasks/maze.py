"""T-mazes, many side by side: a sign, a corridor, a junction.

At the entrance a sign says left or right. Then comes a corridor of 1 to 8 steps where nothing is to
be seen of it, and at its end, a junction: who turns as the sign said gets 1, else -1, and enters
another maze. To bump into a wall costs 0.1. (B. Bakker, "Reinforcement Learning with Long
Short-Term Memory", NIPS 2001.)
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp

LONGEST = 8
SIGNS, CORRIDOR, JUNCTION, SIGHTS = 2, 2, 3, 4  # what can be seen: 0 and 1 are the signs
ACTIONS = 3  # on, left, right


class Maze(NamedTuple):
    """Where the walkers are, each (B)."""

    sign: jax.Array
    distance: jax.Array  # to the junction
    fresh: jax.Array  # an episode begins

    def sight(self) -> jax.Array:
        inside = jnp.where(self.distance > 0, CORRIDOR, JUNCTION)
        return jnp.where(self.fresh, self.sign, inside)


def enter(key: jax.Array, shape: tuple[int, ...]) -> Maze:
    """Mazes of that shape, of any sign and length, each seen from its entrance."""
    one, two = jax.random.uniform(key, (2, *shape))
    return Maze(jnp.int32(SIGNS * one), 1 + jnp.int32(LONGEST * two), jnp.full(shape, True))


def act(maze: Maze, action: jax.Array, other: Maze) -> tuple[Maze, jax.Array, jax.Array]:
    """The mazes after an action, its reward, and who is done: they enter the other."""
    turns, there = action > 0, maze.distance == 0
    done, bumps = turns & there, turns != there
    reward = jnp.where(done, jnp.where(action - 1 == maze.sign, 1.0, -1.0), -0.1 * bumps)
    on = Maze(maze.sign, maze.distance - (~turns & ~there), jnp.zeros_like(done))
    return jax.tree.map(lambda new, old: jnp.where(done, new, old), other, on), reward, done
