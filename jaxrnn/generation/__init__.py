"""Writing with a language model: greedy or drawn, as beams, or one id after another for ever.

A prompt is read up to its last id; from there on, each instant reads one id and chooses the next.
"""

from jaxrnn.generation._beams import Beams, beam_search
from jaxrnn.generation._generate import generate
from jaxrnn.generation._sampling import filtered
from jaxrnn.generation._stream import stream

__all__ = ["Beams", "beam_search", "filtered", "generate", "stream"]
