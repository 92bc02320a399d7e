"""unroll, stack, bidirectional: walks through time, and ways to combine them; and what goes around
a cell or a layer."""

from jaxrnn.layers._bidirectional import Bidirectional, bidirectional
from jaxrnn.layers._learnable_start import LearnableStart, StartParams, learnable_start
from jaxrnn.layers._normalize import Normalize, NormalizeParams, normalize
from jaxrnn.layers._project import Project, ProjectParams, project
from jaxrnn.layers._residual import Residual, Skip, residual, skip
from jaxrnn.layers._stack import Stack, stack
from jaxrnn.layers._unroll import Unroll, unroll

__all__ = [
    "Bidirectional",
    "LearnableStart",
    "Normalize",
    "NormalizeParams",
    "Project",
    "ProjectParams",
    "Residual",
    "Skip",
    "Stack",
    "StartParams",
    "Unroll",
    "bidirectional",
    "learnable_start",
    "normalize",
    "project",
    "residual",
    "skip",
    "stack",
    "unroll",
]
