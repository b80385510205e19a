"""How kernel functions are compiled: without the interpreter's lock, cached on disk, C rules for division."""

from collections.abc import Callable
from typing import Any, TypeVar, cast

from numba import njit

Function = TypeVar("Function", bound=Callable[..., Any])


def compiled(function: Function) -> Function:
    """Machine code for the types of the first call; every caller passes the same types, so there is one compile."""
    jit = njit(nogil=True, cache=True, error_model="numpy", boundscheck=False)
    return cast("Function", jit(function))
