"""Which units are sampled: decided by a hash of the unit's id, so that every run, machine and day agree.

The key of a unit is the top 53 bits of SHA-256 of its id, scaled to [0, 1) (Phoenix's rule); a unit is sampled when its
key is below the rate. So a lower rate chooses a subset of a higher one, and tasks that share a salt choose the same
units. The SQL of this module gives exactly the choice of its Python, for ids that are not NULL.
"""

from __future__ import annotations

import hashlib
import math

from evals_pipeline.core.sql import literal

_KEYS = 2**53
"""Number of keys; a float holds each of them, and their multiples of a power of two, exactly."""
_SPARE_BITS = 11
"""What is left of the first 64 bits of the hash."""


def sampling_key(unit_id: str, salt: str = "") -> float:
    """The unit's place in [0, 1)."""
    digest = hashlib.sha256((salt + unit_id).encode()).digest()
    return (int.from_bytes(digest[:8], "big") >> _SPARE_BITS) / _KEYS


def is_sampled(unit_id: str, rate: float, salt: str = "") -> bool:
    """Whether a run with this rate (0 to 1) takes the unit."""
    return sampling_key(unit_id, salt) < _checked(rate)


def sampled_sql(id_sql: str, rate: float, salt: str = "") -> str:
    """`is_sampled` as a DuckDB expression of an expression for the id.

    The hash is compared as the hex text that DuckDB gives: its order is that of the numbers, and a longer text that
    begins with the limit is above it.
    """
    limit = math.ceil(_checked(rate) * _KEYS)
    if limit == _KEYS:
        return "TRUE"
    return f"({_hash_sql(id_sql, salt)} < '{limit << _SPARE_BITS:016x}')"


def key_sql(id_sql: str, salt: str = "") -> str:
    """`sampling_key` as a DuckDB expression (DOUBLE); the units of a run that may not take all are ordered by it."""
    first_bits = f"CAST('0x' || left({_hash_sql(id_sql, salt)}, 16) AS UBIGINT)"
    return f"(({first_bits} >> {_SPARE_BITS}) / {_KEYS}.0e0)"


def _hash_sql(id_sql: str, salt: str) -> str:
    return f"sha256({literal(salt)} || {id_sql})" if salt else f"sha256({id_sql})"


def _checked(rate: float) -> float:
    if not 0 <= rate <= 1:
        raise ValueError(f"a sampling rate lies between 0 and 1; {rate!r} does not")
    return rate
