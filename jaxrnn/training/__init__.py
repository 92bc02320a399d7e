"""Your own training loop: an epoch of updates, or an evaluation, as one compiled scan.

Nothing here knows what is trained: a `loss` is any function
``(params, carry, inputs, targets) -> (loss, carry)``, such as ``jaxrnn.language_model(…).loss``. A
whole loop, which anneals its rate, keeps the best params and stops when they get no better ::

    rate = training.schedule("cosine", 0.01, steps=epochs * len(inputs), warmup=100)
    adam = training.optimizer("adam", rate, clip=1.0)
    state, best = training.start(params, adam, carry), params
    stopping = training.EarlyStopping(patience=5)
    for epoch in range(epochs):
        state, report = training.epoch(loss, adam, state, inputs, targets, carry)
        held_out = training.evaluate(loss, state.params, *validation, carry)
        stopping = stopping.update(held_out.mean())
        best = jax.device_get(state.params) if stopping.improved else best
        if stopping.should_stop:
            break

Over many devices, `data_parallel` says where params, carries and batches lie, and no more is to be
said. experiments/tasks/ has four short scripts of such loops: forecasting, classification, tagging
and a policy.
"""

from ._checkpoints import CheckpointError as CheckpointError
from ._checkpoints import Checkpoints as Checkpoints
from ._data_parallel import DataParallel as DataParallel
from ._data_parallel import data_parallel as data_parallel
from ._epoch import RESTARTS as RESTARTS
from ._epoch import Loss as Loss
from ._epoch import Report as Report
from ._epoch import Restart as Restart
from ._epoch import TrainState as TrainState
from ._epoch import epoch as epoch
from ._epoch import perplexity as perplexity
from ._epoch import start as start
from ._evaluate import evaluate as evaluate
from ._optimizer import OPTIMIZERS as OPTIMIZERS
from ._optimizer import learning_rate as learning_rate
from ._optimizer import optimizer as optimizer
from ._schedule import SCHEDULES as SCHEDULES
from ._schedule import Schedule as Schedule
from ._schedule import schedule as schedule
from ._stopping import EarlyStopping as EarlyStopping
