"""What the likeliest tokens at a place say: how probable one is given the beginning that it must keep to, and others.

Behind `win_v▌` the model writes ` win_version` once more, and ` win_v` is certain: the file has it. So what counts is
the probability of ` win_version` among the tokens that keep to ` win_v`, not among all. Measured on 283 rests of lines
in held-out packages (nano v1, 63 % of the cursors within a word), suggestions cut where the joint probability falls
under 0.6: 11.6 characters of 100 right and 2.1 wrong, against 7.1 and 1.0; at the same share of wrong ones, 30 % more.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

LIKELIEST = 20
"""So many tokens are looked at; 40 gave the same, 10 less."""
_UNSEEN = 0.05
"""This share of the probability of all others is taken to keep to the beginning, or a token among unlikely ones would
seem certain; 0.02 to 0.2 gave the same."""


def keeps_to(begin: bytes, piece: bytes) -> bool:
    """Whether a token writes (a part of) the beginning, or all of it and more."""
    return bool(piece) and (piece.startswith(begin) or begin.startswith(piece))


def given(begin: bytes, piece: bytes, logprob: float, likeliest: Sequence[tuple[bytes, float]]) -> float:
    """Return the log-probability of a token among those that keep to `begin`.

    `likeliest`: pieces and log-probabilities (natural, among all tokens) of the likeliest tokens at its place.
    """
    if not begin:
        return logprob
    seen = sum(math.exp(one) for _piece, one in likeliest)
    keeping = sum(math.exp(one) for other, one in likeliest if keeps_to(begin, other))
    if all(other != piece for other, _one in likeliest):
        seen, keeping = seen + math.exp(logprob), keeping + math.exp(logprob)
    return min(0.0, logprob - math.log(max(keeping + _UNSEEN * max(0.0, 1.0 - seen), 1e-30)))
