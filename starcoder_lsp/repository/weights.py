"""Weights of the ranking, by feature: fitted on the tuned repositories of ADR 6."""

from __future__ import annotations

__all__ = ["OF_DEFINITION", "OF_NAME"]

OF_DEFINITION = {
    "imported": 0.53, "hop": 0.28, "importer": 0.38, "twin": 0.65, "folder": 0.33, "similar": 0.75, "definer": 1.01,
    "recent": 0.7, "line": -0.26, "receiver": -0.28, "class": 0.34, "function": 0.91, "attribute": 0.38,
    "constant": 0.37, "module": 1.49, "member owned": 1.27, "member free": 0.8, "other owned": 0.88,
    "other free": 0.58, "owner clue": 1.43, "owner base": 0.47, "owner call": 1.3, "owner near": 0.29,
    "owner shown": 0.18, "imported owned member": -0.29, "line free": 0.9, "receiver free": 0.09, "many rows": -1.94,
    "hidden": -0.88, "hidden beside": 0.53, "test": -0.4, "special": 2.38, "upper": 0.43, "foreign": -3.12,
    "type class": 0.75, "member attribute": -0.3,
}  # fmt: skip
"""Of a definition."""
OF_NAME = {
    "usage": 2.2, "usage best": 3.56, "users": 0.6, "bigram": 2.76, "members": 0.13, "member fit": 0.61,
    "usage defined": 1.65, "usage member": -0.87, "undefined": -4.02, "common": 0.25, "parts": 1.31,
    "parts shown": 0.89,
}  # fmt: skip
"""Of a name."""
