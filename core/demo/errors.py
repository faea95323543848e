"""What can go wrong with the demo campus, said so that it can be put right."""

from core.errors import BearingsError


class DemoError(BearingsError):
    """A demo campus cannot be built or read as asked."""
