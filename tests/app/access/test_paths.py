"""A shared server opens its workspace and the folders that its operator listed, and no others."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from app.access import paths
from core.errors import AccessError
from core.project import ROOTS, WORKSPACE
from core.training.schema import TrainConfig
from core.tuning.schema import TuneConfig
from tests.app.page_text import said

OpenPage = Callable[..., AppTest]


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A confined workspace, beside a listed folder and one that is not."""
    for name in ("ws/data/one", "listed/two", "secret/three"):
        (tmp_path / name).mkdir(parents=True)
    monkeypatch.setenv(WORKSPACE, str(tmp_path / "ws"))
    monkeypatch.setenv(ROOTS, str(tmp_path / "listed"))
    return tmp_path


def refusal(path: Path | str) -> str:
    with pytest.raises(AccessError) as caught:
        paths.opened(Path(path))
    return str(caught.value).replace(str(path), "PATH")


def test_what_lies_in_a_root_is_opened(place: Path) -> None:
    for path in ("data/one", place / "ws/data/none", place / "listed", place / "listed/two"):
        assert paths.opened(Path(path)) == place / "ws" / path


def test_what_lies_outside_is_refused_by_one_sentence(place: Path) -> None:
    outside = {
        refusal(path)
        for path in (
            place / "secret/three", place / "secret/none", "../secret", "/proc/self/environ",
            "/proc/none", "/dev/zero", "/etc/passwd", "data/../../secret", place,
            # Passes only if the folder is there: so it would tell that it is.
            place / "secret/three/../../ws/data/one", "data/one/..",
            place / "listed-too",
        )
    }  # fmt: skip
    assert len(outside) == 1
    assert "under the workspace" in outside.pop()


def test_no_link_leads_out(place: Path) -> None:
    (place / "ws/data/out").symlink_to(place / "secret")
    (place / "ws/data/over").symlink_to(place / "listed")
    (place / "ws/data/round").symlink_to(place / "ws/data/round")
    assert refusal("data/out") == refusal("data/out/three") == refusal("data/out/none")
    assert paths.is_opened(Path("data/over/two"))
    photos = [str(place / "ws/data/one/a.jpg")]
    paths.check_photos(photos, place / "ws/data/one")
    Path(photos[0]).symlink_to(place / "secret/b.jpg")
    with pytest.raises(AccessError, match="links to other folders"):
        paths.check_photos(photos, place / "ws/data/one")


def test_no_user_of_the_system_is_found_out(place: Path) -> None:
    assert paths.opened(Path("~root/x")) == place / "ws/~root/x"
    assert paths.opened(Path("~nobody-at-all/x")) == place / "ws/~nobody-at-all/x"


def test_an_empty_list_leaves_the_workspace(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(ROOTS, "")
    assert paths.is_opened(Path("data"))
    assert not paths.is_opened(place / "listed")
    monkeypatch.setenv(ROOTS, f"{place / 'listed'}{os.pathsep}data")
    with pytest.raises(AccessError, match="no absolute path"):
        paths.opened(place / "ws")


def test_a_machine_of_ones_own_opens_everything_but_the_system(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(ROOTS)
    for path in (place / "secret", place / "none", Path("../secret"), Path("a\0b")):
        assert paths.opened(path) == place / "ws" / path
    for path in ("/proc/self/environ", "/dev/zero", "/sys/x", place / "to-proc"):
        if isinstance(path, Path):
            path.symlink_to("/proc/self")
        assert "belongs to the system" in refusal(path)


@pytest.mark.parametrize(
    "changes",
    [
        {"dataset": "/etc"},
        {"run": "/etc/run"},
        {"model": {"weights": "/etc/shadow"}},
        {"model": {"weights": "shadow.pth"}},
        {"model": {"backbone": "local-dir:/etc"}},
        {"model": {"backbone_arguments": {"pretrained_cfg": {"file": "/etc/shadow"}}}},
        {"retrieval": {"backbone": "x", "weights": "~/x.safetensors"}},
    ],
)
def test_options_of_a_job_name_only_what_is_opened(place: Path, changes: dict[str, object]) -> None:
    fine = {"dataset": place / "ws/data/one", "run": place / "ws/runs/a"}
    paths.check_options(TrainConfig.model_validate(fine))
    with pytest.raises(AccessError):
        paths.check_options(TrainConfig.model_validate(fine | changes))


def test_a_search_varies_no_path(place: Path) -> None:
    train = {"dataset": place / "ws/data/one", "run": place / "ws/runs/a"}
    config = {
        "study": place / "ws/runs/a", "train": train,
        "space": {"model.weights": {"choices": ["random", "shadow.pth"]}},
    }  # fmt: skip
    with pytest.raises(AccessError, match="shadow"):
        paths.check_options(TuneConfig.model_validate(config))


@pytest.mark.parametrize("page", ["data", "evaluate"])
def test_a_page_says_one_sentence_of_any_foreign_path(
    full_workspace: Path, open_page: OpenPage, monkeypatch: pytest.MonkeyPatch, page: str
) -> None:
    monkeypatch.setenv(ROOTS, "")
    monkeypatch.setenv("SECRET_OF_THE_SERVER", "hunter2")
    texts = set()
    for path in ("/proc/self/environ", "/etc/passwd", "/etc/none-of-this-name"):
        app = open_page(full_workspace, page, dataset=path, checkpoint=path)
        assert not app.exception
        text = said(app)
        assert "cannot be opened here" in text
        assert "hunter2" not in text
        assert "root:" not in text
        texts.add(text.replace(path, "PATH").replace(Path(path).name, "NAME"))
    assert len(texts) == 1


def test_a_page_of_what_lies_in_a_root_opens(
    full_workspace: Path, open_page: OpenPage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(ROOTS, "")
    app = open_page(full_workspace, "data", dataset="data/tiny")
    assert not app.error
    assert "48" in [each.value for each in app.metric]


def test_a_linked_folder_is_not_listed(
    workspace_copy: Path, small_campus: Path, open_page: OpenPage, monkeypatch: pytest.MonkeyPatch
) -> None:
    (workspace_copy / "data" / "linked").symlink_to(small_campus)
    box = open_page(workspace_copy, "data").sidebar.selectbox
    assert "data/linked" in box(key="dataset").options
    monkeypatch.setenv(ROOTS, "")
    assert (
        "data/linked"
        not in open_page(workspace_copy, "data").sidebar.selectbox(key="dataset").options
    )
