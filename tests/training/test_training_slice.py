"""The recipe on a small slice: loss falls, the exported GGUF loads in llama.cpp and computes what PyTorch computes."""  # noqa: INP001 (a package here would be called `training`)

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
NEEDED = ("torch", "datasketch", "gguf", "tokenizers", "xllamacpp", "tree_sitter_python")

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1500)]


def _python_with_torch() -> Path:
    """This interpreter if it has what training needs, else that of a virtual environment in .cache, made once."""
    if tuple(sys.version_info) < (3, 11):  # a tuple, or mypy thinks it knows
        pytest.skip("training needs Python 3.11 (tomllib)")
    if all(importlib.util.find_spec(name) for name in NEEDED):
        return Path(sys.executable)
    folder = ROOT / ".cache" / "training-venv"
    python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    complete = folder / "complete"
    if not complete.exists():
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(folder)], check=True)
        command = [str(python), "-m", "pip", "install", "-q", "-r", str(ROOT / "training" / "requirements.txt")]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            reason = f"PyTorch cannot be installed here, so training is NOT TESTED: {done.stderr.strip()[-400:]}"
            if os.environ.get("CI") == "true":
                pytest.fail(reason)
            pytest.skip(reason)
        complete.touch()
    return python


@pytest.fixture(scope="module")
def smoke(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The report of one run of training/smoke.py."""
    folder = tmp_path_factory.mktemp("training")
    command = [str(_python_with_torch()), str(ROOT / "training" / "smoke.py"), str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=1400)
    assert done.returncode == 0, done.stderr[-4000:]
    report: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return report


def test_loss_falls(smoke: dict[str, Any]) -> None:
    assert smoke["first_loss"] > 6
    assert smoke["last_loss"] < smoke["first_loss"] - 1.5


def test_attention_and_loss_compute_what_pytorch_does(smoke: dict[str, Any]) -> None:
    differences = smoke["differences"]
    assert differences.pop("loss in bfloat16, relative") < 0.01
    assert len(differences) == 4
    assert all(one < 1e-4 for one in differences.values()), differences


def test_llama_cpp_computes_what_pytorch_computes(smoke: dict[str, Any]) -> None:
    exact, quantised = smoke["parity"]["f32"], smoke["parity"]["q8_0"]
    assert exact["positions"] >= 16
    assert exact["same_tokens"] == exact["positions"]
    assert exact["largest"] < 0.05  # nats; llama.cpp keeps keys and values in f16
    assert quantised["largest"] < 0.5
    assert quantised["same_tokens"] >= 0.8 * quantised["positions"]


def test_text_never_becomes_a_control_token(smoke: dict[str, Any]) -> None:
    assert smoke["control_ids_from_text"] == []


def test_a_held_out_package_stays_out(smoke: dict[str, Any]) -> None:
    assert smoke["kept_bytes"]["heldout.jsonl python"] > 50_000
    assert smoke["kept_bytes"]["train.jsonl python"] > 300_000


def test_a_run_can_begin_from_a_gguf(smoke: dict[str, Any]) -> None:
    begun = smoke["begun_from_gguf"]
    assert begun["shape_kept"]
    assert begun["same_ids"]
    assert 0 < begun["largest_relative_error"] < 0.01  # Q8_0 keeps seven bits and a sign


def test_rows_come_as_packed_shards_in_order_and_the_same_again(smoke: dict[str, Any]) -> None:
    shards = smoke["shards"]
    assert shards["type"] == "uint16"
    assert shards["shapes"] == [[3, 257], [2, 257], [1, 257]]
    assert shards["same_again"]
    assert 0 < shards["middles"] < 0.5


def test_a_dry_run_eats_what_it_was_told_to(smoke: dict[str, Any]) -> None:
    assert smoke["shards"]["dry_run"]["tokens_per_s"] <= 2_100
    assert 0 <= smoke["shards"]["dry_run"]["waited"] <= 1


def test_an_adapter_learns_and_llama_cpp_applies_it(smoke: dict[str, Any]) -> None:
    lora = smoke["lora"]
    assert lora["steps"] == 30
    assert lora["loss_adapted"] < lora["loss_without"]  # on the same rows
    assert lora["adapted"]["largest"] < 0.05  # nats
    assert lora["adapted"]["same_tokens"] == lora["adapted"]["positions"]
    assert lora["adapted_against_bare"]["largest"] > 0.5  # without it llama.cpp computes something else
