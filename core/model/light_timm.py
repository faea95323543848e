"""timm, imported without torch's compiler, which nothing here uses.

timm, torchvision and torch's optimisers import `torch._dynamo` (with sympy and a thousand modules:
half of the time that the first prediction or a job needs to start) to mark functions that it must
not compile. Until it is loaded nothing is compiled, so these marks are left out; whatever else
somebody looks up in it (the export to ONNX does) loads it.
"""

import importlib
import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any

import torch

_COMPILER = "torch._dynamo"
_UTILS = "torch._dynamo.utils"


class _Deferred(ModuleType):
    """Stands in for a module; an attribute that it does not hold is looked up in the real one."""

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever the module holds
        # `_UTILS` is no package, and the import system looks no further than that.
        if name.startswith("__") and (name, self.__name__) != ("__path__", _COMPILER):
            raise AttributeError(name)
        _withdraw()
        return getattr(importlib.import_module(self.__name__), name)


def _unmarked(function: Callable[..., Any] | None = None, *_: object, **__: object) -> Any:  # noqa: ANN401
    """As `torch._dynamo.disable`, a function or a decorator, where nothing is compiled."""
    return _unmarked if function is None else function


def _nothing() -> None:
    """As `torch._dynamo.graph_break`, where nothing is compiled."""


def _is_compile_supported(device_type: Any) -> Any:  # noqa: ANN401 - as torch declares it
    _withdraw()
    return importlib.import_module(_UTILS).is_compile_supported(device_type)


def _defer() -> None:
    """Put stand-ins in, unless the compiler is loaded."""
    if _COMPILER in sys.modules:
        return
    compiler, utils = _Deferred(_COMPILER), _Deferred(_UTILS)
    vars(compiler).update(disable=_unmarked, graph_break=_nothing)
    vars(utils).update(is_compile_supported=_is_compile_supported)
    sys.modules.update({_COMPILER: compiler, _UTILS: utils})
    vars(torch)["_dynamo"] = compiler


def _withdraw() -> None:
    """Take the stand-ins out, so that the next import loads the compiler."""
    for name in (_COMPILER, _UTILS):
        if isinstance(sys.modules.get(name), _Deferred):
            del sys.modules[name]
    if isinstance(vars(torch).get("_dynamo"), _Deferred):
        del vars(torch)["_dynamo"]


_defer()

import timm  # noqa: E402
from timm.data.config import resolve_data_config  # noqa: E402
from timm.layers.norm_act import convert_sync_batchnorm  # noqa: E402
from timm.models import group_parameters  # noqa: E402

__all__ = ["convert_sync_batchnorm", "group_parameters", "resolve_data_config", "timm"]
