"""Parts of a problem and their answers as sealed bytes, to lie in the database between worker machines.

They are pickles, which can run code when they are opened: so each carries a signature by the deployment's own key
(HMAC-SHA256, RFC 2104), and nothing is opened that does not carry it.
"""

import hashlib
import hmac
import pickle
import zlib
from typing import Any

SIGNATURE_BYTES = 32
LEVEL = 1  # of zlib: the fastest


class SealBroken(Exception):
    """These bytes were not sealed with this key."""


def seal(value: object, *, key: str) -> bytes:
    """The value as signed, compressed bytes."""
    words = zlib.compress(pickle.dumps(value), LEVEL)
    return _signature(words, key) + words


def unseal(sealed: bytes, *, key: str) -> Any:
    """The value that was sealed with this key; raises SealBroken for anything else."""
    signature, words = sealed[:SIGNATURE_BYTES], sealed[SIGNATURE_BYTES:]
    if not hmac.compare_digest(signature, _signature(words, key)):
        raise SealBroken("A part of a problem does not carry this deployment's signature, and was not opened.")
    return pickle.loads(zlib.decompress(words))  # noqa: S301 - signed by ourselves


def _signature(words: bytes, key: str) -> bytes:
    return hmac.new(f"solver parts:{key}".encode(), words, hashlib.sha256).digest()
