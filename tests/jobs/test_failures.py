"""Why a job failed, in words that say what to do."""

from pathlib import Path

import pytest

from core.jobs.failures import plain_cause
from core.training.schema import TrainConfig

CONFIG = TrainConfig(dataset=Path("campus"), run=Path("runs/first"), batch_size=32)


@pytest.mark.parametrize(
    "words",
    [
        "OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB",
        "RuntimeError: [enforce fail] DefaultCPUAllocator: can't allocate memory: you tried",
        "MemoryError: ",
    ],
)
def test_out_of_memory_names_the_batch_size_to_try(words: str) -> None:
    told = plain_cause(words, "", CONFIG)
    assert "ran out of memory" in told
    assert "--batch-size 16 in place of 32" in told
    assert "smaller batch size" in plain_cause(words, "")
    one = CONFIG.model_copy(update={"batch_size": 1})
    assert "--batch-size" not in plain_cause(words, "", one)


def test_one_that_was_killed_may_have_had_too_much_memory() -> None:
    told = plain_cause("its process was killed (SIGKILL): by someone, or by the kernel", "", CONFIG)
    assert "killed" in told
    assert "--batch-size 16" in told


@pytest.mark.parametrize(
    ("message", "words"),
    [
        ("LabelError: labels.csv: 3 rows have no angle", "The labels are not usable. labels.csv"),
        ("RunError: the loss is no number in epoch 3, step 2", "diverged"),
        ("OSError: [Errno 28] No space left on device", "disk is full"),
        ("FileNotFoundError: [Errno 2] No such file or directory: 'campus/a.jpg'", "campus/a.jpg"),
        ("ConfigError: this machine has no cuda", "this machine has no cuda"),
        ("error: there is no folder nowhere", "there is no folder nowhere"),
        ("RuntimeError: CUDA error: device-side assert triggered", "GPU or its driver"),
        ("LocalEntryNotFoundError: offline", "local weights file"),
        ("ZeroDivisionError: division by zero", "ZeroDivisionError: division by zero"),
        ("", "ended without a message"),
    ],
)
def test_a_cause_is_told_plainly(message: str, words: str) -> None:
    assert words in plain_cause(message, "", CONFIG)


def test_the_log_is_asked_where_the_message_says_nothing() -> None:
    log = "epoch 1\nOSError: [Errno 28] No space left on device: 'runs/first'\n"
    assert "disk is full" in plain_cause("its process ended with exit code 1", log)
    # What a run says of itself counts more than an older line of its log.
    assert "no angle" in plain_cause("LabelError: no angle", "CUDA out of memory")
