"""Steps that call: jit, checkpoint, custom derivatives, loops and branches within an instant."""

import jax
import jax.numpy as jnp

from ._step import USUAL, H, I, odd, usual


@odd(**USUAL)
def jit_of_it(p, h, x):
    return jax.jit(lambda h, x: usual(p, h, x))(h, x)


@odd(**USUAL)
def checkpoint_of_jit_of_it(p, h, x):
    return jax.checkpoint(lambda h, x: jax.jit(lambda h: usual(p, h, x))(h))(h, x)


@odd(**USUAL)
def custom_jvp(p, h, x):
    h = jax.nn.relu(x @ p.w + h @ p.u + p.b) / 2
    return h, h


@jax.custom_jvp
def slanted(a):
    return jnp.sin(a)


slanted.defjvps(lambda da, out, a: da * (0.3 + a * a))  # not its derivative


@odd(**USUAL)
def custom_jvp_that_is_no_derivative(p, h, x):
    h = slanted(x @ p.w + h @ p.u)
    return h, slanted(h)


@jax.custom_vjp
def firm(a, u):
    return jnp.sin(a @ u)


def firm_back(residuals, ct):
    return 2 * jax.vjp(lambda a, u: jnp.cos(a @ u), *residuals)[1](ct)[0], ct.T @ residuals[0]


firm.defvjp(lambda a, u: (firm(a, u), (a, u)), firm_back)


@odd(w=(I, H), u=(H, H))
def custom_vjp_of_a_product(p, h, x):
    return firm(h + x @ p.w, p.u), h


@odd(**USUAL)
def cond_of_the_carry(p, h, x):
    a = h + x @ p.w
    h = jax.lax.cond(
        h.sum() > 0, lambda a: jnp.tanh(a @ p.u), lambda a: jnp.sin(a @ p.u) * p.b[None], a
    )
    return h, h


@odd(**USUAL)
def cond_of_the_input(p, h, x):
    drive = jax.lax.cond(x[0, 0] > 0, lambda x: x @ p.w, lambda x: -2 * (x @ p.w), x)
    return jnp.tanh(h @ p.u + drive), h


@odd(carry=((H,), ((), int)), **USUAL)
def switch_of_a_counter(p, h, n, x):
    ways = [jnp.tanh, jnp.sin, lambda a: a / 2]
    h = jax.lax.switch(n[0] % 3, ways, h @ p.u + x @ p.w)
    return h, n + 1, h


@odd(**USUAL)
def scan_inside(p, h, x):
    a = h + x @ p.w
    h, seen = jax.lax.scan(lambda a, _: (jnp.tanh(a @ p.u), a), a, None, length=3)
    return h, seen.sum(0)


@odd(w=(I, H), u=(3, H, H))
def scan_over_weights(p, h, x):
    h, _ = jax.lax.scan(lambda a, u: (jnp.tanh(a @ u), None), h + x @ p.w, p.u)
    return h, h


@odd(**USUAL)
def while_without_gradient(p, h, x):
    n = jax.lax.while_loop(lambda i: i < 3, lambda i: i + 1, jnp.array(0))
    return jnp.tanh(h @ p.u + x @ p.w) * n.astype(h.dtype) / 3, h


@odd(**USUAL)
def while_of_the_input(p, h, x):
    n = jax.lax.while_loop(lambda n: n.sum() < 3, lambda n: n + 1.0, jnp.floor(abs(x[:, :1])))
    return jnp.tanh(h @ p.u + x @ p.w) / (1 + n), h


@odd(**USUAL)
def vmap_inside(p, h, x):
    h = jax.vmap(lambda h, x: jnp.tanh(p.u @ h + x @ p.w))(h, x)
    return h, h


@odd(**USUAL)
def sorted_and_summed(p, h, x):
    h = jnp.tanh(jnp.cumsum(jnp.sort(h @ p.u + x @ p.w, axis=-1), axis=-1))
    return h, h[:, ::-1]


@odd(**USUAL)
def read_where_the_carry_points(p, h, x):
    at = jnp.argmax(h, axis=-1)
    read = p.u[at] + jnp.take_along_axis(x @ p.w, at[:, None], axis=-1)
    return jnp.tanh(h + read), h


@odd(u=(H, H), w=(I, H))
def solves(p, h, x):
    eye = 4 * jnp.eye(H)
    h = jnp.linalg.solve(eye + jnp.tanh(h[..., None] * p.u[None]), (x @ p.w)[..., None])[..., 0]
    return h, h


@odd(w=(I, H), f=(H,))
def fourier(p, h, x):
    h = jnp.tanh(jnp.fft.irfft(jnp.fft.rfft(h) * jnp.fft.rfft(p.f)[None], H) + x @ p.w)
    return h, h
