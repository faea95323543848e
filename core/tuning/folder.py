"""The study folder: `study.json`, `identity.json`, `journal.log`, `trials/0007/`, `claims/`.

A study is a job like a training run, so it also has `status.json`, `log.txt` and `stop`. Every
trial is an ordinary run folder. Nothing heavy is imported here.
"""

import json
import secrets
from pathlib import Path
from typing import Self

from pydantic import BaseModel, ConfigDict, ValidationError

from core.errors import RunError
from core.files import write_json
from core.options import different, in_words
from core.training.run_folder import RunFolder
from core.training.schema import as_begun_with
from core.tuning.schema import TuneConfig


class Identity(BaseModel):
    """What all trials of a study share; content of `identity.json`.

    Attributes:
        split_hash: Which photo trains and which judges.
        labels_hash: Labels of the training and validation photos; those of the test part are none
            of the search's business.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    split_hash: str
    labels_hash: str


class StudyFile(BaseModel):
    """Content of `study.json`: the options, and the name in a storage that many studies share."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    config: TuneConfig


class StudyFolder(BaseModel):
    """Paths and files of one study."""

    model_config = ConfigDict(frozen=True)

    path: Path

    @property
    def job(self) -> RunFolder:
        """Status, log and requests to stop, as every job has them."""
        return RunFolder(path=self.path)

    @property
    def journal(self) -> Path:
        """The record of all trials, where no database keeps it."""
        return self.path / "journal.log"

    @property
    def claims(self) -> Path:
        """Held while it is decided who does which trial."""
        return self.path / "claims"

    @property
    def exists(self) -> bool:
        """Whether a study was begun here."""
        return (self.path / "study.json").is_file()

    def run(self, number: int) -> RunFolder:
        """The run folder of a trial."""
        return RunFolder(path=self.path / "trials" / f"{number:04d}")

    def claim(self, number: int) -> Path:
        """Held by the worker of a trial, from before its first step until it is told."""
        return self.claims / f"{number:04d}"

    def read(self) -> StudyFile:
        """The study's options, as if they had been given for the folder where it lies now.

        Raises:
            RunError: No study here, or its file is damaged.
        """
        path = self.path / "study.json"
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            content["config"]["train"] = as_begun_with(content["config"]["train"])
            found = StudyFile.model_validate(content)
        except FileNotFoundError as error:
            raise RunError(
                f"{self.path} holds no study (no study.json): give the path of a study folder"
            ) from error
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise RunError(f"{path} is damaged ({in_words(error)}): begin another study") from error
        return found.model_copy(update={"config": _placed(found.config, self.path)})

    def write(self, found: StudyFile) -> None:
        """Replace the study's options."""
        write_json(self.path / "study.json", found.model_dump(mode="json"))

    def begin(self, config: TuneConfig) -> StudyFile:
        """Write the options of a new study, or take over what may change in one that goes on.

        The caller holds the folder.

        Raises:
            RunError: Another study lies here.
        """
        if not self.exists and (self.path / "config.json").exists():
            raise RunError(f"{self.path} holds a training run: choose another --study")
        if self.exists:
            old = self.read()
            self.check_same(config)
            found = old.model_copy(update={"config": config})
        else:
            found = StudyFile(name=f"{self.path.name}-{secrets.token_hex(4)}", config=config)
        self.write(found)
        return found

    def check_same(self, config: TuneConfig) -> None:
        """Refuse options that would make another search of the study that lies here.

        Raises:
            RunError: Names the options that differ.
        """
        changed = different(self.read().config, config)
        if changed:
            raise RunError(
                f"study {self.path} was begun with other options ({', '.join(changed)}): go on "
                f"with its own (python -m core tune --study {self.path}), or begin another study"
            )

    def identity(self) -> Identity | None:
        """What all trials share; None before the first worker read the data."""
        path = self.path / "identity.json"
        try:
            return Identity.model_validate_json(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        except (OSError, ValidationError) as error:
            raise RunError(f"{path} is damaged ({in_words(error)}): begin another study") from error

    def settle(self, found: Identity) -> None:
        """Write the identity, or refuse data that is not what the study began with.

        Raises:
            RunError: The split or the labels are others.
        """
        known = self.identity()
        if known is None:
            write_json(self.path / "identity.json", found.model_dump())
            return
        if known.split_hash != found.split_hash:
            raise RunError(
                f"study {self.path} was begun with another split (hash "
                f"{known.split_hash[:12]}, now {found.split_hash[:12]}): figures on other "
                "validation photos cannot be compared; give it the same data set, or begin "
                "another study"
            )
        if known != found:
            raise RunError(
                f"the labels of study {self.path} have changed since it began: its trials could "
                "not be compared; restore them, or begin another study"
            )

    @classmethod
    def of(cls, config: TuneConfig) -> Self:
        """The folder that a study's options name."""
        return cls(path=config.study)


def _placed(config: TuneConfig, folder: Path) -> TuneConfig:
    """The same options for a folder that was moved, or that another machine calls otherwise."""
    train = config.train.model_copy(update={"run": folder})
    return config.model_copy(update={"study": folder, "train": train})
