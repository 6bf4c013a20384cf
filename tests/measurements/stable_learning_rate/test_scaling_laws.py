"""Laws of learning rate against batch size: exact curves give their parameters back, and the right law is chosen."""

import numpy as np
import pytest

from smallbatch.errors import ParameterError
from smallbatch.measurements.stable_learning_rate import scaling_laws

SIZES = np.array([1, 2, 4, 8, 16, 32])
CURVES = {
    "constant": 0.02 + 0 * SIZES,
    "square root": 0.02 * SIZES**0.5,
    "linear": 0.02 * SIZES,
    "noise scale": 0.5 / (1 + 6 / SIZES),
}


def parameters(fits, law):
    rows = fits.parameters[fits.parameters["law"] == law]
    return dict(zip(rows["parameter"], rows["value"], strict=True))


@pytest.mark.parametrize("law", CURVES)
def test_the_law_that_made_the_rates_is_chosen_and_predicts_them(law):
    fits = scaling_laws.fit_laws(SIZES, CURVES[law])
    comparison = fits.comparison.set_index("law")
    assert comparison.index[comparison["is_best"]].tolist() == [law]
    assert comparison.loc[law, "left_out_error"] == pytest.approx(1, abs=1e-4)
    np.testing.assert_allclose(scaling_laws.predict(law, parameters(fits, law), SIZES), CURVES[law], rtol=1e-5)
    # Fewer parameters count in favour of a law that fits as well.
    assert comparison.drop("power")["aicc"].idxmin() == law


@pytest.mark.parametrize(("eps_max", "b_noise"), [(0.1, 40.0), (3.0, 0.5), (1e-4, 900.0)])
def test_the_fit_finds_what_the_rates_were_made_from(eps_max, b_noise):
    found = parameters(scaling_laws.fit_laws(SIZES, eps_max / (1 + b_noise / SIZES)), "noise scale")
    assert (found["eps_max"], found["b_noise"]) == pytest.approx((eps_max, b_noise), rel=1e-4)


@pytest.mark.parametrize("exponent", [-0.3, 0.0, 0.7])
def test_a_power_of_the_batch_size_gives_its_exponent(exponent):
    found = parameters(scaling_laws.fit_laws(SIZES, 0.3 * SIZES**exponent), "power")
    assert found == pytest.approx({"rate_at_1": 0.3, "exponent": exponent})


def test_rates_that_cannot_tell_the_noise_lead_to_an_end_of_the_range():
    sizes = np.array([2, 4, 8])
    assert parameters(scaling_laws.fit_laws(sizes, [0.1, 0.1, 0.1]), "noise scale")["b_noise"] < 0.01
    assert parameters(scaling_laws.fit_laws(sizes, 0.1 * sizes), "noise scale")["b_noise"] > 1000


def test_a_left_out_batch_size_is_predicted_from_the_others_with_all_its_seeds():
    sizes, rates = np.repeat([1, 2, 4], 2), np.array([1, 1, 1, 1, 2, 8.0])
    # Left out in turn, the constant law predicts the geometric mean of the others: 2, 2 and 1.
    errors = np.log([1 / 2, 1 / 2, 1 / 2, 1 / 2, 2, 8])
    comparison = scaling_laws.fit_laws(sizes, rates).comparison.set_index("law")
    assert comparison.loc["constant", "left_out_error"] == pytest.approx(np.exp(np.sqrt(np.mean(errors**2))))


def test_the_corrected_criterion_by_hand():
    rates = np.exp([0.1, -0.1, 0.1, -0.1, 0.1, -0.1])
    comparison = scaling_laws.fit_laws(SIZES, rates).comparison.set_index("law")
    # Six points, variance 0.01; a mean and a variance are fitted: 2 k + 2 k (k + 1) / (n - k - 1) = 4 + 4.
    assert comparison.loc["constant", "aicc"] == pytest.approx(6 * np.log(0.01) + 8)


def test_intervals_are_those_of_the_resampled_rates():
    generator = np.random.default_rng(0)
    rates = CURVES["noise scale"]
    worlds = rates * np.exp(0.1 * generator.normal(size=(200, 6)))
    fits = scaling_laws.fit_laws(SIZES, rates, worlds)
    rows = fits.parameters.set_index(["law", "parameter"])
    assert (rows["low"] < rows["value"]).all() and (rows["value"] < rows["high"]).all()
    # The exponent is linear in log rates: its standard deviation is 0.1 over the root of the sum of squares of log B.
    centred = np.log(SIZES) - np.log(SIZES).mean()
    width = 2 * 1.96 * 0.1 / np.sqrt((centred**2).sum())
    exponent = rows.loc[("power", "exponent")]
    assert exponent["high"] - exponent["low"] == pytest.approx(width, rel=0.2)
    shares = fits.comparison.set_index("law")["share_best"]
    assert shares["noise scale"] > 0.8 and shares.sum() == pytest.approx(1) and shares["power"] == 0


def test_noise_alone_prefers_the_constant_law():
    rates = 0.1 * np.exp(0.2 * np.random.default_rng(1).normal(size=24))
    comparison = scaling_laws.fit_laws(np.repeat(SIZES, 4), rates).comparison.set_index("law")
    assert comparison["is_best"].idxmax() == "constant"
    assert comparison.drop("power")["aicc"].idxmin() == "constant"


@pytest.mark.parametrize(
    ("sizes", "rates", "message"),
    [
        ([4, 4, 2], [0.1, 0.1, 0.1], r"batch_sizes = \[4, 4, 2\] .*Allowed: three or more, positive"),
        ([0, 4, 8], [0.1, 0.1, 0.1], r"batch_sizes = \[0, 4, 8\]"),
        ([2, 4, 8], [0.1], r"rates = \[0.1\] .*Allowed: one positive number for each batch size"),
        ([2, 4, 8], [0.1, 0, 1], "rates"),
        ([2, 4, 8], [0.1, np.nan, 1], "rates"),
    ],
)
def test_impossible_fits_are_refused(sizes, rates, message):
    with pytest.raises(ParameterError, match=message):
        scaling_laws.fit_laws(sizes, rates)
