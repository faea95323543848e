"""The study folder: `study.json`, `identity.json`, `trials/0007.json` and the runs `trials/0007/`.

A study is a job like a training run, so it also has `status.json`, `log.txt` and `stop`. Nothing
heavy is imported here.
"""

from pathlib import Path
from typing import Any, Self

from pydantic import BaseModel, ConfigDict

from core.errors import RunError
from core.files import checked, read_stored, write_json
from core.options import different
from core.training.run_folder import RunFolder
from core.training.schema import as_begun_with
from core.tuning.schema import TuneConfig

_REMEDY = "begin another study"


class Identity(BaseModel):
    """What all trials of a study share; content of `identity.json`.

    Attributes:
        split_hash: Which photos train and which validate.
        labels_hash: Of the labels of training and validation photos; labels of test photos are left
            out, as no search may depend on them.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    split_hash: str
    labels_hash: str


class _Stored(BaseModel):
    """Content of `study.json`: the options, as this or an earlier version wrote them."""

    config: dict[str, Any]


class StudyFolder(BaseModel):
    """Paths and files of one study."""

    model_config = ConfigDict(frozen=True)

    path: Path

    @property
    def job(self) -> RunFolder:
        """Status, log and requests to stop, as every job has them."""
        return RunFolder(path=self.path)

    @property
    def trials(self) -> Path:
        """Folder of the records of the trials and of their runs."""
        return self.path / "trials"

    @property
    def exists(self) -> bool:
        """Whether a study was begun here."""
        return (self.path / "study.json").is_file()

    def run(self, number: int) -> RunFolder:
        """The run folder of a trial."""
        return RunFolder(path=self.trials / f"{number:04d}")

    def read(self) -> TuneConfig:
        """The study's options, with the folder's present path.

        Raises:
            RunError: There is no study, its file is damaged, or it uses a feature of an earlier
                version that was removed.
        """
        path = self.path / "study.json"
        stored = read_stored(path, _Stored, _REMEDY)
        if stored is None:
            raise RunError(
                f"{self.path} holds no study (no study.json): give the path of a study folder"
            )
        options = stored.config
        self._refuse_unknown_record(options)
        if isinstance(options.get("train"), dict):
            options = options | {"train": as_begun_with(options["train"])}
        return _placed(checked(options, TuneConfig, path, _REMEDY), self.path)

    def begin(self, config: TuneConfig) -> None:
        """Write the options of a new study, or those that may change in one that is continued.

        The caller holds the folder.

        Raises:
            RunError: The folder holds another study.
        """
        if not self.exists and (self.path / "config.json").exists():
            raise RunError(f"{self.path} holds a training run: choose another --study")
        if self.exists:
            self.check_same(config)
        write_json(self.path / "study.json", {"config": config.model_dump(mode="json")})

    def check_same(self, config: TuneConfig) -> None:
        """Refuse options that would make another search of this study.

        Raises:
            RunError: Names the options that differ.
        """
        changed = different(self.read(), config)
        if changed:
            raise RunError(
                f"study {self.path} was begun with other options ({', '.join(changed)}): continue "
                f"it with its own (python -m core tune --study {self.path}), or begin another study"
            )

    def identity(self) -> Identity | None:
        """What all trials share; None before the data was read; RunError if damaged."""
        return read_stored(self.path / "identity.json", Identity, _REMEDY)

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

    def _refuse_unknown_record(self, options: dict[str, Any]) -> None:
        """Refuse features that were removed, and say what to do."""
        if options.get("storage"):
            raise RunError(
                f"study {self.path} keeps its trials in a database ({options['storage']}), which "
                "this version does not read: finish it with the version that began it, or begin "
                "another study"
            )
        if options.get("pruner") == "halving":
            raise RunError(
                f"study {self.path} ends trials early by halving, which this version does not do: "
                "finish it with the version that began it, or begin another study with --pruner "
                "median"
            )

    @classmethod
    def of(cls, config: TuneConfig) -> Self:
        """The folder that a study's options name."""
        return cls(path=config.study)


def _placed(config: TuneConfig, folder: Path) -> TuneConfig:
    """The same options for the present path of the folder, which may have been moved."""
    train = config.train.model_copy(update={"run": folder})
    return config.model_copy(update={"study": folder, "train": train})
