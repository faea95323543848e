"""One photo of an evaluation: the picture, what is true, what was predicted."""

import pandas as pd
import streamlit as st

from app import outcomes
from app.outcomes import Method
from app.shelf import Shelf


def outcome_card(
    table: pd.DataFrame, row: int, shelf: Shelf, names: dict[str, str], method: Method
) -> None:
    """Show a photo with its truth beside its prediction.

    Args:
        table: All rows of `predictions.csv`.
        row: Which of them.
        shelf: Where the picture is.
        names: Display name by region id.
        method: Which prediction is meant.
    """
    photo = table.loc[[row]]
    name = str(table.at[row, "filename"])
    picture = shelf.picture(name, outcomes.truth_m(photo)[0])
    if picture is None:
        st.caption("Its picture is not here: load the data set that was evaluated.")
    else:
        st.image(picture, caption=name, width="stretch")
    true, guess = (str(table.at[row, column]) for column in ("true_region", "region"))
    headings = (float(table.at[row, "true_angle"]), float(outcomes.heading_deg(photo, method)[0]))
    st.dataframe(
        pd.DataFrame(
            {
                "": ["Region", "Heading", "Position"],
                "truth": [names.get(true, true), f"{headings[0]:.0f}°", "as labelled"],
                "predicted": [
                    f"{names.get(guess, guess)} ({table.at[row, 'region_probability']:.0%})",
                    f"{headings[1]:.0f}°, {outcomes.heading_error_deg(photo, method)[0]:.0f}° off",
                    f"{outcomes.error_m(photo, method)[0]:.1f} m off",
                ],
            }
        ),
        hide_index=True,
    )
