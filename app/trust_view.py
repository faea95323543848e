"""The part of the Evaluate page that holds promises against what was measured."""

from collections.abc import Mapping

import pandas as pd
import streamlit as st

from app.figures.coverage import NAMES, coverage_overall, coverage_regions
from app.report_tables import Report
from app.theme import Palette

NONE = (
    "This report has no promises to check: the model was not calibrated when it was judged. Run "
    "`python -m core calibrate` on it, then evaluate again."
)


def trust(report: Report, names: Mapping[str, str], palette: Palette) -> None:
    """Coverage overall and per region, honesty of probabilities, refusals, and confidence."""
    coverage = report.get("coverage")
    if coverage is None:
        st.info(NONE)
        return
    about, refused, honest = (
        coverage["calibrated_on"], coverage["refused"], coverage["region_probabilities"]
    )  # fmt: skip
    st.caption(
        f"Calibrated on {about['photos']} photos of the {about['part']} part of the "
        f"{about['protocol']} split; judged here on {report['n']} others. Bars are 95 % intervals."
    )
    with st.container(horizontal=True):
        st.metric("Genuine photos refused", f"{refused['share']:.1%}",
                  _promised(refused["promised"]), delta_color="off", delta_arrow="off",
                  border=True)  # fmt: skip
        st.metric("Calibration error of regions", f"{honest['after']['ece']:.3f}",
                  f"{honest['before']['ece']:.3f} before", delta_color="off", delta_arrow="off",
                  border=True)  # fmt: skip
        st.metric("Brier score of regions", f"{honest['after']['brier']:.3f}",
                  f"{honest['before']['brier']:.3f} before", delta_color="off", delta_arrow="off",
                  border=True)  # fmt: skip
    left, right = st.columns(2)
    left.subheader("Promised and held")
    left.plotly_chart(coverage_overall(coverage, palette), key="evaluate_coverage")
    right.subheader("By true region")
    right.plotly_chart(coverage_regions(coverage, names, palette), key="evaluate_coverage_regions")
    st.dataframe(coverage_table(coverage), hide_index=True)
    _confidence(coverage)


def coverage_table(coverage: Report) -> pd.DataFrame:
    """One row a promise: what was promised, what was held, and how wide it had to be."""
    rows = []
    for name, title in NAMES.items():
        for one in coverage["overall"][name]:
            size = one.get("mean_radius_m"), one.get("mean_deg")
            unit = f"{size[0]:.1f} m" if size[0] else f"{size[1]:.1f}°" if size[1] else ""
            known = one["measured"] is not None
            rows.append(
                {
                    "promise": title,
                    "promised": f"{one['promised']:.0%}",
                    "held": f"{one['measured']:.1%}" if known else "unknown: too few photos",
                    "95 % interval": (
                        f"{one['interval'][0]:.1%} to {one['interval'][1]:.1%}" if known else ""
                    ),
                    "mean size": unit,
                }
            )
    return pd.DataFrame(rows)


def _confidence(coverage: Report) -> None:
    found, accepted = coverage["confidence"], coverage["accepted"]
    if found is not None:
        st.caption(
            f"Sorted by radius, the surest half of the photos is {found['mean_m'][4]:.1f} m off on "
            f"average, all of them {found['random_m']:.1f} m. Area under that curve: "
            f"{found['area_m']:.1f} m; the best possible order has {found['best_m']:.1f} m."
        )
    if accepted is not None:
        st.caption(
            f"The {accepted['n']} photos that are not refused: region right "
            f"{accepted['region_accuracy']:.1%}, median error {accepted['median_m']:.1f} m, mean "
            f"heading error {accepted['maae_deg']:.1f}°. All other figures count refused ones too."
        )


def _promised(share: float | None) -> str:
    return "no threshold" if share is None else f"{share:.0%} promised"
