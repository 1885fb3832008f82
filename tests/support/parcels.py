"""A folder in which the right suggestion depends on another file: `settings.compute_` goes on as that file says."""

from __future__ import annotations

MAIN = "from shop import settings\n\n\ndef main(order, today):\n"
TYPED = "return settings.compute_"
NAMES = ("parcel_label", "delivery_window")
"""What nano goes on with where the other file defines `compute_` and one of these."""


def settings(name: str) -> str:
    """Return the other file."""
    return f'"""Settings of a shop."""\n\n\ndef compute_{name}(order, today):\n    return order\n'
