import pytest
import torch

from core.errors import ConfigError
from core.model.device import choose_device


@pytest.mark.parametrize(
    ("cuda", "mps", "best", "usable"),
    [
        (True, False, "cuda", "cuda, cpu"),
        (False, True, "mps", "mps, cpu"),
        (False, False, "cpu", "cpu"),
    ],
)
def test_the_best_device_is_chosen_and_an_absent_one_refused(
    cuda: bool, mps: bool, best: str, usable: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: cuda)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: mps)
    assert choose_device("auto") == best
    assert choose_device("cpu") == "cpu"
    with pytest.raises(ConfigError, match=f"device tpu is not available here: .* of {usable}$"):
        choose_device("tpu")
    if cuda:
        assert choose_device("cuda:1") == "cuda:1"
