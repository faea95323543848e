"""The command line: `python -m core COMMAND`.

Results go to the output stream, progress and messages to the error stream. Exit codes: 0 done, 1 an
error whose message says how to fix it, 2 a wrong command line, 130 interrupted.
"""

import argparse
import difflib
import importlib
import re
import sys
from collections.abc import Sequence
from typing import ClassVar, NoReturn

from core import __version__
from core.cli.command import Command
from core.errors import BearingsError, storage_text
from core.training.environment import reports_error
from core.training.interrupt import INTERRUPTED

COMMANDS = {
    "demo": "demo.COMMAND",
    "ingest": "ingest.COMMAND",
    "look": "look.COMMAND",
    "audit": "audit.COMMAND",
    "train": "train.COMMAND",
    "tune": "tune.COMMAND",
    "evaluate": "evaluate.COMMAND",
    "calibrate": "evaluate.CALIBRATE",
    "report": "report.COMMAND",
    "crossval": "crossval.COMMAND",
    "predict": "predict.COMMAND",
    "explain": "explain.COMMAND",
    "runs": "runs.COMMAND",
    "delete": "delete.COMMAND",
    "queue": "queue.COMMAND",
    "follow": "queue.FOLLOW",
    "compare": "compare.COMMAND",
    "ensemble": "ensemble.COMMAND",
    "export": "bundle.EXPORT",
    "import": "bundle.IMPORT",
}
"""All commands by name, and where each is: a command imports no other's module."""


class Parser(argparse.ArgumentParser):
    """A parser that suggests the word that was probably meant.

    Attributes:
        words: All commands and flags, of all parsers.
    """

    words: ClassVar[set[str]] = set()

    def error(self, message: str) -> NoReturn:
        """Write the message with suggestions and exit with code 2."""
        for wrong in re.findall(r"--[\w.-]+|(?<=choice: ')[^']+", message):
            near = difflib.get_close_matches(wrong, self.words, n=1)
            if near and near != [wrong]:
                message += f"; did you mean {near[0]}?"
        super().error(message)


class Formatter(argparse.RawDescriptionHelpFormatter):
    """Help that names the value of an option once, however many names the option has."""

    def _format_action_invocation(self, action: argparse.Action) -> str:
        if not action.option_strings or action.nargs == 0:
            return super()._format_action_invocation(action)
        value = self._format_args(action, self._get_default_metavar_for_optional(action))
        return f"{', '.join(action.option_strings)} {value}"


def find_command(name: str) -> Command:
    """The command of a name in `COMMANDS`."""
    module, variable = COMMANDS[name].split(".")
    found: Command = getattr(importlib.import_module(f"core.cli.{module}"), variable)
    return found


def make_parser(only: str | None = None) -> Parser:
    """Build the parser of all commands, or of one alone, which takes less than half the time.

    No heavy package is imported.
    """
    parser = Parser(
        prog="python -m core",
        description="Bearings: where on a campus a photo was taken, and which way the camera "
        "faced.",
        epilog="`python -m core COMMAND --help` shows a command's options and examples.",
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"Bearings {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for name in COMMANDS if only is None else (only,):
        command = find_command(name)
        own = commands.add_parser(
            command.name,
            usage=f"python -m core {command.name} {command.usage}",
            help=command.help,
            description=command.help,
            epilog=command.epilog,
            formatter_class=Formatter,
            allow_abbrev=False,
        )
        command.add(own)
        Parser.words |= {command.name, *own._option_string_actions}
        own.set_defaults(run_command=command.run)
    return parser


def main(words: Sequence[str] | None = None) -> int:
    """Run a command and return its exit code."""
    words = sys.argv[1:] if words is None else words
    only = words[0] if words and words[0] in COMMANDS else None
    arguments = make_parser(only).parse_args(words)
    try:
        code: int = arguments.run_command(arguments)
    except BearingsError as error:
        if reports_error(error):
            sys.stderr.write(f"error: {error}\n")
        return 1
    except KeyboardInterrupt:
        sys.stderr.write("interrupted\n")
        return INTERRUPTED
    except BrokenPipeError:
        # `... | head` closed the pipe; Python would complain again while it exits.
        sys.stderr.close()
        return 1
    except OSError as error:
        if (text := storage_text(error)) is None:
            raise
        if reports_error(error):
            sys.stderr.write(f"error: {text}\n")
        return 1
    return code


if __name__ == "__main__":
    sys.exit(main())
