"""The help of every command, word for word."""

import pytest

from core.__main__ import COMMANDS, main
from tests.golden.compare import STORED, check_text

NAMES = list(COMMANDS)


@pytest.mark.parametrize("name", ["", *NAMES], ids=lambda name: name or "all")
def test_help_is_as_stored(
    name: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    # argparse breaks lines where the terminal ends, and from Python 3.14 on it colours them.
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setenv("NO_COLOR", "1")
    with pytest.raises(SystemExit):
        main([name, "--help"] if name else ["--help"])
    check_text(f"help/{name or 'core'}.txt", capsys.readouterr().out)


def test_no_stored_help_is_of_a_command_that_is_gone() -> None:
    assert {path.stem for path in (STORED / "help").glob("*.txt")} == {"core", *NAMES}
