"""One core's training photos: the stored pixels and one warp, beside a usual script's pipeline."""

import io

import cv2
import numpy as np
import torch
from PIL import Image
from torchvision import transforms  # type: ignore[import-untyped]

from benchmarks.effort import Effort
from benchmarks.goals import verdict
from benchmarks.pairs import compared, timed, times_faster
from core.dataset.augment import AugmentConfig, augment_photo, changed, draw_changes
from core.dataset.decode import decode_photo
from core.training.device_augment import changed_photos

SIZE = 224
_LEAST = 12.0
_SCRIPT = "PIL and torchvision v1, from the file"
_FILE, _STORE = "from the file", "from the store, as training reads"
_MEAN, _STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def usual_pipeline() -> transforms.Compose:
    """The steps of the reference recipe, as torchvision v1 and in the order that scripts have."""
    return transforms.Compose(
        [
            transforms.Resize((SIZE, SIZE)),
            transforms.RandomResizedCrop(SIZE, scale=(0.8, 1.0)),
            transforms.ColorJitter(0.3, 0.3, 0.3, 0.05),
            transforms.GaussianBlur(5, (0.3, 1.2)),
            transforms.ToTensor(),
            transforms.Normalize(_MEAN, _STD),
            transforms.RandomAffine(8.0, translate=(0.05, 0.05)),
        ]
    )


def measure(effort: Effort) -> list[str]:
    """Time a batch of photos from their files, and from the store, on one core."""
    files = sorted((effort.demo / "images").iterdir())[: 4 if effort.quick else 64]
    contents = [file.read_bytes() for file in files]
    stored = np.stack([decode_photo(content, size=SIZE)[0] for content in contents])
    usual, config = usual_pipeline(), AugmentConfig()

    def script() -> None:
        for content in contents:
            usual(Image.open(io.BytesIO(content)).convert("RGB"))

    def augmented(decoded: bool) -> None:
        for index, content in enumerate(contents):
            photo = stored[index] if decoded else decode_photo(content, size=SIZE)[0]
            augment_photo(photo, 0.0, 65.0, config, np.random.default_rng(index), SIZE)

    pixels = torch.from_numpy(stored)
    drawn = [draw_changes(config, np.random.default_rng(i), SIZE) for i in range(len(files))]
    batched = changed_photos(pixels, drawn, SIZE).permute(0, 2, 3, 1).numpy()
    single = np.stack([changed(*each, SIZE) for each in zip(stored, drawn, strict=True)])
    apart = float(np.abs(batched - single).mean())
    threads = torch.get_num_threads(), cv2.getNumThreads()
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    try:
        spent = timed(
            {
                _SCRIPT: script,
                _FILE: lambda: augmented(decoded=False),
                _STORE: lambda: augmented(decoded=True),
                "whole batch in torch, as on a device": lambda: changed_photos(pixels, drawn, SIZE),
            },
            effort.rounds,
        )
    finally:
        torch.set_num_threads(threads[0])
        cv2.setNumThreads(threads[1])
    a_photo = {name: [each / len(files) for each in own] for name, own in spent.items()}
    file, store = (times_faster(spent, name, _SCRIPT) for name in (_FILE, _STORE))
    return [
        *compared(a_photo, _SCRIPT, "ms a photo"),
        "",
        f"{len(files)} photos, {SIZE} px, one thread. The batch in torch is there for GPUs; its "
        f"pictures differ from the CPU's by {apart:.2f} grey levels on average.",
        *verdict(
            f"at least {_LEAST:g} times faster",
            f"{file:.3g} times from the file, {store:.3g} times from the store, which every epoch "
            "reads",
            met=min(file, store) >= _LEAST,
            missed_in=lambda: augmented(decoded=False),
        ),
    ]
