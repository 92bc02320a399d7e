"""Optimizers, and a whole epoch as one compiled scan.

Nothing here knows what is trained: a `loss` is any function
``(params, carry, inputs, targets) -> (loss, carry)``, such as ``jaxrnn.language_model(…).loss``.
"""

from ._epoch import RESTARTS as RESTARTS
from ._epoch import Loss as Loss
from ._epoch import Report as Report
from ._epoch import Restart as Restart
from ._epoch import TrainState as TrainState
from ._epoch import epoch as epoch
from ._epoch import perplexity as perplexity
from ._epoch import start as start
from ._optimizer import OPTIMIZERS as OPTIMIZERS
from ._optimizer import optimizer as optimizer
