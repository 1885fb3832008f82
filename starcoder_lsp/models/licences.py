"""The licences of models, as data: what each is called, where it stands, and whether it asks for more than a notice."""

from __future__ import annotations

from typing import Final

from attrs import frozen


@frozen
class Licence:
    """A licence. `id` is what a hub calls it."""

    id: str
    name: str
    url: str
    conditions: str = ""
    """What it restricts, a sentence; empty for licences that free software has."""

    @property
    def is_free(self) -> bool:
        """Whether it allows any use: then it is shown, and need not be accepted."""
        return not self.conditions


APACHE: Final = Licence("apache-2.0", "Apache 2.0", "https://www.apache.org/licenses/LICENSE-2.0")
MIT: Final = Licence("mit", "MIT", "https://opensource.org/license/mit")
BIGCODE: Final = Licence(
    "bigcode-openrail-m",
    "BigCode OpenRAIL-M v1",
    "https://huggingface.co/spaces/bigcode/bigcode-model-license-agreement",
    "Use is free but for a list of harmful uses, which you must pass on.",
)
QWEN: Final = Licence(
    "qwen-research",
    "Qwen Research",
    "https://huggingface.co/Qwen/Qwen2.5-Coder-3B/blob/main/LICENSE",
    "For research and evaluation only, not for commercial use.",
)
DEEPSEEK: Final = Licence(
    "deepseek",
    "DeepSeek Model Licence",
    "https://github.com/deepseek-ai/DeepSeek-Coder/blob/main/LICENSE-MODEL",
    "Use is free but for a list of harmful uses, which you must pass on.",
)
GEMMA: Final = Licence(
    "gemma",
    "Gemma Terms of Use",
    "https://ai.google.dev/gemma/terms",
    "Use is bound to Google's policy on prohibited uses.",
)
MISTRAL: Final = Licence(
    "mnpl",
    "Mistral AI Non-Production",
    "https://mistral.ai/licenses/MNPL-0.1.md",
    "For research and tests only: neither in production nor commercially, work on your own code in a company included.",
)
_ALL: Final = (APACHE, MIT, BIGCODE, QWEN, DEEPSEEK, GEMMA, MISTRAL)
_FREE: Final = frozenset(
    {"apache-2.0", "mit", "bsd-3-clause", "bsd-2-clause", "isc", "cc0-1.0", "unlicense", "mpl-2.0"}
)


def licence_of(identifier: str, url: str = "") -> Licence:
    """Return the licence that a hub calls `identifier`; of one that is not known here, what the hub says of it."""
    known = next((one for one in _ALL if one.id == identifier.lower()), None)
    if known is not None:
        return known
    conditions = "" if identifier.lower() in _FREE else "Read it: this program does not know what it asks."
    return Licence(identifier, identifier, url, conditions)
