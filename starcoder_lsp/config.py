"""What an editor may set (all optional, camelCase), and what the program runs with (frozen, validated).

A field that is unknown or wrong is reported, and the rest is kept. docs/protocol.md lists the options for people.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Literal

from attrs import Attribute, evolve, field, fields, frozen

EngineChoice = Literal["auto", "llama.cpp", "ctransformers"]
Switch = Literal["auto", "always", "never"]

Check = Callable[[object], object]
"""Returns the value as the program wants it; raises ValueError with what was expected."""


def _one_of(*choices: str) -> Check:
    def check(value: object) -> object:
        if value not in choices:
            raise ValueError("one of " + ", ".join(f'"{choice}"' for choice in choices))
        return value

    return check


def _integer(least: int, most: int) -> Check:
    def check(value: object) -> object:
        # JSON does not tell 4 from 4.0, and Python's reader takes Infinity and NaN for numbers.
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
            raise ValueError(f"a whole number from {least} to {most}")
        return value

    return check


def _boolean(value: object) -> object:
    if not isinstance(value, bool):
        raise ValueError("true or false")  # noqa: TRY004 - a value error to the reader of the report
    return value


def _text(value: object) -> object:
    if not isinstance(value, str) or not value.strip():
        raise ValueError("a text that is not empty")
    return value.strip()


def _languages(value: object) -> object:
    if not isinstance(value, Mapping) or not all(
        isinstance(name, str) and isinstance(on, bool) for name, on in value.items()
    ):
        raise ValueError('an object of language ids and true or false, such as {"markdown": false}')
    return dict(value)


def _gpu_layers(value: object) -> object:
    if value == "auto" or value is None:
        return None
    try:
        return _integer(0, 10_000)(value)
    except ValueError:
        raise ValueError('"auto" or a whole number from 0') from None


def _confidence(value: object) -> object:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not -100 <= value <= 0:  # noqa: PLR2004 - bounds named in the message
        raise ValueError("a number from -100 to 0, or null")
    return float(value)


def _option(name: str, check: Check, default: Any) -> Any:  # noqa: ANN401 - each field declares its own type
    return field(default=default, metadata={"name": name, "check": check})


# ruff: noqa: RUF009 - `_option` is an attrs field
@frozen(kw_only=True)
class Settings:
    """Every setting, resolved. `metadata["name"]` of a field is its option's name."""

    model: str = _option("model", _text, "nano")
    engine: EngineChoice = _option("engine", _one_of("auto", "llama.cpp", "ctransformers"), "auto")
    enabled: bool = _option("enabled", _boolean, True)
    languages: Mapping[str, bool] = field(factory=dict, metadata={"name": "languages", "check": _languages}, hash=False)
    context_size: int = _option("contextSize", _integer(256, 131_072), 8192)
    gpu_layers: int | None = _option("gpuLayers", _gpu_layers, None)
    threads: int = _option("threads", _integer(0, 512), 0)
    flash_attention: Literal["auto", "on", "off"] = _option("flashAttention", _one_of("auto", "on", "off"), "auto")
    layout: Literal["auto", "spm", "psm"] = _option("layout", _one_of("auto", "spm", "psm"), "auto")
    multiline: Switch = _option("multiline", _one_of("auto", "always", "never"), "auto")
    max_tokens: int = _option("maxTokens", _integer(1, 1024), 96)
    min_confidence: float | None = _option("minConfidence", _confidence, None)
    debounce_min: int = _option("debounceMin", _integer(0, 10_000), 40)
    debounce_max: int = _option("debounceMax", _integer(0, 10_000), 400)
    prefill_while_typing: Switch = _option("prefillWhileTyping", _one_of("auto", "always", "never"), "auto")
    plain_completion: Switch = _option("plainCompletion", _one_of("auto", "always", "never"), "auto")
    refresh: bool = _option("refresh", _boolean, False)
    log_level: Literal["error", "warning", "info", "debug"] = _option(
        "logLevel", _one_of("error", "warning", "info", "debug"), "info"
    )

    def allows(self, language: str) -> bool:
        """Return whether suggestions are wanted in this language at all."""
        return self.enabled and self.languages.get(language, self.languages.get("*", True))

    def engine_part(self) -> tuple[object, ...]:
        """Return what the loaded engine depends on: a change of it loads the model again."""
        return (self.model, self.engine, self.context_size, self.gpu_layers, self.threads, self.flash_attention)

    def with_engine_part(self, other: Settings) -> Settings:
        """Return these settings with the engine part of others."""
        return evolve(
            self,
            model=other.model,
            engine=other.engine,
            context_size=other.context_size,
            gpu_layers=other.gpu_layers,
            threads=other.threads,
            flash_attention=other.flash_attention,
        )


_BY_NAME: dict[str, Attribute[Any]] = {one.metadata["name"]: one for one in fields(Settings)}


def apply_options(base: Settings, options: object) -> tuple[Settings, list[str]]:
    """Return `base` with an editor's options applied, and a sentence for each that could not be.

    `options` is what came over the wire: nothing about its shape is taken for granted. None changes nothing, and so
    does a field that is null (editors send null for what is not set).
    """
    if options is None:
        return base, []
    if not isinstance(options, Mapping):
        return base, [f"Options must be an object, not {type(options).__name__}."]
    changes: dict[str, Any] = {}
    problems: list[str] = []
    for name, value in options.items():
        known = _BY_NAME.get(name)
        if known is None:
            problems.append(f'Unknown option "{name}"{_hint(str(name))}.')
        elif value is not None:
            try:
                changes[known.name] = known.metadata["check"](value)
            except ValueError as error:
                problems.append(f'Option "{name}" must be {error}, not {value!r:.60}.')
    settings = evolve(base, **changes)
    if settings.debounce_min > settings.debounce_max:
        problems.append('Option "debounceMin" is greater than "debounceMax"; both are set to the smaller.')
        settings = evolve(settings, debounce_min=settings.debounce_max)
    return settings, problems


def _hint(name: str) -> str:
    import difflib  # noqa: PLC0415 - only for a mistake

    close = difflib.get_close_matches(name, _BY_NAME, n=1)
    return f' (did you mean "{close[0]}"?)' if close else ""
