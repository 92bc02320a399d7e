"""unroll, stack, bidirectional: walks through time, and ways to combine them."""

from jaxrnn.layers._bidirectional import Bidirectional, bidirectional
from jaxrnn.layers._stack import Stack, stack
from jaxrnn.layers._unroll import Unroll, unroll

__all__ = ["Bidirectional", "Stack", "Unroll", "bidirectional", "stack", "unroll"]
