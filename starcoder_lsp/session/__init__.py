"""The use case: snapshot, wait, prompt, engine, refine. Latest request wins. Knows no LSP."""

from starcoder_lsp.session.document import Offer, Selected
from starcoder_lsp.session.session import LATE_S, Session
from starcoder_lsp.session.status import Listener, Status

__all__ = ["LATE_S", "Listener", "Offer", "Selected", "Session", "Status"]
