"""The plan of a few validation photos, epoch by epoch."""

from app.figures.samples import sample_plan
from app.theme import LIGHT
from core.training.samples import EpochSample, PhotoAnswer


def _sample(epoch: int, north_m: float) -> EpochSample:
    placed = PhotoAnswer("a.jpg", (0.0, 0.0), None, None, (north_m, 1.0), None, None)
    unplaced = PhotoAnswer("b.jpg", None, 10.0, None, None, 20.0, None)
    return EpochSample(epoch, (unplaced, placed))


def test_the_path_ends_at_the_chosen_epoch_and_photos_without_a_place_are_left_out() -> None:
    figure = sample_plan([_sample(1, 9.0), _sample(2, 5.0), _sample(4, 2.0)], 2, LIGHT)
    path = figure.data[0]
    assert list(path.y) == [9.0, 5.0]
    marks = {trace.name: (trace.x[0], trace.y[0]) for trace in figure.data if trace.name}
    assert marks == {"true": (0.0, 0.0), "predicted": (1.0, 5.0)}
    assert [trace.name for trace in figure.data if trace.showlegend] == ["true", "predicted"]
    assert len(sample_plan([], 1, LIGHT).data) == 0
