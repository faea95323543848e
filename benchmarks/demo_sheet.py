"""Contact sheet of the demo campus: `python -m benchmarks.demo_sheet OUT.jpg [--seed 7]`."""

import argparse
import sys
from pathlib import Path

import cv2
import numpy as np

from core.demo.photo import render_photo

COLUMNS, ROWS, STEP = 7, 4, 331


def main(arguments: list[str]) -> int:
    """Render photos spread over the first walks and tile them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("--seed", type=int, default=7)
    options = parser.parse_args(arguments)
    photos = [render_photo(options.seed, 40 + STEP * step)[0] for step in range(COLUMNS * ROWS)]
    lines = [np.hstack(photos[row * COLUMNS : (row + 1) * COLUMNS]) for row in range(ROWS)]
    sheet = np.vstack(lines)[..., ::-1]
    options.out.parent.mkdir(parents=True, exist_ok=True)
    if not cv2.imwrite(str(options.out), sheet, [cv2.IMWRITE_JPEG_QUALITY, 80]):
        raise SystemExit(f"cannot write {options.out}: give a name that ends in .jpg")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
