"""Visitors of the app without a browser: websocket clients that upload, predict and explain.

An answer is everything that a page says about a photo; pictures count by the hash of their content,
which stands in their addresses. So equal answers are the same to the letter and to the pixel.
"""

import asyncio
import os
import random
import re
import time
import urllib.request
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
import psutil
import websockets
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.proto.WidgetStates_pb2 import WidgetState, WidgetStates

PATIENCE_S = 300
# Each upload is new to the caches of the server, and decodes as before.
_TAIL_BYTES = 8
_EXPLAIN = "Explain with Grad-CAM"


@dataclass
class Drawn:
    """What a run of a page drew.

    Attributes:
        said: Text and addresses of pictures, in order.
        errors: Tracebacks and alarms.
        ids: Widgets by their kind, or by their label for buttons.
    """

    said: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    ids: dict[str, str] = field(default_factory=dict)

    def add(self, element: Any) -> None:  # noqa: ANN401 - a message of Streamlit
        """Take in one drawn element."""
        kind = element.WhichOneof("type")
        if kind == "metric":
            self.said.append(f"{element.metric.label}: {element.metric.body}")
        elif kind == "markdown":
            # How long an explanation takes on this machine is no part of an answer.
            if "Takes " not in element.markdown.body:
                self.said.append(element.markdown.body)
        elif kind == "code":
            self.said.append(element.code.code_text)
        elif kind == "imgs":
            # Media are named by their content.
            self.said += [image.url for image in element.imgs.imgs]
        elif kind == "exception":
            self.errors.append(f"{element.exception.type}: {element.exception.message}")
        elif kind == "alert" and element.alert.format == element.alert.ERROR:
            self.errors.append(element.alert.body)
        elif kind == "file_uploader":
            self.ids.setdefault(kind, element.file_uploader.id)
        elif kind == "button":
            self.ids.setdefault(element.button.label, element.button.id)


class Client:
    """One tab on one page of the app."""

    def __init__(self, url: str, page: str, query: str) -> None:
        """Connect to nothing yet.

        Args:
            url: Of the app.
            page: Short name of the page.
            query: What stands behind `?` in the address.
        """
        self._url, self._page, self._query = url, page, query
        self._session = ""

    async def __aenter__(self) -> Self:
        """Open the page."""
        self._token = await asyncio.to_thread(self._xsrf)
        self._stream = await websockets.connect(
            f"{self._url.replace('http', 'ws', 1)}/_stcore/stream", origin=self._url,
            subprotocols=["streamlit", self._token], max_size=None, open_timeout=PATIENCE_S,
            ping_interval=None,
        )  # fmt: skip
        self.first = await self._run()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:  # fmt: skip
        """Leave the page."""
        await self._stream.close()

    async def ask(self, name: str, content: bytes) -> Drawn:
        """Upload a photo and return what the page then says; on Explain, of a map too."""
        uploaded = await self._upload(name, content + os.urandom(_TAIL_BYTES))
        drawn = await self._run(uploaded)
        if self._page == "explain" and not drawn.errors:
            pressed = WidgetState(id=drawn.ids[_EXPLAIN], trigger_value=True)
            drawn = await self._run(uploaded, pressed)
        return drawn

    def _xsrf(self) -> str:
        with urllib.request.urlopen(f"{self._url}/_stcore/health", timeout=60) as answer:
            found = re.search(r"_streamlit_xsrf=([^;]+)", answer.headers["set-cookie"])
        assert found is not None
        return found[1]

    async def _run(self, *states: WidgetState) -> Drawn:
        """Run the page with these states of its widgets."""
        sent = BackMsg()
        sent.rerun_script.query_string = self._query
        sent.rerun_script.page_name = self._page
        sent.rerun_script.widget_states.CopyFrom(WidgetStates(widgets=states))
        await self._stream.send(sent.SerializeToString())
        drawn = Drawn()
        while True:
            message = await self._next()
            kind = message.WhichOneof("type")
            if kind == "new_session":
                drawn = Drawn()
                self._session = message.new_session.initialize.session_id or self._session
            elif kind == "delta" and message.delta.WhichOneof("type") == "new_element":
                drawn.add(message.delta.new_element)
            elif kind == "script_finished":
                if message.script_finished == ForwardMsg.FINISHED_SUCCESSFULLY:
                    return drawn
                assert message.script_finished != ForwardMsg.FINISHED_WITH_COMPILE_ERROR

    async def _next(self) -> ForwardMsg:
        message = ForwardMsg()
        message.ParseFromString(await asyncio.wait_for(self._stream.recv(), PATIENCE_S))
        return message

    async def _upload(self, name: str, content: bytes) -> WidgetState:
        """Send a file as a browser does; return the state of the field that then holds it."""
        sent = BackMsg()
        asked = sent.file_urls_request
        asked.request_id, asked.session_id = os.urandom(4).hex(), self._session
        asked.file_names.append(name)
        await self._stream.send(sent.SerializeToString())
        while (message := await self._next()).WhichOneof("type") != "file_urls_response":
            pass
        [urls] = message.file_urls_response.file_urls
        await asyncio.to_thread(self._put, urls.upload_url, name, content)
        state = WidgetState(id=self.first.ids["file_uploader"])
        info = state.file_uploader_state_value.uploaded_file_info.add()
        info.name, info.size, info.file_id = name, len(content), urls.file_id
        info.file_urls.CopyFrom(urls)
        return state

    def _put(self, path: str, name: str, content: bytes) -> None:
        edge = os.urandom(8).hex()
        head = (
            f'--{edge}\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n'
            "Content-Type: image/jpeg\r\n\r\n"
        )
        request = urllib.request.Request(
            f"{self._url}{path}", f"{head}".encode() + content + f"\r\n--{edge}--\r\n".encode(),
            {
                "Content-Type": f"multipart/form-data; boundary={edge}",
                "X-Xsrftoken": self._token, "Cookie": f"_streamlit_xsrf={self._token}",
            },
            method="PUT",
        )  # fmt: skip
        with urllib.request.urlopen(request, timeout=PATIENCE_S) as answer:
            answer.read()


