"""What a phone does to a picture: exposure, white balance, tone, blur, noise, JPEG."""

import cv2
import numpy as np
import numpy.typing as npt

from core.demo.errors import DemoError

Picture = npt.NDArray[np.float32]
_LUMA = np.array([0.3, 0.59, 0.11], dtype=np.float32)
_PHONE_BALANCE = np.array(
    [[1.0, 1.0, 1.0], [1.05, 1.0, 0.95], [0.95, 1.0, 1.06], [1.02, 0.98, 1.0], [0.98, 1.02, 0.98]],
    dtype=np.float32,
)


def develop(picture: Picture, phone: int, walk_rng: np.random.Generator,
            rng: np.random.Generator) -> npt.NDArray[np.uint8]:  # fmt: skip
    """An ideal picture as a phone would deliver it, before compression.

    Args:
        picture: ``(h, w, 3)`` float RGB.
        phone: which phone of the campus.
        walk_rng: draws what stays for a walk; the caller makes it afresh for each photo.
        rng: draws what changes from photo to photo.

    Returns:
        ``(h, w, 3)`` uint8 RGB.
    """
    warmth = walk_rng.normal(0, 0.07) + rng.normal(0, 0.035)
    tint = walk_rng.normal(0, 0.025)
    balance = _PHONE_BALANCE[phone] * np.exp(np.array([warmth, tint, -warmth])).astype(np.float32)
    saturation = float(np.clip(walk_rng.normal(1.02, 0.16), 0.6, 1.4))
    contrast = float(np.clip(walk_rng.normal(1.06, 0.13), 0.75, 1.4))
    lift = float(abs(walk_rng.normal(0, 0.02)))
    luma = picture @ _LUMA
    metered = float(luma.mean() * 0.55 + np.percentile(luma[::4, ::4], 92) * 0.3)
    gain = 0.49 / max(metered, 0.05) * 2 ** float(rng.normal(0, 0.24) + walk_rng.normal(0, 0.2))
    image = picture * (balance * np.float32(gain))
    grey = (image @ _LUMA)[..., None]
    image = grey + (image - grey) * np.float32(saturation)
    image = (image - 0.45) * np.float32(contrast) + 0.45
    image = np.clip(image, 0, None)
    image = np.where(image > 0.75, 0.75 + 0.27 * (1 - np.exp(-(image - 0.75) / 0.27)), image)
    image = (lift + image * (1 - lift)) * _vignette(image.shape[0], float(rng.uniform(0, 0.22)))
    return _sense(_blur(image.astype(np.float32), rng), rng)


def _vignette(side: int, strength: float) -> Picture:
    axis = np.linspace(-1, 1, side, dtype=np.float32) ** 2
    fade = 1 - np.float32(strength) * (axis[:, None] + axis[None]) / 2
    return np.asarray(fade[..., None], dtype=np.float32)


def _blur(image: Picture, rng: np.random.Generator) -> Picture:
    kind = rng.random()
    if kind < 0.07:  # a moving hand
        length = int(rng.integers(2, 6))
        kernel = np.zeros((7, 7), dtype=np.float32)
        angle = rng.uniform(0, np.pi)
        for step in np.linspace(-length / 2, length / 2, 15):
            kernel[round(3 + np.sin(angle) * step), round(3 + np.cos(angle) * step)] = 1
        return np.asarray(cv2.filter2D(image, -1, kernel / kernel.sum()), dtype=np.float32)
    sigma = float(abs(rng.normal(0, 0.5))) + 0.15
    return np.asarray(cv2.GaussianBlur(image, (0, 0), sigma), dtype=np.float32)


def _sense(image: Picture, rng: np.random.Generator) -> npt.NDArray[np.uint8]:
    level = float(rng.gamma(2.0, 0.0045))
    noise = rng.standard_normal(image.shape, dtype=np.float32) * np.float32(level)
    return np.clip((image + noise) * 255 + 0.5, 0, 255).astype(np.uint8)


def compress(image: npt.NDArray[np.uint8], quality: int) -> bytes:
    """JPEG bytes of an RGB image."""
    done, data = cv2.imencode(".jpg", image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])
    if not done:
        raise DemoError(f"could not encode a picture of shape {image.shape} as JPEG")
    return data.tobytes()


def expand(data: bytes) -> npt.NDArray[np.uint8]:
    """RGB pixels of JPEG bytes."""
    found = cv2.imdecode(np.frombuffer(data, dtype=np.uint8), cv2.IMREAD_COLOR)
    if found is None:
        raise DemoError("could not decode a picture that was just encoded")
    return np.ascontiguousarray(found[..., ::-1], dtype=np.uint8)
