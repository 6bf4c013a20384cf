"""Imports timm's Inception-ResNet-v2 where torchvision is missing: its file needs none of it, the package does.

Only for the benchmark, and only where torchvision is not installed.
"""

import importlib.machinery
import importlib.util
import sys
import types
from unittest import mock

NAMES = (
    "torchvision", "torchvision.ops", "torchvision.ops.misc", "torchvision.transforms",
    "torchvision.transforms.functional", "torchvision.datasets", "torchvision.models",
    "torchvision.models.feature_extraction", "torchvision.io",
)  # fmt: skip


class _Anything(types.ModuleType):
    __path__ = ()

    def __getattr__(self, name: str):
        if name.startswith("__"):
            raise AttributeError(name)
        return mock.MagicMock()


def inception_resnet_v2(n_classes: int):
    """Return timm's network, with random weights."""
    if importlib.util.find_spec("torchvision") is None:
        for name in NAMES:
            sys.modules[name] = _Anything(name)
            sys.modules[name].__spec__ = importlib.machinery.ModuleSpec(name, None)
    from timm.models.inception_resnet_v2 import InceptionResnetV2

    return InceptionResnetV2(num_classes=n_classes)
