"""The forward pass of a training step: the network and its losses."""

from torch import Tensor, nn

from core.labels import LABELS
from core.model.losses import Share, multi_task_loss
from core.model.network import BearingsModel
from core.training.data import TrainingData
from core.training.device import Compute
from core.training.schema import TrainConfig
from core.training.stages import StepInput, known_metadata, step_features


class StepLosses(nn.Module):
    """The network and its losses as one module: the whole forward pass of a step.

    DDP averages gradients over the processes. Each process's loss of a label is therefore weighted
    by its photos that have the label times the number of processes over such photos of the step:
    the average is the gradient of the mean over the whole step, however unequal the parts are.
    """

    def __init__(
        self, model: BearingsModel, compute: Compute, data: TrainingData, config: TrainConfig
    ) -> None:
        """Take the network that is trained, and where its targets come from."""
        super().__init__()
        self.model = model
        self._compute, self._data, self._config = compute, data, config
        self._has_target = {label: data.has_target(label) for label in LABELS}

    def forward(self, inputs: StepInput) -> Tensor:
        """Losses `(5,)` of this process's photos: total, region, position, heading, place."""
        data, config, device = self._data, self._config, self._compute.device
        targets = data.targets(inputs.batch.rows, inputs.batch.heading_deg).to(device)
        region, heading = known_metadata(targets, inputs.draws, config.p_known)
        features = step_features(inputs, self.model, self._compute)
        outputs = self.model.heads(features, region, heading)
        return multi_task_loss(
            outputs, targets, config.loss, self.model.place_head, self._share(inputs)
        ).stacked()

    def _share(self, inputs: StepInput) -> Share:
        own_rows, step_rows = inputs.batch.rows, inputs.step_rows
        count = self._compute.processes.count
        factors = {
            label: count * float(has[own_rows].sum()) / max(1.0, float(has[step_rows].sum()))
            for label, has in self._has_target.items()
        }
        return Share(**factors)
