"""What a command is: its words, its arguments and what it does."""

import argparse
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Command:
    """One word after `python -m core`.

    Attributes:
        name: The word.
        usage: What follows it on the command line, in short.
        help: One sentence.
        examples: Commands that can be typed as they are, with what they do.
        add: Gives the parser its arguments.
        run: Does the work and returns the exit code.
    """

    name: str
    usage: str
    help: str
    examples: tuple[str, ...]
    add: Callable[[argparse.ArgumentParser], None]
    run: Callable[[argparse.Namespace], int]

    @property
    def epilog(self) -> str:
        """The examples, as they stand under the options in `--help`."""
        return "examples:\n" + "\n".join(f"  {example}" for example in self.examples)
