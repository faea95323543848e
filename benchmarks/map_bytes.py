"""What a browser gets for the map of 100,000 predictions, beside pydeck given the whole table."""

import numpy as np
import pandas as pd
import pydeck as pdk

from app.evaluate.outcome_map import outcome_backdrop, outcome_deck
from app.theme import LIGHT
from benchmarks.effort import CHECKPOINT, Effort
from benchmarks.goals import verdict
from core.model.card import read_card
from core.retrieval.gallery import Gallery

_MOST_MB = 4.0
_NOISE_M = 5.0


def measure(effort: Effort) -> list[str]:
    """Count the bytes of both; no time is measured."""
    photos = 2_000 if effort.quick else 100_000
    table = many_predictions(photos)
    card, gallery = read_card(CHECKPOINT), Gallery.load(CHECKPOINT)
    campus = outcome_backdrop(card, gallery, table)
    ours = outcome_deck(campus, table, table, LIGHT, method="refined", chosen=None, online=False)
    points = pdk.Layer("ScatterplotLayer", table, get_position=["true_east_m", "true_north_m"])
    sizes = {
        "pydeck, one layer of the whole table": len(pdk.Deck([points]).to_json()) / 1e6,
        "here, every layer that is on at first": len(ours.to_json()) / 1e6,
    }
    most = list(sizes.values())[-1]
    return [
        "| way | MB |",
        "|---|---|",
        *(f"| {way} | {size:.3g} |" for way, size in sizes.items()),
        "",
        f"{photos:,} predictions, drawn from the report of the shipped model and moved by "
        f"{_NOISE_M:g} m at random.",
        *verdict(f"at most {_MOST_MB:g} MB", f"{most:.3g} MB", met=most <= _MOST_MB),
    ]


def many_predictions(photos: int) -> pd.DataFrame:
    """Rows of `predictions.csv`, drawn from the shipped report, each a little elsewhere."""
    rng = np.random.default_rng(0)
    report = pd.read_csv(CHECKPOINT / "report" / "predictions.csv", dtype={"true_region": str})
    table = report.iloc[rng.integers(len(report), size=photos)].reset_index(drop=True)
    metres = [name for name in table if name.endswith(("north_m", "east_m"))]
    metres += ["north_refined_m", "east_refined_m"]
    table[metres] += rng.normal(0.0, _NOISE_M, (photos, len(metres)))
    for kind in ("", "_refined"):
        north, east = table[f"north{kind}_m"], table[f"east{kind}_m"]
        table[f"error{kind}_m"] = np.hypot(
            north - table["true_north_m"], east - table["true_east_m"]
        )
    return table
