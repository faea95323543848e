"""How to do a run again: its exact command, what it was made with, and how to get that back."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import streamlit as st

from app.train.train_form import command
from core.errors import RunError
from core.system import SYSTEM
from core.training.run_folder import RunFolder
from core.training.schema import TrainConfig

# Not packages: the program itself and the language it is written in.
_NOT_PINNED = ("bearings", "python")


def show(run: Path, config: TrainConfig) -> None:
    """Show both, each with its button to copy; nothing is computed that the run did not record."""
    with st.expander("Reproduce"):
        try:
            made_with = RunFolder(path=run).read_json("environment.json")
        except RunError:
            made_with = {}
        st.caption("Exact command")
        st.code(typed(config, made_with), language="bash", wrap_lines=True)
        if not made_with:
            st.caption("The environment is recorded when the run starts.")
            return
        st.caption("Made with")
        st.table(facts(made_with))
        st.caption("Repeat this run in a separate environment and folder")
        st.code(recipe(config, made_with), language="bash", wrap_lines=True)
        if dict(made_with.get("git", {})).get("changed"):
            st.warning(
                "The code had uncommitted changes, so this commit alone does not reproduce the run."
            )


def typed(config: TrainConfig, made_with: Mapping[str, Any]) -> str:
    """The command of a run; one that several processes trained together starts as many."""
    processes = int(made_with.get("processes", 1))
    words = command(config)
    if processes == 1:
        return words
    return words.replace("python -m", f"torchrun --nproc-per-node {processes} -m", 1)


def facts(made_with: Mapping[str, Any]) -> dict[str, str]:
    """What a run was made with, in words."""
    git = dict(made_with.get("git", {}))
    named = {
        "Device": made_with.get("device"),
        "Precision": made_with.get("precision"),
        "CPU threads": made_with.get("threads"),
        "Processes": made_with.get("processes"),
        "Keypoints": made_with.get("local_features"),
        "System": made_with.get("platform"),
        "Commit": git.get("commit"),
    }
    versions = dict(made_with.get("versions", {}))
    named["Versions"] = ", ".join(f"{name} {version}" for name, version in versions.items())
    return {name: str(value) for name, value in named.items() if value not in (None, "")}


def recipe(config: TrainConfig, made_with: Mapping[str, Any]) -> str:
    """Commands that recreate the environment of a run and do it again in a folder beside it.

    Device, arithmetic, threads and kind of keypoints are those that the run took: on a CPU they
    decide the last bits.
    """
    versions = dict(made_with.get("versions", {}))
    lines = []
    commit = dict(made_with.get("git", {})).get("commit")
    if commit:
        lines.append(f"git checkout {commit}")
    python = ".".join(str(versions.get("python", "3.11")).split(".")[:2])
    lines.append(SYSTEM.virtual_environment(python))
    pins = [_pin(name, version) for name, version in versions.items() if name not in _NOT_PINNED]
    if pins:
        lines.append(f"pip install {SYSTEM.command_line(pins)}")
    lines.append("pip install -r requirements.txt")
    lines.append(typed(_again(config, made_with), made_with))
    return "\n".join(lines)


def _pin(package: str, version: str) -> str:
    # What follows a plus names one machine's build, which no index may offer.
    return f"{package}=={version.partition('+')[0]}"


def _again(config: TrainConfig, made_with: Mapping[str, Any]) -> TrainConfig:
    device = str(made_with.get("device", config.device)).partition(":")[0]
    changes = {
        "run": config.run.with_name(f"{config.run.name}-again"),
        "device": device,
        "precision": made_with.get("precision", config.precision),
        "threads": made_with.get("threads", config.threads),
        "local_features": made_with.get("local_features") or config.local_features,
    }
    return TrainConfig.model_validate(config.model_dump() | changes)
