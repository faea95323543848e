"""Many photos: `predict` of a folder and uploads in the app, beside a script's inference loop."""

import itertools
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torchvision import transforms  # type: ignore[import-untyped]

from app import cache
from app.photo import Photo
from benchmarks.effort import CHECKPOINT, Effort
from benchmarks.goals import verdict
from benchmarks.pairs import compared, timed, times_faster
from benchmarks.reference_recipe.networks import TASKS, build_network
from core.inference.files import find_photos
from core.inference.loading import load_predictor
from core.model.card import read_card

_LEAST, _MOST = 5.0, 1.2
_LOOP, _CLI, _APP = "a script's loop", "`predict` of a folder", "uploads in the app"


def measure(effort: Effort) -> list[str]:
    """Time all three on the same photos, from their files to answers, models loaded."""
    paths = find_photos(effort.demo)[: 4 if effort.quick else 100]
    script, predictor = _script(paths), load_predictor(CHECKPOINT)
    contents, number = [path.read_bytes() for path in paths], itertools.count()

    def uploads() -> None:
        # Answers are kept by content: bytes behind the end of a JPEG make it a new photo.
        behind = str(next(number)).encode()
        photos = [
            Photo(path.name, content + behind)
            for path, content in zip(paths, contents, strict=True)
        ]
        cache.predictions_of(CHECKPOINT, photos)

    ways: dict[str, Callable[[], object]] = {
        _LOOP: script,
        _CLI: lambda: predictor.predict_files(paths),
        _APP: uploads,
    }
    spent = timed(ways, effort.rounds)
    a_photo = {name: [each / len(paths) for each in own] for name, own in spent.items()}
    faster, app = times_faster(spent, _CLI, _LOOP), 1.0 / times_faster(spent, _APP, _CLI)
    card = read_card(CHECKPOINT)
    return [
        *compared(a_photo, _LOOP, "ms a photo"),
        "",
        f"{len(paths)} photos. The loop reads each by PIL and torchvision and gives it to three "
        f"networks with the shipped model's backbone at {card.preprocess.input_size} px, one after "
        "the other, as the reference recipe does. It searches no gallery, compares no keypoints "
        "and does not say how sure it is.",
        *verdict(
            f"at least {_LEAST:g} times the loop's photos a second, and uploads in at most "
            f"{_MOST:g} times the time of the command",
            f"{faster:.3g} times, and {app:.3g} times",
            met=faster >= _LEAST and app <= _MOST,
            missed_in=ways[_CLI],
        ),
    ]


def _script(paths: tuple[Path, ...]) -> Callable[[], object]:
    card = read_card(CHECKPOINT)
    torch.manual_seed(0)
    config = card.model.model_copy(update={"weights": "random"})
    networks = {task: build_network(task, config, len(card.regions)).eval() for task in TASKS}
    seen = transforms.Compose(
        [
            transforms.Resize((card.preprocess.input_size,) * 2),
            transforms.ToTensor(),
            transforms.Normalize(card.preprocess.mean, card.preprocess.std),
        ]
    )

    def loop() -> list[np.ndarray]:
        answers = []
        with torch.no_grad():
            for path in paths:
                image = seen(Image.open(path).convert("RGB"))[None]
                region, heading = torch.zeros(1, dtype=torch.int64), torch.zeros(1, 2)
                region = networks["region"](image, region, heading).argmax(dim=1)
                heading = networks["heading"](image, region, heading)
                answers.append(networks["position"](image, region, heading).numpy())
        return answers

    return loop
