"""Why a run failed, in plain words: what to try first, beside the program's own last words."""

import re

# First match wins; the pattern is looked for in the run's message and in the end of its log.
_CAUSES = (
    (
        r"out of memory|CUBLAS_STATUS_ALLOC|can't allocate memory|MemoryError",
        "The device ran out of memory. Choose a smaller batch size, input size or backbone.",
    ),
    (
        r"huggingface|hf_hub|LocalEntryNotFound|MaxRetry|ConnectionError|URLError|"
        r"Name or service not known|getaddrinfo|Network is unreachable",
        "The pretrained weights could not be fetched: no hub can be reached from here. Give the "
        "path of a local weights file, or choose `random`, which learns far more slowly.",
    ),
    (
        r"No space left on device",
        "The disk is full. Delete runs that you no longer need, then resume this one.",
    ),
    (
        r"loss is no number|not finite",
        "The training diverged. Lower the learning rates, or compute in fp32.",
    ),
)
_OWN_ERROR = re.compile(r"^(?:Label|Frame|Image|Split|Checkpoint|Run|Config|Demo)Error: ")


def plain_cause(message: str, log: str) -> str:
    """Say what went wrong and what to do.

    Args:
        message: What the run said of itself at its end.
        log: The end of its log.

    Returns:
        One or two sentences; the message itself where nothing better is known.
    """
    if _OWN_ERROR.match(message):
        return _OWN_ERROR.sub("", message)
    for pattern, words in _CAUSES:
        if re.search(pattern, f"{message}\n{log}", re.IGNORECASE):
            return words
    return message or "It ended without a word; the end of its log may say more."
