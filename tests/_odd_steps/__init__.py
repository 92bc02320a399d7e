"""Steps that a reader of equations may stumble over, each as a cell: a table for the laws."""

from . import _calls as _calls
from . import _carries as _carries
from . import _products as _products
from ._outputs import FIXED as FIXED
from ._step import ODD as ODD
from ._step import H as H
from ._step import I as I
from ._step import Step as Step
from ._step import draw as draw
from ._step import usual as usual
