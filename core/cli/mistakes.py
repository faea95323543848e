"""What a user got wrong, in plain words: pydantic's findings with the flags they belong to."""

from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from core.errors import ConfigError

Schema = TypeVar("Schema", bound=BaseModel)

# Pydantic speaks of "input" and "instance"; these speak of what was written.
_WORDS = {
    "missing": "is required",
    "greater_than": "must be more than {gt:g}",
    "greater_than_equal": "must be at least {ge:g}",
    "less_than": "must be less than {lt:g}",
    "less_than_equal": "must be at most {le:g}",
    "int_parsing": "must be a whole number",
    "int_from_float": "must be a whole number",
    "int_type": "must be a whole number",
    "float_parsing": "must be a number",
    "float_type": "must be a number",
    "finite_number": "must be a finite number",
    "bool_parsing": "must be true or false",
    "literal_error": "must be {expected}",
    "string_too_short": "must not be empty",
    "tuple_type": "must be values with commas between them",
    "list_type": "must be values with commas between them",
    "extra_forbidden": "is no option",
}


def validated(
    schema: type[Schema], values: Mapping[str, Any], flags: Mapping[str, str] | None = None
) -> Schema:
    """Check `values` against a schema.

    Args:
        schema: The command's options.
        values: Nested, as written on the command line or in a run file.
        flags: Friendly names: `{"--backbone": "model.backbone"}`.

    Raises:
        ConfigError: Names every flag that is wrong, what is wrong, and what was given.
    """
    try:
        return schema.model_validate(values)
    except ValidationError as error:
        friendly = {path: flag for flag, path in (flags or {}).items()}
        found = [_sentence(item, friendly) for item in error.errors(include_url=False)]
        raise ConfigError("\n       ".join(found)) from error


def _sentence(item: Any, friendly: Mapping[str, str]) -> str:  # noqa: ANN401 - pydantic's own dict
    names = [str(part) for part in item["loc"] if not isinstance(part, int)]
    dotted = ".".join(names)
    flag = friendly.get(dotted, f"--{dotted.replace('_', '-')}")
    if item["type"] == "missing" and isinstance(item["loc"][-1], int):
        return f"{flag} needs more values"
    template = _WORDS.get(item["type"])
    if template is None:
        words = str(item["msg"]).removeprefix("Value error, ")
    else:
        words = template.format(**item.get("ctx", {}))
    if not names or (template is None and isinstance(item["input"], Mapping)):
        # Several options contradict each other; the words name them.
        return words
    shown = "" if item["type"] == "missing" else f", got {_got(item['input'])}"
    return f"{flag} {words}{shown}"


def _got(value: Any) -> str:  # noqa: ANN401 - whatever was written
    return "none" if value is None else repr(value) if value == "" else str(value)
