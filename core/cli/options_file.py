"""Options as JSON, from a file or from the input: how a queue hands them to a command."""

import json
import sys
from pathlib import Path
from typing import Any

from core.errors import ConfigError


def read_options(name: str) -> dict[str, Any]:
    """Read the JSON object in a file; `-` reads the input.

    Raises:
        ConfigError: It cannot be read, or is no JSON object.
    """
    try:
        text = sys.stdin.read() if name == "-" else Path(name).read_text(encoding="utf-8")
        content = json.loads(text)
    except (OSError, ValueError) as error:
        raise ConfigError(f"--config {name} cannot be read: {error}") from error
    if not isinstance(content, dict):
        raise ConfigError(f"--config {name} must hold a JSON object, as a run's config.json does")
    return content
