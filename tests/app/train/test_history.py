from types import MappingProxyType

from app.train.history import best_event, fine_tuning_begins


def test_stages_and_the_best_epoch_are_read_from_events() -> None:
    events = [
        MappingProxyType({"stage": "heads", "epoch": 1, "best": True}),
        MappingProxyType({"stage": "fine-tune", "epoch": 2, "best": True}),
        MappingProxyType({"stage": "fine-tune", "epoch": 3, "best": False}),
    ]
    assert fine_tuning_begins(events) == 2
    assert fine_tuning_begins(events[1:]) is None
    best = best_event(events)
    assert best is not None
    assert best["epoch"] == 2
