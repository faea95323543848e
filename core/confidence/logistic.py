"""Logistic regression with weights of at least 0, penalised."""

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import expit

from core.geo import Floats


def logistic_weights(
    x: Floats, positive: NDArray[np.bool_], share: Floats, penalty: float
) -> Floats:
    """Intercept and weights `(1 + s,)`, weights >= 0, of features `(n, s)`.

    Args:
        x: Features, made comparable.
        positive: `(n,)` the class whose log-odds are fitted.
        share: `(n,)` weight of each row; they add up to 1.
        penalty: Of squared weights.
    """
    truth = positive.astype(np.float64)

    def loss(values: Floats) -> tuple[float, Floats]:
        line = values[0] + x @ values[1:]
        fall = np.logaddexp(0.0, line) - truth * line
        slope = share * (expit(line) - truth)
        square = penalty * (values[1:] ** 2).sum() / 2.0
        gradient = np.concatenate([[slope.sum()], x.T @ slope + penalty * values[1:]])
        return float((share * fall).sum() + square), gradient

    # Every feature is greater for the positive class, so a negative weight would be an accident.
    bounds = [(None, None), *[(0.0, None)] * x.shape[1]]
    optimum = minimize(loss, np.zeros(1 + x.shape[1]), jac=True, method="L-BFGS-B", bounds=bounds)
    return np.asarray(optimum.x)
