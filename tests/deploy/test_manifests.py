"""What `deploy/` says holds together: valid by their schemas, locked, and naming each other rightly."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from copy import deepcopy
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

DEPLOY = Path(__file__).resolve().parents[2] / "deploy"
BASE = DEPLOY / "kubernetes" / "base"


def read(path: Path) -> list[dict[str, Any]]:
    return [one for one in yaml.safe_load_all(path.read_text()) if one]


def applied(kustomization: Path) -> list[dict[str, Any]]:
    """Return what a kustomization applies: its resources, with its patches merged in."""
    plan = read(kustomization / "kustomization.yaml")[0]
    objects: list[dict[str, Any]] = []
    for name in plan.get("resources", []):
        path = (kustomization / name).resolve()
        objects += applied(path) if path.is_dir() else read(path)
    for patch in plan.get("patches", []):
        change = read(kustomization / patch["path"])[0]
        matching = [one for one in objects if key(one) == key(change)]
        assert len(matching) == 1, f"{patch['path']} patches nothing"
        objects[objects.index(matching[0])] = merged(matching[0], change)
    return objects


def key(one: dict[str, Any]) -> tuple[str, str]:
    return one["kind"], one["metadata"]["name"]


def merged(old: Any, new: Any) -> Any:
    """Merge as kubectl does: maps by their keys (null removes), lists of named things by their names."""
    if isinstance(old, dict) and isinstance(new, dict):
        both = {name: merged(old.get(name), value) for name, value in new.items() if value is not None}
        return {**{name: value for name, value in old.items() if name not in new}, **both}
    if isinstance(old, list) and isinstance(new, list) and all(isinstance(one, dict) and "name" in one for one in new):
        named = {one["name"]: one for one in deepcopy(old)}
        for one in new:
            named[one["name"]] = merged(named.get(one["name"], {}), one)
        return list(named.values())
    return new


KINDS = {"gpu": applied(BASE), "cpu": applied(DEPLOY / "kubernetes" / "cpu")}


def find(kind: str, name: str, objects: list[dict[str, Any]]) -> dict[str, Any]:
    return next(one for one in objects if key(one) == (kind, name))


def workloads(objects: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [one for one in objects if one["kind"] in ("Deployment", "StatefulSet")]


@pytest.mark.parametrize("objects", KINDS.values(), ids=KINDS)
def test_all_are_valid(objects: list[dict[str, Any]]) -> None:
    assert len(objects) >= 10
    for one in objects:
        kubernetes_validate.validate(one, "1.37", strict=True)


@pytest.mark.parametrize("objects", KINDS.values(), ids=KINDS)
def test_containers_are_locked_and_limited_and_probed(objects: list[dict[str, Any]]) -> None:
    for workload in workloads(objects):
        pod = workload["spec"]["template"]["spec"]
        assert pod["securityContext"]["runAsNonRoot"]
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert pod["automountServiceAccountToken"] is False
        for container in pod["containers"]:
            locked = container["securityContext"]
            assert locked["readOnlyRootFilesystem"]
            assert locked["allowPrivilegeEscalation"] is False
            assert locked["capabilities"] == {"drop": ["ALL"]}
            assert {"memory"} <= set(container["resources"]["limits"])
            assert {"cpu", "memory"} <= set(container["resources"]["requests"])
            assert {"readinessProbe", "livenessProbe"} <= set(container)
            mounted = {mount["name"] for mount in container["volumeMounts"]}
            assert mounted == {volume["name"] for volume in pod["volumes"]}


@pytest.mark.parametrize("objects", KINDS.values(), ids=KINDS)
def test_they_name_each_other_rightly(objects: list[dict[str, Any]]) -> None:
    pods = {one["metadata"]["name"]: one["spec"]["template"]["metadata"]["labels"] for one in workloads(objects)}
    for one in objects:
        spec = one.get("spec", {})
        if one["kind"] in ("Service", "PodDisruptionBudget", "NetworkPolicy"):
            selector = spec.get("selector") or spec.get("podSelector")
            wanted = selector.get("matchLabels", {} if one["kind"] == "NetworkPolicy" else selector)
            assert any(wanted.items() <= labels.items() for labels in pods.values()), key(one)
    engine, scaling = find("StatefulSet", "engine", objects), find("HorizontalPodAutoscaler", "engine", objects)
    assert engine["spec"]["serviceName"] == find("Service", "engine", objects)["metadata"]["name"]
    assert scaling["spec"]["scaleTargetRef"]["name"] == "engine"
    metric = scaling["spec"]["metrics"][0]["pods"]["metric"]["name"]
    assert read(DEPLOY / "kubernetes" / "prometheus-adapter.yaml")[0]["rules"]["custom"][0]["name"]["as"] == metric
    balanced = re.findall(
        r'^    server engine-(\d+) "engine-\1\$\{ENGINE_DOMAIN\}:8000"$', configuration(), re.MULTILINE
    )
    assert [int(one) for one in balanced] == list(range(scaling["spec"]["maxReplicas"]))
    balancer = find("Deployment", "balancer", objects)["spec"]["template"]["spec"]["containers"][0]
    domain = next(one["value"] for one in balancer["env"] if one["name"] == "ENGINE_DOMAIN")
    assert domain == f".engine.{find('Namespace', 'starcoder', objects)['metadata']['name']}.svc.cluster.local"


def configuration() -> str:
    return (DEPLOY / "haproxy" / "haproxy.cfg").read_text()


def test_an_engine_can_open_no_connection() -> None:
    policies = [one["spec"] for one in KINDS["gpu"] if one["kind"] == "NetworkPolicy"]
    engine = next(
        one for one in policies if one["podSelector"].get("matchLabels", {}).get("app.kubernetes.io/name") == "engine"
    )
    assert "Egress" in engine["policyTypes"]
    assert "egress" not in engine
    assert {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]} in policies
    assert yaml.safe_load((DEPLOY / "compose.yaml").read_text())["networks"]["engines"] == {"internal": True}


def test_the_hosts_cpu_kind_asks_for_no_gpu() -> None:
    engine = find("StatefulSet", "engine", KINDS["cpu"])["spec"]["template"]["spec"]["containers"][0]
    assert "nvidia.com/gpu" not in engine["resources"]["limits"]
    assert engine["image"] == "starcoder-engine-cpu"


def test_images_are_pinned_and_the_same_everywhere() -> None:
    said = "\n".join(
        path.read_text() for path in DEPLOY.rglob("*") if path.is_file() and path.suffix in (".yaml", ".Containerfile")
    )
    for name in ("haproxy", "starcoder-engine-gpu", "starcoder-engine-cpu"):
        tags = set(re.findall(rf"{name}:([\w.-]+)", said))
        assert len(tags) == 1, (name, tags)
    assert "latest" not in said
    assert all(":" in line.rsplit("/", 1)[-1] for line in re.findall(r"^FROM (\S+)", said, re.MULTILINE))


@pytest.mark.parametrize("file", sorted(one.name for one in (DEPLOY / "images").glob("*.Containerfile")))
def test_hadolint_has_nothing_to_say(file: str) -> None:
    lint(Path(sys.executable).with_name("hadolint"), "--failure-threshold", "info", DEPLOY / "images" / file)


def test_the_compose_file_has_no_hole_that_a_linter_knows(tmp_path: Path) -> None:
    shutil.copytree(DEPLOY, tmp_path / "deploy")  # in a home folder, what it mounts would be called the home's
    lint(Path(sys.executable).with_name("compose-lint"), tmp_path / "deploy" / "compose.yaml")


def lint(*command: str | Path) -> None:
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
