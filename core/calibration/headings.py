"""The wedge of headings: expected error from clues, widened until it holds the truth."""

import numpy as np

from core.calibration.folds import Known, fold_rows
from core.calibration.scales import fit_scale
from core.geo import heading_error_deg
from core.trust.answered import Answered
from core.trust.applied import expected, heading_clues
from core.trust.conformal import quantiles
from core.trust.schema import HeadingFit


def fit_headings(answers: Answered, known: Known) -> HeadingFit:
    """Fit scale and half-width to calibration photos, scores cross-fitted as for positions."""
    error = np.asarray(heading_error_deg(answers.heading_refined_deg, known.heading_deg))
    clues = heading_clues(answers)

    ratios = np.empty(len(error))
    for train, held in fold_rows(known.groups):
        fit = fit_scale(error[train], clues[train])
        ratios[held] = error[held] / expected(fit, clues[held])
    return HeadingFit(scale=fit_scale(error, clues), ratio=quantiles(ratios))
