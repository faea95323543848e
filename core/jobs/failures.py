"""Why a job failed, in plain words, and what to try first."""

import re

from core.training.schema import TrainConfig

# First match wins; the pattern is looked for in the job's message and in the end of its log.
_OUT_OF_MEMORY = re.compile(
    r"out of memory|CUBLAS_STATUS_ALLOC|can't allocate memory|cannot allocate memory|MemoryError",
    re.IGNORECASE,
)
_KILLED = re.compile(r"was killed \(SIGKILL\)")
_CAUSES = (
    (
        r"huggingface|hf_hub|LocalEntryNotFound|MaxRetry|ConnectionError|URLError|"
        r"Name or service not known|getaddrinfo|Network is unreachable",
        "The pretrained weights could not be fetched: no hub can be reached from here. Give the "
        "path of a local weights file, or choose `random`, which learns far more slowly.",
    ),
    (
        r"No space left on device|Disk quota exceeded",
        "The disk is full. Delete runs that you no longer need, then resume this one.",
    ),
    (
        r"loss is no number|not finite",
        "The training diverged. Lower the learning rates, or compute in fp32.",
    ),
    (
        r"device-side assert|CUDA error|NCCL error|cudaError",
        "The GPU or its driver reported an error. Resume the run; if that happens again, look at "
        "the end of the log and at `nvidia-smi`.",
    ),
)
# Errors that name what is wrong, where, and how to mend it, with the kind of mistake before them.
_OWN_ERROR = re.compile(r"^(?P<kind>[A-Z]\w+)Error: (?P<words>.*)", re.DOTALL)
_OWN_KINDS: dict[str, str] = {
    "Label": "The labels are not usable. ",
    "Image": "A photo is not usable. ",
    "Frame": "",
    "Split": "",
    "Checkpoint": "",
    "Run": "",
    "Config": "",
    "Demo": "",
}
_MISSING = re.compile(r"(?:FileNotFoundError: )?\[Errno 2\] [^:]*: '?(?P<path>[^'\n]+)'?")
_COMMAND_ERROR = re.compile(r"^error: ")


def plain_cause(message: str, log: str, config: TrainConfig | None = None) -> str:
    """Say what went wrong and what to do.

    Args:
        message: The job's last message, or what is known of its end.
        log: The end of its log.
        config: Its options, to say which batch size to try.

    Returns:
        One or two sentences; the message itself if its cause is unknown.
    """
    for explain in (_memory, _own_words, _known, _missing_file):
        words = explain(message, log, config)
        if words:
            return words
    message = _COMMAND_ERROR.sub("", message)
    return message or "It ended without a message; the end of its log may show why."


def _memory(message: str, log: str, config: TrainConfig | None) -> str:
    killed = _KILLED.search(message)
    if not killed and not _OUT_OF_MEMORY.search(message):
        if _OWN_ERROR.match(message) or not _OUT_OF_MEMORY.search(log):
            return ""
    smaller = "a smaller input size or backbone"
    if config is not None and config.batch_photos > 1:
        smaller = f"--batch-size {config.batch_photos // 2} in place of {config.batch_photos}"
        smaller += ", or a smaller input size or backbone"
    elif config is None:
        smaller = "a smaller batch size, input size or backbone"
    if killed:
        return (
            "Its process was killed: by someone, or by the machine because memory ran out. Resume "
            f"it; if that happens again, begin a run with {smaller}."
        )
    return f"The device ran out of memory. Try {smaller}."


def _own_words(message: str, log: str, config: TrainConfig | None) -> str:
    own = _OWN_ERROR.match(message)
    if own is None or own["kind"] not in _OWN_KINDS or re.search("loss is no number", message):
        return ""
    return _OWN_KINDS[own["kind"]] + own["words"]


def _known(message: str, log: str, config: TrainConfig | None) -> str:
    text = f"{message}\n{log}"
    return next(
        (words for pattern, words in _CAUSES if re.search(pattern, text, re.IGNORECASE)), ""
    )


def _missing_file(message: str, log: str, config: TrainConfig | None) -> str:
    found = _MISSING.search(message)
    if found is None:
        return ""
    return f"The file {found['path']} does not exist: restore it, or correct the path; then resume."
