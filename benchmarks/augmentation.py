"""One core's training photos: the stored pixels and one warp, beside a usual script's pipeline."""

import io
from pathlib import Path

import cv2
import numpy as np
import torch
from PIL import Image
from torchvision import transforms  # type: ignore[import-untyped]

from benchmarks.pairs import compared, timed
from core.dataset.augment import AugmentConfig, augment_photo, changed, draw_changes
from core.dataset.decode import decode_photo
from core.training.device_augment import changed_photos

SIZE = 224
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


def augmentation(demo: Path, rounds: int, photos: int) -> list[str]:
    """Time a batch of photos from their files, and from the store, on one core."""
    files = sorted((demo / "images").iterdir())[:photos]
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
                "PIL and torchvision v1, from the file": script,
                "from the file": lambda: augmented(decoded=False),
                "from the store, as training reads": lambda: augmented(decoded=True),
                "whole batch in torch, as on a device": lambda: changed_photos(pixels, drawn, SIZE),
            },
            rounds,
        )
    finally:
        torch.set_num_threads(threads[0])
        cv2.setNumThreads(threads[1])
    a_photo = {name: [each / len(files) for each in own] for name, own in spent.items()}
    table = compared(a_photo, next(iter(spent)), "ms a photo")
    return [
        *table,
        "",
        f"{len(files)} photos, {SIZE} px, one thread. The batch in torch is there for GPUs; its "
        f"pictures differ from the CPU's by {apart:.2f} grey levels on average.",
    ]
