"""What `eval repo` found, as figures and as text."""

from __future__ import annotations

from collections import Counter
from statistics import median
from typing import TYPE_CHECKING

from attrs import field, frozen

from starcoder_lsp.evaluation.repo_recall import OURS
from starcoder_lsp.evaluation.repo_rivals import RIVALS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from starcoder_lsp.evaluation.repo_recall import Recalled

__all__ = ["Measured", "lines_of", "report"]

_BEST_OF = ("jaccard", "bm25")
_WIDTH = 26


@frozen
class Measured:
    """One repository, or one language of several.

    Attributes:
        name: for people.
        files: how many are in it.
        symbols: how many definitions.
        index_ms: how long it took to index them, in this process.
        holes: what was recalled at each.
    """

    name: str
    files: int
    symbols: int
    index_ms: float
    holes: Sequence[Recalled] = field(repr=False)


def report(measured: Sequence[Measured], budgets: Sequence[int]) -> dict[str, object]:
    """Return the figures: recall from 0 to 1, by who chose and budget; times in ms.

    `mean` is over the repositories, each counting alike; `by_language` and `pooled` over names.
    """
    holes = [hole for one in measured for hole in one.holes]
    languages = Counter(hole.language for hole in holes)
    return {
        "budgets": list(budgets),
        "repositories": [
            {
                "name": one.name,
                "files": one.files,
                "symbols": one.symbols,
                "index_ms": round(one.index_ms),
                **_figures(one.holes, budgets),
            }
            for one in measured
        ],
        "by_language": {
            language: _figures([hole for hole in holes if hole.language == language], budgets)
            for language, _count in languages.most_common()
        },
        "pooled": _figures(holes, budgets),
        "mean": _mean([one.holes for one in measured if one.holes], budgets),
    }


def _figures(holes: Sequence[Recalled], budgets: Sequence[int]) -> dict[str, object]:
    names = sum(hole.names for hole in holes)
    times = sorted(time for hole in holes for time in hole.rank_ms)
    return {
        "holes": len(holes),
        "names": names,
        "recall": _recall(holes, budgets),
        "rank_ms": {"median": round(median(times), 2), "p95": round(times[int(0.95 * (len(times) - 1))], 2)}
        if times
        else {},
    }


def _recall(holes: Sequence[Recalled], budgets: Sequence[int]) -> dict[str, dict[str, float]]:
    names = sum(hole.names for hole in holes)
    choosers = [one for one in (OURS, *RIVALS) if holes and one in holes[0].found]
    return {
        chooser: {
            str(budget): round(sum(hole.found[chooser][index] for hole in holes) / max(1, names), 4)
            for index, budget in enumerate(budgets)
        }
        for chooser in choosers
    }


def _mean(groups: Sequence[Sequence[Recalled]], budgets: Sequence[int]) -> dict[str, dict[str, float]]:
    each = [_recall(holes, budgets) for holes in groups]
    return {
        chooser: {
            str(budget): round(sum(one[chooser][str(budget)] for one in each) / len(each), 4) for budget in budgets
        }
        for chooser in (each[0] if each else ())
    }


def lines_of(figures: dict[str, object]) -> Iterator[str]:
    """Yield the figures as a table for people."""
    budgets, mean = figures["budgets"], figures["mean"]
    repositories, languages = figures["repositories"], figures["by_language"]
    assert isinstance(budgets, list)  # noqa: S101 - as `report` made them
    assert isinstance(mean, dict)  # noqa: S101
    assert isinstance(repositories, list)  # noqa: S101
    assert isinstance(languages, dict)  # noqa: S101
    choosers = [one for one in mean if one != "nothing"]
    yield (
        f"Share of the needed names that stand in the context, at {', '.join(map(str, budgets))} tokens "
        f"({figures['tokens']}):"
    )
    yield ""
    yield f"{'':{_WIDTH}} {'files':>6} {'names':>6} {'rank':>7}  " + "  ".join(
        f"{chooser:^{5 * len(budgets)}}" for chooser in choosers
    )
    for one in repositories:
        yield _row(one["name"], one, choosers, budgets)
    if len(languages) > 1:
        yield ""
        for language, one in languages.items():
            yield _row(language, one, choosers, budgets)
    yield ""
    yield f"{'mean of repositories':{_WIDTH}} {'':6} {'':6} {'':7}  " + _cells(mean, choosers, budgets)
    best = _best_rival(mean, budgets)
    if best:
        yield f"{'against the better of ' + ' and '.join(_BEST_OF):{_WIDTH}}  {best}"
    model = figures.get("model")
    if isinstance(model, dict):
        yield ""
        yield from _model_lines(model)


def _row(name: str, one: dict[str, object], choosers: Iterable[str], budgets: Sequence[int]) -> str:
    recall, times = one["recall"], one["rank_ms"]
    assert isinstance(recall, dict)  # noqa: S101 - as `report` made them
    assert isinstance(times, dict)  # noqa: S101
    took = f"{times['median']:.1f} ms" if times else ""
    cells = _cells(recall, choosers, budgets) if one["names"] else "no name that only another file knows"
    return f"{name[:_WIDTH]:{_WIDTH}} {one.get('files', '')!s:>6} {one['names']!s:>6} {took:>7}  {cells}"


def _cells(recall: dict[str, dict[str, float]], choosers: Iterable[str], budgets: Sequence[int]) -> str:
    return "  ".join(
        " ".join(f"{recall[chooser][str(budget)]:.2f}" for budget in budgets).ljust(5 * len(budgets))
        for chooser in choosers
    )


def _best_rival(mean: dict[str, dict[str, float]], budgets: Sequence[int]) -> str:
    if not all(one in mean for one in _BEST_OF):
        return ""
    ratios = []
    for budget in map(str, budgets):
        best = max(mean[one][budget] for one in _BEST_OF)
        ratios.append(f"{mean[OURS][budget] / best:.2f}" if best else "-")
    return "times " + ", ".join(ratios)


def _model_lines(model: dict[str, object]) -> Iterator[str]:
    yield (
        f"{model['name']} at {model['holes']} holes, {model['context_tokens']} tokens of context on the average "
        f"(at most {model['budget']}):"
    )
    yield ""
    yield f"{'':16} {'exact':>7} {'names':>7}   {'right and wrong of 100 characters, gate on':^44} {'gate off':^14}"
    for title in ("without_context", "with_context"):
        side = model[title]
        assert isinstance(side, dict)  # noqa: S101 - as `repo_model.figures` made it
        on, off = (
            f"{side[gate]['right_per_100']:6.1f} {side[gate]['wrong_per_100']:6.1f}" for gate in ("gate_on", "gate_off")
        )
        name = title.replace("_", " ")
        yield f"{name:16} {side['exact_match']:7.1%} {side['names']:7.1%}   {on:^44} {off:^14}"
