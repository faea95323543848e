"""The user-facing errors of Bearings: each message says what is wrong, where, and how to fix it.

A `BearingsError` is a mistake that its reader can mend (a bad label, a missing file, an unknown
option). The CLI and the pages show its text without a traceback; anything else surfaces as a bug.
"""

import errno
import struct
import zlib

# What parsers raise for content that they did not foresee: any of these about a file that somebody
# stored, copied or downloaded means that the file is damaged.
FAULTS = (
    OSError, ValueError, TypeError, LookupError, AttributeError, ArithmeticError, AssertionError,
    RuntimeError, EOFError, SyntaxError, MemoryError, BufferError, struct.error, zlib.error,
)  # fmt: skip
# Longest text of a foreign file or error that a message quotes.
_LONGEST_QUOTE = 200
_LONGEST_MESSAGE = 4000


class BearingsError(Exception):
    """Base of every error that a user can mend.

    A value of a foreign file may stand in its text, so the text has a largest length: pages send it
    to browsers.
    """

    def __str__(self) -> str:
        """The message; if it is longer than `_LONGEST_MESSAGE`, without its middle."""
        text = super().__str__()
        if len(text) <= _LONGEST_MESSAGE:
            return text
        half = _LONGEST_MESSAGE // 2
        return f"{text[:half]} ... {text[-half:]}"


class LabelError(BearingsError):
    """A label file is missing, unreadable, incomplete or contradicts itself."""


class NoTableError(LabelError):
    """A folder holds no label table at all."""


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


class AccessError(BearingsError):
    """A visitor of the app may not do this, or the app does not open this path."""


# What can go wrong with the demo campus, said so that it can be put right.


class DemoError(BearingsError):
    """A demo campus cannot be built or read as asked."""


def shortened(text: str, most: int = _LONGEST_QUOTE) -> str:
    """Return a text in one line of at most `most` characters, its middle left out if longer."""
    # Before blanks are joined: a line of a hostile file may have millions of characters.
    line = " ".join(text[: 4 * most].split())
    if len(text) <= 4 * most and len(line) <= most:
        return line
    tail = " ".join(text[-most // 4 :].split())
    return f"{line[: most - len(tail) - 5]} ... {tail}"


def reason(error: BaseException) -> str:
    """What an error of a parser or the operating system says, in one short line."""
    if isinstance(error, OSError) and error.strerror:
        return shortened(error.strerror)
    if isinstance(error, RecursionError) and "levels" not in str(error):
        return "it is nested too deeply: maximum recursion depth exceeded"
    if isinstance(error, MemoryError):
        return "it needs more memory than there is"
    return shortened(str(error)) or type(error).__name__


# What the operating system refuses, which a user can cause and mend: a full disk, a folder that is
# not theirs, a path below a file.
_FULL = "free some space there, or choose another place; files that were written whole are kept"
_FORBIDDEN = "choose a place where you may write"
_BELOW_FILE = "part of this path is a file: choose another path"
_REMEDIES = {
    errno.ENOSPC: _FULL,
    errno.EDQUOT: _FULL,
    errno.EFBIG: _FULL,
    errno.EROFS: _FORBIDDEN,
    errno.EACCES: _FORBIDDEN,
    errno.EPERM: _FORBIDDEN,
    errno.ENOTDIR: _BELOW_FILE,
    errno.EEXIST: _BELOW_FILE,
    errno.EISDIR: "it is a folder: name a file",
    errno.ENOENT: "there is no such file or folder, and none can be made: check the path",
    errno.ENAMETOOLONG: "choose a shorter name",
    errno.ELOOP: "its links lead in a circle: choose another path",
    errno.EINVAL: "choose a name that this system allows",
    errno.EBUSY: "another program uses it: close that one",
    errno.EMFILE: "too many files are open: choose fewer workers, or raise `ulimit -n`",
    errno.ENFILE: "too many files are open on this machine: close other programs",
    errno.EIO: "the disk reports an error: check it, or choose another place",
    errno.ESTALE: "the shared folder went away: mount it again",
}
_WRITING = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EEXIST)


def storage_text(error: OSError) -> str | None:
    """Return what, where and how to mend it, in one line, for an error of a file or folder.

    Returns:
        The sentence; None for an error of another kind, which is a bug and keeps its traceback.
    """
    remedy = _REMEDIES.get(error.errno or 0)
    if remedy is None:
        return None
    path = error.filename2 or error.filename
    where = "a file" if path is None or isinstance(path, int) else f"{path}"
    act = "written" if error.errno in _WRITING else "used"
    return f"{where} cannot be {act} ({error.strerror}): {remedy}"
