"""How much the benchmarks of one command measure, and what they share."""

import tempfile
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from core.project import PROJECT
from core.runs import SHIPPED

CHECKPOINT = PROJECT / "checkpoints" / SHIPPED


@dataclass
class Effort:
    """How much is measured, and on what.

    Attributes:
        quick: Whether everything is as small as it can be.
        rounds: Rounds of each pair.
        given: A rendered demo campus of seed 7, or None.
        opened: Removes what is made.
    """

    quick: bool
    rounds: int
    given: Path | None
    opened: ExitStack

    def folder(self) -> Path:
        """A new folder, removed at the end."""
        return Path(self.opened.enter_context(tempfile.TemporaryDirectory(prefix="benchmarks-")))

    @cached_property
    def demo(self) -> Path:
        """The demo campus, rendered if none is given."""
        if self.given is not None:
            return self.given
        from core.demo.build import DemoConfig, build_demo

        return build_demo(DemoConfig(out=self.folder() / "demo", photos=40 if self.quick else 400))
