"""The last step of a run: how far its finished checkpoint can be believed."""

from core.calibration.calibrate import LEAST, fit_calibration
from core.confidence.files import write_calibration
from core.dataset.splits import calibration_part
from core.inference.loading import load_predictor
from core.training.data import TrainingData
from core.training.run_folder import RunFolder
from core.training.schema import TrainConfig


def calibrate_run(run: RunFolder, config: TrainConfig, data: TrainingData, device: str) -> None:
    """Calibrate the best checkpoint, where enough photos are left to say something by.

    Only the main process of a run calls this, after the card was written: what is calibrated are
    the answers that users will get.
    """
    part = calibration_part(data.split)
    photos = len(data.rows[part])
    if photos < LEAST:
        run.log(f"not calibrated: {photos} photos are in the {part} part, {LEAST} are needed")
        return
    predictor = load_predictor(run.best, device, calibrated=False)
    found = fit_calibration(predictor, data.dataset, data.store, part, config.batch_size)
    write_calibration(run.best, found)
    run.log(f"calibrated on the {found.photos} photos of the {part} part")
