"""The CPU image is built from its container file, started as it is meant to be, and completes code."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from attrs import frozen

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [pytest.mark.slow, pytest.mark.registry, pytest.mark.timeout(3000)]  # it compiles llama.cpp, once

HERE = Path(__file__).parent
REPOSITORY = HERE.parents[1]
CONTAINERFILE = REPOSITORY / "deploy" / "images" / "llama-server.Containerfile"
STORE = REPOSITORY / ".cache" / "containers"
TAG = "starcoder-engine-cpu:test"
KEY = "of-the-test"
PATIENCE = 120.0
_DISK_GB = 10
_WANTED = "STARCODER_IMAGES"


def cannot() -> str:
    """Say why images cannot be built here; nothing where they can."""
    if not os.environ.get(_WANTED):
        return f"compiling llama.cpp takes ten minutes of two cores, which a whole run has not: {_WANTED}=1 does it"
    if sys.platform != "linux" or os.geteuid() != 0:
        return "only root on Linux can"
    if subprocess.run(["unshare", "--mount", "--net", "--pid", "--fork", "true"], check=False).returncode:
        return "namespaces are not allowed here"
    if (free := shutil.disk_usage(REPOSITORY).free / 1e9) < _DISK_GB:
        return f"it takes {_DISK_GB} GB of disk, and {free:.1f} are free"
    packages = HERE.parent / "editors" / "install" / "package.sh"
    if subprocess.run(
        [packages, "buildah", "mmdebstrap", "iproute2"], stdin=subprocess.DEVNULL, check=False
    ).returncode:
        return "buildah and mmdebstrap could not be installed"
    return ""


def buildah(*arguments: str) -> str:
    command: list[str | Path] = ["buildah", "--root", STORE / "root", "--runroot", STORE / "run", *arguments]
    environment = {**os.environ, "STORAGE_DRIVER": "vfs", "BUILDAH_ISOLATION": "chroot"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    return done.stdout.strip()


@frozen
class Container:
    """A running one."""

    pid: int
    """Of its first process."""
    configuration: dict[str, Any]
    """Of its image, as Docker has it."""

    def run(self, *command: str | Path, inside: bool = True, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run a command in its network; `inside`: in its file system and among its processes too."""
        where = ["--net", *(["--mount", "--pid", "--root", "--wd"] if inside else [])]
        return subprocess.run(
            ["nsenter", "--target", str(self.pid), *where, *command],
            capture_output=True,
            text=True,
            timeout=240,
            check=False,
            env={**os.environ, **environment},
        )


@pytest.fixture(scope="module")
def container(nano: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Container]:
    why = cannot()
    if why:
        pytest.skip(f"The CPU image was NOT built: {why}")
    built = subprocess.run(
        [HERE / "build_image.sh", STORE, CONTAINERFILE, TAG, "VARIANTS=OFF"],
        capture_output=True,
        text=True,
        check=False,
    )
    if built.returncode:
        (pytest.fail if os.environ.get("CI") else pytest.skip)(f"The image could not be built:\n{built.stderr[-3000:]}")
    configuration = json.loads(buildah("inspect", "--type", "image", TAG))["Docker"]["config"]
    folder = tmp_path_factory.mktemp("container")
    (folder / "models").mkdir(mode=0o755)
    shutil.copy(nano, folder / "models" / "nano.gguf")
    name = buildah("from", "--pull-never", TAG)
    try:
        root = buildah("mount", name)
        options = ["--model", "/models/nano.gguf", "--ctx-size", "4096", "--parallel", "2", "--threads", "1"]
        command = [*configuration["Entrypoint"], *options]
        variables = [*configuration["Env"], f"LLAMA_API_KEY={KEY}"]
        with (folder / "log").open("wb") as log:
            process = subprocess.Popen(
                [HERE / "run_image.sh", root, folder / "models", configuration["User"], *variables, "--", *command],
                stdout=log,
                stderr=log,
            )
        try:
            yield Container(first_process(process, folder / "log"), configuration)
        finally:
            process.kill()  # which ends what is in its namespace
            process.wait()
    finally:
        buildah("rm", name)


def first_process(process: subprocess.Popen[bytes], log: Path) -> int:
    """Return the server's process id, once it is healthy by its image's own check."""
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end and process.poll() is None:
        pids = children.read_text().split()
        if pids and healthy(Container(int(pids[0]), {})):
            return int(pids[0])
        time.sleep(0.2)
    pytest.fail(f"It did not start:\n{log.read_text(errors='replace')[-3000:]}")


def healthy(one: Container) -> bool:
    return one.run("curl", "--fail", "--silent", "http://127.0.0.1:8000/health").returncode == 0


def test_a_completion_through_it(container: Container, tmp_path: Path) -> None:
    file = tmp_path / "total.py"
    file.write_text("def total(values):\n    result = 0\n    for value in values:\n        res\n    return result\n")
    complete = [sys.executable, "-m", "starcoder_lsp", "complete", f"{file}:4:12", "--json", "--confidence", "0"]
    here = json.loads(subprocess.run(complete, capture_output=True, text=True, check=True, timeout=240).stdout)
    url = ["--engine-url", "http://127.0.0.1:8000", "--engine-key-env", "IT"]
    done = container.run(*complete, *url, inside=False, IT=KEY)
    assert done.returncode == 0, done.stderr
    there = json.loads(done.stdout)
    assert there["insert_text"] == here["insert_text"] != ""
    assert there["joint"] == pytest.approx(here["joint"], abs=5e-3)
    assert there["engine"].startswith("llama-server at http://127.0.0.1:8000")


def test_it_wants_a_key(container: Container) -> None:
    asked = container.run("curl", "--silent", "--output", "/dev/null", "--write-out", "%{http_code}", URL + "/props")
    assert asked.stdout == "401"


def test_its_health_check_passes(container: Container) -> None:
    kind, *command = container.configuration["Healthcheck"]["Test"]
    assert kind == "CMD"
    assert container.run(*command).returncode == 0


def test_it_has_no_rights_and_no_network_and_writes_nowhere(container: Container) -> None:
    status = dict(line.split(":\t", 1) for line in Path(f"/proc/{container.pid}/status").read_text().splitlines())
    assert status["Name"] == "llama-server"
    assert status["Uid"].split() == ["10001"] * 4
    assert status["CapEff"] == status["CapBnd"] == "0" * 16
    assert status["NoNewPrivs"] == "1"
    networks = Path(f"/proc/{container.pid}/net/dev").read_text().splitlines()[2:]
    assert [line.split(":")[0].strip() for line in networks] == ["lo"]
    mounts = [line.split() for line in Path(f"/proc/{container.pid}/mounts").read_text().splitlines()]
    options = {place: set(words.split(",")) for _, place, _, words, *_ in mounts}
    assert "ro" in options["/"]
    assert "ro" in options["/models"]
    assert container.run("touch", "/engine/x").returncode != 0


URL = "http://127.0.0.1:8000"
