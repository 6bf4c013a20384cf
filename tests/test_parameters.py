"""What all notebooks' parameters share: checks with clear words, lists, and names that heirs keep apart."""

import pytest

from smallbatch.errors import ParameterError
from smallbatch.parameters import parameter
from smallbatch.training.config import RunConfig
from tests.measuring import Coin, Probe


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"throw": 3}, r"throw = 3: there is no such parameter. Did you mean throws\? Allowed: seed, "),
        ({"throws": 0}, r"throws = 0 is not allowed. Allowed: whole number, ≥ 1, ≤ 1000"),
        ({"throws": "3"}, r"throws = '3' is not allowed. .* \(the value is text, not a number"),
        ({"bias": 2.0}, r"bias = 2.0 is not allowed. Allowed: number, ≥ 0, ≤ 1"),
        ({"bias": float("nan")}, r"bias = nan is not allowed"),
        ({"sizes": 4}, r"sizes = 4 is not allowed. Allowed: list of whole numbers"),
        ({"sizes": [4, "8"]}, r"sizes\[1\] = '8' is not allowed. Allowed: list of whole numbers"),
        ({"seed": -1}, r"seed = -1 is not allowed"),
    ],
    ids=str,
)
def test_a_bad_parameter_is_named_with_its_value_and_what_is_allowed(parameters, message):
    with pytest.raises(ParameterError, match=message) as error:
        Coin.create(**parameters)
    assert len(str(error.value).splitlines()) == 1


def test_an_heir_of_run_config_is_checked_like_it_and_has_its_own_parameters_and_defaults():
    assert Probe.create().batch_size == 4 and Probe.create(probes=5).probes == 5
    with pytest.raises(ParameterError, match=r"probe_ = 5.*Did you mean probes"):
        Probe.create(probe_=5)
    with pytest.raises(ParameterError, match="ghost_batch_size = 3 with normalization = 'ghost' and batch_size = 4"):
        Probe.create(normalization="ghost", ghost_batch_size=3)
    with pytest.raises(ParameterError, match=r"probes = 1"):
        RunConfig.create(probes=1)


def test_a_notebooks_lists_are_parameters_too_but_not_those_of_ipython():
    names = {"throws": 3, "sizes": [4], "In": ["code"], "Out": {}, "_ih": ["code"], "Coin": Coin}
    assert Coin.from_notebook(names) == Coin.create(throws=3, sizes=[4])
    with pytest.raises(ParameterError, match=r"size = \[4\].*Did you mean sizes"):
        Coin.from_notebook({"size": [4]})


def test_run_ids_start_with_the_notebook_and_depend_on_what_is_not_default():
    assert Coin.create(seed=2).run_id().startswith("coin-s2-")
    assert Probe.create(seed=2).run_id().startswith("probe-b4-s2-")
    several = [{}, {"throws": 11}, {"bias": 0.4}, {"sizes": [2, 1]}, {"seed": 1}]
    assert len({Coin.create(**parameters).run_id() for parameters in several}) == 5
    assert Coin.create(record_folder="elsewhere").run_id() == Coin.create().run_id()
    assert Coin.create(throws=10).run_id() == Coin.create().run_id()


def test_the_changed_defaults_of_an_heir_are_its_defaults():
    hash_of_nothing = RunConfig.create().run_id().split("-")[-1]
    assert Probe.create().run_id() == f"probe-b4-s0-{hash_of_nothing}"
    assert Probe.create(batch_size=32).run_id() != f"probe-b32-s0-{hash_of_nothing}"
    # As in a training run, of the places only the name of one's own images counts.
    cats, dogs = (Probe.create(dataset="folder", data_folder=f"/some/{name}") for name in ("cats", "dogs"))
    assert cats.run_id() != dogs.run_id() and cats.identity()["data_folder"] == "cats"


def test_a_parameter_that_is_added_later_keeps_old_names():
    class Later(Coin):
        edges: int = parameter(0, "Coins that stood on their edge.", ge=0)

    assert Later.create(throws=3).run_id() == Coin.create(throws=3).run_id()


def test_tables_explain_every_parameter():
    reference = Coin.reference()
    assert list(reference.index) == list(Coin.model_fields)
    assert reference.loc["throws"].to_dict() == {
        "default": "10", "allowed": "whole number, ≥ 1, ≤ 1000", "unit": "throws", "meaning": "Throws of one coin.",
    }  # fmt: skip
    shown = Coin.create(throws=3).as_table()
    assert shown.loc["throws"].tolist() == ["3", "throws"] and "record_folder" not in shown.index
