"""Making an ensemble: what is refused, what is written, and when."""

import json
from pathlib import Path

import pytest

from core.ensemble import make as ensemble_folder
from core.ensemble.make import make_ensemble, member_names
from core.ensemble.schema import EnsembleConfig
from core.errors import CheckpointError, ConfigError
from core.inference.loading import load_predictor
from core.inference.stored_split import load_split
from core.locks import LOCK
from core.model.card import Card, read_card


def test_the_card_says_where_it_comes_from(ensemble: Path, trio: tuple[Path, ...]) -> None:
    card = read_card(ensemble)
    about = card.ensemble
    assert about is not None
    assert {member.name for member in about.members} == {"a", "b", "c"}
    assert about.weighing == "softmax"
    assert about.temperature == 0.05
    assert about.photos == 6
    assert "exp(-score / 0.05)" in about.rule
    assert all("val_score_refined" in member.metrics for member in about.members)
    assert card.metrics["val_median_refined_m"] > 0
    assert card.command.startswith("python -m core ensemble ")
    assert load_split(ensemble).hash == read_card(trio[0]).split.hash == card.split.hash


def test_the_test_part_is_never_asked(
    trio: tuple[Path, ...], small_campus: Path, tmp_path: Path
) -> None:
    """Test photos may be missing altogether: the ensemble is the same."""
    config = EnsembleConfig(
        members=trio, out=tmp_path / "with", dataset=small_campus, weights="fitted"
    )
    whole = make_ensemble(config)
    parts = load_split(trio[0]).parts
    for name, part in parts.items():
        if part == "test":
            (small_campus / name).unlink()
    without = make_ensemble(
        config.model_copy(update={"out": tmp_path / "without", "allow_missing": True})
    )
    assert without.about == whole.about


def test_nothing_is_written_before_all_fits(
    trio: tuple[Path, ...], shared_campus: Path, tmp_path: Path
) -> None:
    config = EnsembleConfig(members=trio[:1], out=tmp_path / "x", dataset=shared_campus)
    with pytest.raises(ConfigError, match="at least two"):
        make_ensemble(config)
    with pytest.raises(ConfigError, match="same network"):
        make_ensemble(config.model_copy(update={"members": (trio[0], trio[0])}))
    with pytest.raises(CheckpointError, match="nowhere"):
        make_ensemble(config.model_copy(update={"members": (trio[0], tmp_path / "nowhere")}))
    with pytest.raises(ConfigError, match="--dataset"):
        make_ensemble(config.model_copy(update={"members": trio, "dataset": None}))
    assert not (tmp_path / "x").exists()


def test_an_ensemble_joins_no_other(
    ensemble: Path, trio: tuple[Path, ...], shared_campus: Path, tmp_path: Path
) -> None:
    config = EnsembleConfig(members=(ensemble, trio[0]), out=tmp_path / "x", dataset=shared_campus)
    with pytest.raises(ConfigError, match="is an ensemble itself"):
        make_ensemble(config)


def test_a_taken_folder_is_left_alone(
    ensemble: Path, trio: tuple[Path, ...], shared_campus: Path
) -> None:
    before = (ensemble / "card.json").read_bytes()
    with pytest.raises(ConfigError, match=r"exists and holds card\.json"):
        make_ensemble(EnsembleConfig(members=trio, out=ensemble, dataset=shared_campus))
    assert (ensemble / "card.json").read_bytes() == before


def test_a_kill_leaves_no_half_model_and_the_next_try_succeeds(
    trio: tuple[Path, ...], shared_campus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "x"
    config = EnsembleConfig(members=trio, out=out, dataset=shared_campus)

    def killed(_folder: Path, _card: Card) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(ensemble_folder, "write_card", killed)
        with pytest.raises(KeyboardInterrupt):
            make_ensemble(config)
    assert {entry.name for entry in out.iterdir()} == {"members", "split.json", LOCK}
    with pytest.raises(CheckpointError, match="holds no checkpoint"):
        load_predictor(out)
    assert load_predictor(make_ensemble(config).folder).members


def test_no_path_of_this_machine_is_needed(ensemble: Path, trio: tuple[Path, ...]) -> None:
    content = json.loads((ensemble / "card.json").read_text())
    # The command is a record, as in every card; nothing reads it.
    del content["command"]
    assert str(trio[0].parent) not in json.dumps(content)


def test_members_are_named_by_their_runs() -> None:
    paths = [Path("/x/runs/a/checkpoints/best"), Path("/y/a"), Path("/x/runs/b"), Path("/z/.a")]
    assert member_names(paths) == ("a", "a-2", "b", "a-3")
