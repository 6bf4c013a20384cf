"""How a learning rate grows with the batch size: laws fitted to measured rates, and how well each predicts.

Three rules of thumb have no shape to fit: the rate stays, grows with the square root of the batch size, or with the
batch size. The fourth, eps_max / (1 + B_noise / B), is what McCandlish et al. 2018 (section 2.2) derive for the best
rate of one step: linear below the noise scale B_noise and constant above it. A power law with a free exponent is fitted
too, since its exponent says at a glance where between constant (0) and linear (1) the rates are.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.optimize import minimize_scalar

from smallbatch.errors import require

EXPONENTS = {"constant": 0.0, "square root": 0.5, "linear": 1.0}
LAWS = (*EXPONENTS, "noise scale", "power")
# Far enough outside of the batch sizes that the curve is straight within them.
BEYOND = 1e3


class Fits(NamedTuple):
    """Laws fitted to the same rates.

    `parameters` has a row per law and parameter, with `value`, `low` and `high`: `rate_at_1` (the rate at batch size
    1), `exponent`, or `eps_max` and `b_noise` (images). `comparison` has a row per law: `aicc`, the corrected Akaike
    criterion of log rates with equal normal errors; `left_out_error`, how far a law fitted to the other batch sizes is
    off at the one left out, as a factor (root mean square of log rates); `is_best`: the lowest such error; and
    `share_best`, the fraction of resamples where the law has it. The power law takes no part in being best.
    """

    parameters: pd.DataFrame
    comparison: pd.DataFrame


def fit_laws(batch_sizes: Sequence[float], rates: Sequence[float], resampled: np.ndarray | None = None) -> Fits:
    """Fit each of `LAWS` to positive rates, (n,), by least squares of their logarithms.

    `batch_sizes` (n,) may repeat: every rate is a point. Each row of `resampled` (resamples, n) is a bootstrap sample
    of the rates; `low` and `high` are 95 % percentile bounds over these rows (not a number without them).

    `b_noise` is sought from a thousandth of the smallest to a thousand times the largest batch size; at either end the
    rates cannot tell it (there, they do not depend on the batch size, or are proportional to it).

    Raises `ParameterError` unless there are positive rates for three or more batch sizes.
    """
    sizes, rates = np.asarray(batch_sizes, float), np.asarray(rates, float)
    require(
        "batch_sizes", list(batch_sizes), len(np.unique(sizes)) >= 3 and (sizes > 0).all(), "three or more, positive"
    )
    are_rates = rates.shape == sizes.shape and np.isfinite(rates).all() and (rates > 0).all()
    require("rates", rates.tolist(), are_rates, "one positive number for each batch size")
    samples = np.empty((0, len(rates))) if resampled is None else resampled
    errors = {law: _left_out_error(law, sizes, rates) for law in LAWS}
    wins = [_best({law: _left_out_error(law, sizes, sample) for law in LAWS}) for sample in samples]
    parameters, comparison = [], []
    for law in LAWS:
        found = _fit(law, sizes, rates)
        others = pd.DataFrame([_fit(law, sizes, sample) for sample in samples], columns=list(found), dtype=float)
        bounds = others.quantile([0.025, 0.975])
        for name, value in found.items():
            low, high = bounds[name]
            parameters.append({"law": law, "parameter": name, "value": value, "low": low, "high": high})
        row = {"law": law, "aicc": _aicc(law, found, sizes, rates), "left_out_error": float(np.exp(errors[law]))}
        fraction = np.mean([win == law for win in wins]) if wins else np.nan
        comparison.append({**row, "is_best": law == _best(errors), "share_best": fraction})
    return Fits(pd.DataFrame(parameters), pd.DataFrame(comparison))


def predict(law: str, parameters: dict[str, float], batch_sizes: Sequence[float]) -> np.ndarray:
    """Return the rates that a law with these parameters gives batch sizes."""
    sizes = np.asarray(batch_sizes, float)
    if law == "noise scale":
        return parameters["eps_max"] / (1 + parameters["b_noise"] / sizes)
    return parameters["rate_at_1"] * sizes ** parameters.get("exponent", EXPONENTS.get(law))


def _fit(law: str, sizes: np.ndarray, rates: np.ndarray) -> dict[str, float]:
    x, y = np.log(sizes), np.log(rates)
    if law == "noise scale":
        return _fit_noise_scale(sizes, y)
    if law == "power":
        exponent, at_1 = np.polyfit(x, y, 1)
        return {"rate_at_1": float(np.exp(at_1)), "exponent": float(exponent)}
    return {"rate_at_1": float(np.exp((y - EXPONENTS[law] * x).mean()))}


def _fit_noise_scale(sizes: np.ndarray, log_rates: np.ndarray) -> dict[str, float]:
    def log_shape(log_noise):
        return -np.log1p(np.exp(log_noise) / sizes)

    def squares(log_noise):
        # The factor in front that fits best leaves the variance about the mean.
        return np.var(log_rates - log_shape(log_noise))

    limits = np.log(sizes.min() / BEYOND), np.log(sizes.max() * BEYOND)
    log_noise = minimize_scalar(squares, bounds=limits, method="bounded", options={"xatol": 1e-8}).x
    return {
        "eps_max": float(np.exp(np.mean(log_rates - log_shape(log_noise)))),
        "b_noise": float(np.exp(log_noise)),
    }


def _left_out_error(law: str, sizes: np.ndarray, rates: np.ndarray) -> float:
    """Return the root mean square error of log rates at batch sizes that the fit has not seen."""
    errors = np.empty(len(rates))
    for size in np.unique(sizes):
        left_out = sizes == size
        found = _fit(law, sizes[~left_out], rates[~left_out])
        errors[left_out] = np.log(rates[left_out] / predict(law, found, sizes[left_out]))
    return float(np.sqrt(np.mean(errors**2)))


def _best(errors: dict[str, float]) -> str:
    return min((law for law in errors if law != "power"), key=errors.get)


def _aicc(law: str, found: dict[str, float], sizes: np.ndarray, rates: np.ndarray) -> float:
    """Return Akaike's criterion, corrected for the small number of points; the error's variance is a parameter too."""
    n, k = len(rates), len(found) + 1
    if n <= k + 1:
        return np.nan
    errors = np.log(rates / predict(law, found, sizes))
    variance = max(np.mean(errors**2), np.finfo(float).tiny)
    return float(n * np.log(variance) + 2 * k + 2 * k * (k + 1) / (n - k - 1))
