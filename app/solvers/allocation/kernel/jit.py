"""How these kernels are compiled: without the interpreter's lock, so that two threads price two halves at once."""

from collections.abc import Callable
from typing import Any, TypeVar, cast

from numba import njit

Function = TypeVar("Function", bound=Callable[..., Any])


def compiled(function: Function) -> Function:
    """Machine code for the types of the first call, kept on disk; every caller passes the same types."""
    return cast("Function", njit(nogil=True, cache=True, error_model="numpy", boundscheck=False)(function))
