"""A photo that ends, fills or stalls its decoder costs itself alone."""

import io
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import psutil
import pytest
from PIL import Image

from core.dataset import decode_worker
from core.dataset.decode import decode_display, decode_photo
from core.dataset.decode_worker import DecodeWorker
from core.dataset.exif import read_exif
from core.errors import ImageError
from tests.phone_photos import phone_photo

# A worker whose decoder does what the content of a photo says.
PLANTED = """
import os, tempfile, time
from core.dataset import decode_worker as worker
genuine = worker.decode_photo
worker.MEMORY_BYTES, worker.CPU_S = 600_000_000, 1
def planted(content, *, size, name):
    if content == b"crash":
        os.abort()
    if content == b"compute":
        while True: pass
    if content == b"stall":
        time.sleep(600)
    if content == b"fill":
        held = []
        while True: held.append(bytearray(10_000_000))
    if content == b"keep":
        worker.kept = b"x" * 210_000_000
        return genuine(photo, size=size, name=name)
    if content == b"raise":
        raise KeyError("no such table")
    if content == b"print":
        os.write(1, b"a decoder written in C says something")
    if content == b"lie":
        return genuine(photo, size=size // 2, name=name)
    if content == b"write":
        with tempfile.TemporaryFile() as file:
            file.write(b"x")
    return genuine(photo, size=size, name=name)
import io
from PIL import Image
stream = io.BytesIO()
Image.new("RGB", (40, 30), "red").save(stream, "PNG")
photo = stream.getvalue()
worker.decode_photo = planted
worker.main()
"""


@pytest.fixture(scope="module")
def planted() -> Iterator[DecodeWorker]:
    # So long that only the limit of computing ends a photo that computes.
    worker = DecodeWorker([sys.executable, "-c", PLANTED], wall_s=3600.0)
    yield worker
    worker.close()


@pytest.fixture(scope="module")
def genuine() -> Iterator[DecodeWorker]:
    worker = DecodeWorker()
    yield worker
    worker.close()


def is_red(worker: DecodeWorker) -> bool:
    pixels, kept = worker.photo(b"good", size=16, name="good.png")
    return pixels.shape == (16, 16, 3) and kept == 0.75 and bool((pixels == (255, 0, 0)).all())


@pytest.mark.parametrize(
    ("content", "said", "replaced"),
    [
        (b"crash", "its decoder crashed on it; save it again as JPEG", True),
        (b"compute", "decoding it takes too long, so it was stopped; save it again", True),
        (b"fill", "it needs more memory than there is", False),
        (b"raise", "no such table", False),
        (b"write", "No usable temporary directory", False),
        (b"lie", r"its pixels have the shape \(8, 8, 3\)", False),
    ],
)
def test_a_hostile_photo_loses_itself_alone(
    planted: DecodeWorker, content: bytes, said: str, replaced: bool
) -> None:
    assert is_red(planted)
    before = planted.pid
    with pytest.raises(ImageError, match=f"^bad.png cannot be read: .*{said}"):
        planted.photo(content, size=16, name="bad.png")
    assert is_red(planted)
    assert (planted.pid != before) == replaced


def test_a_decoder_that_waits_for_ever_is_ended() -> None:
    worker = DecodeWorker([sys.executable, "-c", PLANTED], wall_s=3.0)
    began = time.monotonic()
    with pytest.raises(ImageError, match=r"^bad.png .* takes too long"):
        worker.photo(b"stall", size=16, name="bad.png")
    assert time.monotonic() - began < 20.0
    worker.close()


def test_a_process_that_keeps_much_memory_is_replaced(planted: DecodeWorker) -> None:
    assert planted.photo(b"keep", size=16, name="large.png")[0].shape == (16, 16, 3)
    assert planted.pid is None
    assert is_red(planted)


def test_what_a_decoder_prints_is_no_answer(planted: DecodeWorker) -> None:
    assert planted.photo(b"print", size=16, name="loud.png")[0].shape == (16, 16, 3)


def test_a_crash_in_one_thread_is_not_seen_in_another(planted: DecodeWorker) -> None:
    found: dict[int, bool] = {}

    def ask(number: int) -> None:
        try:
            planted.photo(b"crash" if number % 3 == 0 else b"good", size=16, name="x.png")
        except ImageError:
            found[number] = False
        else:
            found[number] = True

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(9)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == {number: number % 3 != 0 for number in range(9)}


def test_it_answers_as_decoding_here_does(genuine: DecodeWorker) -> None:
    content = phone_photo()
    pixels, kept = genuine.photo(content, size=48, name="a.jpg")
    here, kept_here = decode_photo(content, size=48)
    np.testing.assert_array_equal(pixels, here)
    assert kept == kept_here
    np.testing.assert_array_equal(
        genuine.display(content, max_side=64, name="a.jpg"), decode_display(content, max_side=64)
    )
    assert genuine.exif(content, name="a.jpg") == read_exif(content)


def test_a_refused_photo_gets_the_sentence_of_its_reader(genuine: DecodeWorker) -> None:
    with pytest.raises(ImageError, match=r"^notes\.jpg cannot be read: it is no JPEG"):
        genuine.photo(b"no photo", size=16, name="notes.jpg")


def test_the_idle_process_is_small_and_starts_with_the_first_photo() -> None:
    worker = DecodeWorker()
    assert worker.pid is None
    worker.photo(phone_photo(), size=16, name="a.jpg")
    assert worker.pid is not None
    process = psutil.Process(worker.pid)
    assert process.memory_info().rss < 100_000_000, "it imports no torch"
    os.kill(worker.pid, signal.SIGKILL)
    process.wait(10)
    assert worker.photo(phone_photo(), size=16, name="a.jpg")[0].shape == (16, 16, 3)
    worker.close()
    assert worker.pid is None


def test_no_process_stays_behind_a_server_that_is_killed(tmp_path: Path) -> None:
    script = tmp_path / "server.py"
    content = tmp_path / "a.png"
    Image.new("RGB", (40, 30)).save(content)
    script.write_text(
        "import sys, time\n"
        "from core.dataset.decode_worker import worker\n"
        "worker().photo(open(sys.argv[1], 'rb').read(), size=16, name='a')\n"
        "print(worker().pid, flush=True)\n"
        "time.sleep(600)\n"
    )
    server = subprocess.Popen(
        [sys.executable, str(script), str(content)], stdout=subprocess.PIPE, text=True,
        env={**os.environ, **decode_worker.python_path()},
    )  # fmt: skip
    assert server.stdout is not None
    process = psutil.Process(int(server.stdout.readline()))
    server.kill()
    server.wait()
    server.stdout.close()
    process.wait(20)


def test_without_a_process_the_photo_says_so(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match=r"^a\.jpg cannot be read: no process can be started"):
        DecodeWorker([str(tmp_path / "absent")]).photo(b"", size=16, name="a.jpg")


def test_an_encoded_photo_of_any_kind_comes_through(genuine: DecodeWorker) -> None:
    for kind in ("PNG", "WEBP", "AVIF", "TIFF"):
        stream = io.BytesIO()
        Image.new("RGBA", (64, 48), (0, 255, 0, 255)).save(stream, kind)
        pixels, _ = genuine.photo(stream.getvalue(), size=16, name=kind)
        assert pixels[8, 8, 1] > 240
