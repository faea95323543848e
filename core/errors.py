"""The user-facing errors of Bearings: each message says what is wrong, where, and how to fix it.

A `BearingsError` is a mistake that its reader can mend (a bad label, a missing file, an unknown
option). The CLI and the pages show its text without a traceback; anything else surfaces as a bug.
"""


class BearingsError(Exception):
    """Base of every error that a user can mend."""


class LabelError(BearingsError):
    """A label file is missing, unreadable, incomplete or contradicts itself."""


class FrameError(BearingsError):
    """The coordinate frame of the labels is unknown or cannot do what was asked of it."""


class ImageError(BearingsError):
    """A photo is missing, unreadable, truncated, hostile or of an unsupported format."""


class SplitError(BearingsError):
    """A split cannot be made as asked, or a stored split does not fit the dataset."""


class CheckpointError(BearingsError):
    """A checkpoint or weights file is missing, damaged, too old or does not fit."""


class RunError(BearingsError):
    """A run folder is missing, busy, damaged or in a state that forbids what was asked."""


class ConfigError(BearingsError):
    """Options contradict each other or name something that does not exist."""


# What can go wrong with the demo campus, said so that it can be put right.


class DemoError(BearingsError):
    """A demo campus cannot be built or read as asked."""
