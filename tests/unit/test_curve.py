from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from attrs import evolve

from starcoder_lsp.completer import About
from starcoder_lsp.completion.curve import DEFAULT, LEVELS, Curve, checked, isotonic
from starcoder_lsp.completion.gate import OPEN, Gate
from starcoder_lsp.errors import ConfigError
from starcoder_lsp.models.catalogue import shipped_model
from starcoder_lsp.models.gguf import read_header
from starcoder_lsp.models.measured import KEY, places, read_curve, write_curve
from starcoder_lsp.models.stamp import stamp

if TYPE_CHECKING:
    from pathlib import Path

    from starcoder_lsp.models.gguf import GGUFHeader

CURVE = Curve(((0.1, 0.4), (0.5, 0.8), (0.9, 0.95)), 300)


def test_a_level_is_the_least_threshold_that_is_right_often_enough() -> None:
    assert CURVE.threshold("bold") == pytest.approx(0.1 + 0.4 * (2 / 3 - 0.4) / 0.4)
    assert CURVE.threshold("balanced") == pytest.approx(0.5)
    assert CURVE.threshold("careful") == pytest.approx(0.5 + 0.4 * 0.1 / 0.15)
    assert CURVE.precision(0.3) == pytest.approx(0.6)
    assert (CURVE.precision(0.0), CURVE.precision(1.0)) == (0.4, 0.95)


def test_a_model_that_is_never_right_enough_shows_almost_nothing_and_a_good_one_much() -> None:
    assert Curve(((0.1, 0.1), (0.9, 0.3))).threshold("bold") == 0.98
    assert Curve(((0.0, 0.95), (0.9, 0.99))).threshold("careful") == 0.02


def test_levels_are_in_order_without_a_measurement_too() -> None:
    thresholds = [DEFAULT.threshold(level) for level in LEVELS]
    assert thresholds == sorted(thresholds)
    assert DEFAULT.holes == 0


def test_pooling_makes_shares_rise_and_keeps_their_weighted_mean() -> None:
    points = [(0.1, 0.5, 10.0), (0.2, 0.4, 10.0), (0.3, 0.7, 10.0), (0.4, 0.6, 30.0), (0.5, 0.9, 1.0)]
    rising = isotonic(points)
    assert rising == [(0.1, 0.45), (0.2, 0.45), (0.3, 0.625), (0.4, 0.625), (0.5, 0.9)]
    assert isotonic([]) == []


def test_the_knob_is_a_gate_of_the_model() -> None:
    about = About("m", "e", 100, curve=CURVE)
    assert about.gate("balanced") == Gate(CURVE.threshold("balanced"))
    assert about.gate(0.25) == Gate(0.25)
    assert about.gate("careful", by_hand=True) == Gate(CURVE.threshold("bold"), something=True)
    assert about.gate(0.2, by_hand=True) == Gate(0.2, something=True)  # bolder than bold already
    assert evolve(about, has_logprobs=False).gate("careful") is OPEN


@pytest.mark.parametrize(
    "numbers",
    [
        None, 3, "0.1", [], [300.0], [300, 0.1], [300, 0.1, 0.5, 0.2], [300, 0.2, 0.5, 0.1, 0.6],
        [300, 0.1, 0.6, 0.2, 0.5], [300, 0.1, 1.5], [300, 1.1, 0.5], [-1, 0.1, 0.5], [300, "a", 0.5],
        [300, float("nan"), 0.5],
    ],
)  # fmt: skip
def test_what_is_no_curve_is_none(numbers: object) -> None:
    assert checked(numbers) is None


def test_a_curve_survives_being_written_as_numbers() -> None:
    assert checked(json.loads(json.dumps(CURVE.numbers()))) == CURVE


@pytest.fixture
def header(tmp_path: Path) -> GGUFHeader:
    """A copy of the shipped model, without a curve of its own."""
    path = tmp_path / "m.gguf"
    path.write_bytes(shipped_model().read_bytes())
    found = read_header(path)
    return evolve(found, metadata={key: value for key, value in found.metadata.items() if key != KEY})


def test_it_is_kept_beside_the_model_and_read_again(header: GGUFHeader) -> None:
    assert read_curve(header) == DEFAULT
    assert write_curve(header, CURVE) == header.path.with_name("m.gguf.confidence.json")
    assert read_curve(header) == CURVE


def test_one_that_belongs_to_another_model_is_not_taken(header: GGUFHeader) -> None:
    write_curve(header, CURVE)
    assert read_curve(evolve(header, file_bytes=header.file_bytes + 1)) == DEFAULT


@pytest.mark.parametrize("content", ["", "{", "[]", "{}", '{"model_bytes": 1}', '{"curve": 3}', "\0"])
def test_a_damaged_one_is_ignored(header: GGUFHeader, content: str) -> None:
    places(header)[0].write_text(content, encoding="utf-8")
    assert read_curve(header) == DEFAULT


def test_where_the_models_folder_cannot_be_written_the_users_own_is_used(
    header: GGUFHeader, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("starcoder_lsp.models.measured.user_data_path", lambda *_a, **_k: tmp_path / "data")
    places(header)[0].mkdir()  # so that no file can be written there
    kept = write_curve(header, CURVE)
    assert kept.parent == tmp_path / "data" / "measured"
    assert read_curve(header) == CURVE
    kept.unlink()
    kept.mkdir()
    with pytest.raises(ConfigError, match="can be written"):
        write_curve(header, CURVE)


@pytest.mark.slow
def test_a_stamped_file_says_it_itself_and_is_the_same_otherwise(header: GGUFHeader) -> None:
    path = header.path
    old = read_header(path)
    vocabulary = old.vocabulary()
    stamp(path, KEY, json.dumps(CURVE.numbers()), without=frozenset({"starcoder_lsp.layout"}))
    new = read_header(path)
    assert read_curve(new) == CURVE
    gone = {"starcoder_lsp.layout", KEY}
    assert set(new.metadata) - {KEY} == set(old.metadata) - gone
    scalars = {key: value for key, value in old.metadata.items() if isinstance(value, (str, int, float))}
    assert {key: new.metadata[key] for key in scalars if key not in gone} == {
        key: value for key, value in scalars.items() if key not in gone
    }
    assert new.vocabulary() == vocabulary
    assert (new.parameters, new.tensor_count, new.quantisation) == (old.parameters, old.tensor_count, old.quantisation)
    assert [one.name for one in path.parent.iterdir()] == ["m.gguf"]
    stamp(path, KEY, "nonsense")
    assert read_curve(read_header(path)) == DEFAULT
