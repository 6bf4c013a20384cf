"""Two measurement notebooks for tests, small enough to be read at once: `coin` needs no network, `probe` trains one."""

import sys
from types import ModuleType
from typing import ClassVar

from smallbatch.parameters import Parameters, parameter
from smallbatch.study import notebooks
from smallbatch.training.config import RunConfig


class Coin(Parameters):
    """Throws a coin."""

    NOTEBOOK: ClassVar[str] = "coin"
    throws: int = parameter(10, "Throws of one coin.", "throws", ge=1, le=1000)
    bias: float = parameter(0.5, "Share of heads in the long run.", ge=0, le=1)
    label_of_heads: str = parameter("heads", "What heads is called.")
    sizes: list[int] = parameter([1, 2], "Coins thrown together.", "coins")


class Probe(RunConfig):
    """Trains, with other defaults, and measures."""

    NOTEBOOK: ClassVar[str] = "probe"
    batch_size: int = parameter(4, "Images per training step of the run that is measured.", "images", ge=1)
    probes: int = parameter(3, "Measurements.", ge=1)


def register(monkeypatch) -> None:
    """Let studies know both notebooks, and one whose module is broken."""
    module = ModuleType("registered_for_tests")
    module.Coin, module.Probe = Coin, Probe
    monkeypatch.setitem(sys.modules, module.__name__, module)
    added = {"coin": f"{module.__name__}.Coin", "probe": f"{module.__name__}.Probe", "broken": "no_such_module.Config"}
    for name, place in added.items():
        monkeypatch.setitem(notebooks.CONFIGS, name, place)
