"""One loaded model at work: the interface that a session stands on, and what implements it over token engines."""

from starcoder_lsp.completer.base import About, Answer, Ask, Completer, Counters, Timings, Warmed, Watch
from starcoder_lsp.completer.speed import Speed
from starcoder_lsp.completer.token_completer import TokenCompleter

__all__ = [
    "About",
    "Answer",
    "Ask",
    "Completer",
    "Counters",
    "Speed",
    "Timings",
    "TokenCompleter",
    "Warmed",
    "Watch",
]