@dataclass
class Load:
    """What many clients saw, and what the server took.

    Attributes:
        seconds: How long each answer took.
        errors: What went wrong.
        differing: Answers that were not those of a single client.
        memory: `(n, 2)` seconds since the start, and megabytes of the server.
        worker_mb: Most megabytes of its decoding process.
        explained: Answers that were maps of Explain.
    """

    seconds: list[float] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    differing: list[str] = field(default_factory=list)
    memory: list[tuple[float, float]] = field(default_factory=list)
    worker_mb: float = 0.0
    explained: int = 0

    @property
    def slope(self) -> float:
        """Megabytes a minute by which the server grew in the last half."""
        half = np.array(self.memory[len(self.memory) // 2 :])
        return float(np.polyfit(half[:, 0] / 60.0, half[:, 1], 1)[0]) if len(half) > 2 else 0.0

    def text(self) -> str:
        """The figures in one line."""
        half, p95 = np.percentile(self.seconds, [50, 95])
        sizes = [size for _, size in self.memory]
        return (
            f"{len(self.seconds)} answers ({self.explained} maps), {len(self.errors)} errors, "
            f"{len(self.differing)} differing; median {half:.1f} s, p95 {p95:.1f} s; server "
            f"{sizes[0]:.0f} -> {sizes[-1]:.0f} MB, most {max(sizes):.0f}, "
            f"{self.slope:+.1f} MB a minute in the last half; decoder {self.worker_mb:.0f} MB"
        )


def load(
    url: str, query: str, photos: Sequence[Path], server: int, *, clients: int, seconds: float,
    explaining: int,
) -> Load:  # fmt: skip
    """Let clients ask about random photos at the same time, after one has asked about each.

    Args:
        url: Of the app.
        query: Address of data set and checkpoint.
        photos: What is asked about.
        server: Number of its process.
        clients: How many there are.
        seconds: After how long none asks again; each asks once at least.
        explaining: How many of them are on Explain, the others on Predict.
    """
    # In a thread: playwright keeps a loop at work in the thread of the tests.
    with ThreadPoolExecutor(1) as pool:
        asked = (url, query, photos, server, clients, seconds, explaining)
        return pool.submit(lambda: asyncio.run(_load(*asked))).result()


async def _load(
    url: str, query: str, photos: Sequence[Path], server: int, clients: int, seconds: float,
    explaining: int,
) -> Load:  # fmt: skip
    pages = ["explain"] * explaining + ["predict"] * (clients - explaining)
    contents = {photo.name: photo.read_bytes() for photo in photos}
    alone: dict[tuple[str, str], list[str]] = {}
    found = Load()
    for page in set(pages):
        async with Client(url, page, query) as client:
            for name, content in contents.items():
                drawn = await client.ask(name, content)
                alone[page, name] = drawn.said
                found.errors += drawn.errors
    ends = time.monotonic() + seconds

    async def visit(number: int, page: str) -> None:
        choose = random.Random(number)
        async with Client(url, page, query) as client:
            while True:
                name = choose.choice(sorted(contents))
                began = time.monotonic()
                drawn = await client.ask(name, contents[name])
                found.seconds.append(time.monotonic() - began)
                found.explained += page == "explain"
                found.errors += drawn.errors
                if (first := alone[page, name]) != drawn.said:
                    other = [*set(drawn.said) - set(first), *set(first) - set(drawn.said)]
                    found.differing.append(f"{page} {name}: {other}")
                if time.monotonic() >= ends:
                    return
                await asyncio.sleep(choose.uniform(0, 1))

    async def watch() -> None:
        process, began = psutil.Process(server), time.monotonic()
        while True:
            found.memory.append((time.monotonic() - began, process.memory_info().rss / 1e6))
            decoders = [child.memory_info().rss / 1e6 for child in process.children()]
            found.worker_mb = max([found.worker_mb, *decoders])
            await asyncio.sleep(1)

    watching = asyncio.create_task(watch())
    ended = await asyncio.gather(
        *(visit(number, page) for number, page in enumerate(pages)), return_exceptions=True
    )
    watching.cancel()
    found.errors += [repr(error) for error in ended if error is not None]
    return found
