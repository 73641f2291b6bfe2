"""Warnings of a preview about the ends of versions, and about pairs of Kubernetes with Calico or metrics-server."""

from __future__ import annotations

import datetime as dt
import hashlib
from pathlib import Path

import pulumi
import pytest

from components.addons.calico import CALICO, calico_images, version_of
from components.review.registries import registry_warning
from components.review.support import near_end, support_warnings
from components.settings import support
from components.settings.manifest_sources import manifest_sources
from components.settings.stack_file import parse_settings
from components.settings.versions import NEWEST_MINOR, OLDEST_MINOR, calico_line, default_calico
from components.steps.last_update import LastUpdate
from tests.unit.support.planning import state_of, wanted_by
from tests.unit.support.recording import record, stack_of
from tests.unit.support.stacks import CALICO_MANIFEST, Stack, problems, smallest, with_workers

TODAY = dt.date(2026, 11, 26)
SINGLE_IMAGE = CALICO_MANIFEST.replace("docker.io/calico/cni:", "quay.io/calico/calico:").replace(
    "docker.io/calico/kube-controllers:", "quay.io/calico/calico:"
)


def with_calico(directory: Path, version: str, kubernetes: str, manifest: str = CALICO_MANIFEST) -> Stack:
    """A stack with a manifest of this Calico."""
    stack = stack_of(directory, version=kubernetes)
    text = manifest.replace("v3.28.5", f"v{version}")
    (directory / f"calico-{version}.yaml").write_text(text)
    stack["calico"] = {
        "manifestUrl": (directory / f"calico-{version}.yaml").as_uri(),
        "manifestSha256": hashlib.sha256(text.encode()).hexdigest(),
    }
    return stack


def up(stack: Stack) -> LastUpdate:
    """The cluster of a stack, after its first update."""
    return state_of(record(stack, preview=False))


def warnings(stack: Stack, last: LastUpdate | None = None, today: dt.date = TODAY) -> list[str]:
    """The printed warnings of a preview of a stack without a dashboard."""
    stack = stack | {"dashboard": {"kind": "none"}}
    return [str(each) for each in support_warnings(wanted_by(stack, last or LastUpdate()), today)]


def test_the_archived_dashboard_is_warned_of(directory: Path) -> None:
    """Headlamp gets patches, and a stack may have none."""
    found = {}
    for kind in ("kubernetes-dashboard", "headlamp", "none"):
        wanted = wanted_by(with_calico(directory, "3.32.1", "1.36.3") | {"dashboard": {"kind": kind}}, LastUpdate())
        found[kind] = [str(each).partition(":")[0] for each in support_warnings(wanted, TODAY)]
    assert found == {"kubernetes-dashboard": ["dashboard.kind"], "headlamp": [], "none": []}


@pytest.mark.parametrize(
    ("kind", "image", "found"),
    [
        ("headlamp", "hub.example.com:5000/docker/kubernetesui/dashboard:v2.7.0", "of kubernetes-dashboard"),
        ("kubernetes-dashboard", "ghcr.io/headlamp-k8s/headlamp@sha256:0a", "of headlamp"),
        ("headlamp", "hub.example.com/headlamp-k8s/headlamp:v0.46.0", ""),
        ("headlamp", "hub.example.com/dashboard:v1", ""),
        ("none", "kubernetesui/dashboard:v2.7.0", ""),
    ],
)
def test_an_image_of_another_dashboard_is_refused(kind: str, image: str, found: str) -> None:
    """An edit of the kind alone leaves it: the update would wait for pods that end at once."""
    stack = smallest() | {"dashboard": {"kind": kind, "image": image}}
    expected = f"dashboard.image: an image of {kind}, found {image} {found}; correct either"
    assert problems(stack) == ([expected] if found else [])


def test_every_minor_from_the_oldest_to_the_newest_has_a_row() -> None:
    """Settings accept a version by its minor."""
    assert list(support.KUBERNETES) == list(range(OLDEST_MINOR, NEWEST_MINOR + 1))
    ends = [row.end for row in support.KUBERNETES.values()]
    assert ends == sorted(ends)


@pytest.mark.parametrize(
    ("today", "seen"),
    [
        (dt.date(2027, 4, 28), None),
        (dt.date(2027, 4, 29), "1.36, whose patches end on 2027-06-28"),
        (dt.date(2027, 6, 28), "1.36, whose patches end on 2027-06-28"),
        (dt.date(2027, 6, 29), "1.36, whose patches ended on 2027-06-28"),
    ],
)
def test_an_end_is_near_from_60_days_before_on(today: dt.date, seen: str | None) -> None:
    """And stays so."""
    assert near_end("1.36.3", today) == seen


def test_a_version_near_its_end_is_warned_of_with_those_that_live_on(directory: Path) -> None:
    """The next version may be near its end, too."""
    stack = with_calico(directory, "3.31.7", "1.34.4")
    (warning,) = warnings(stack)
    assert warning == (
        "cluster.kubernetesVersion: expected a minor version of Kubernetes with patches for more than 60 days,\n"
        "  saw 1.34, whose patches ended on 2026-10-27\n"
        "  Next: upgrade to 1.35 or 1.36 or 1.37, one minor version after the other, with `pulumi up` after each"
    )
    assert "upgrade to 1.36 or 1.37," in warnings(stack, today=dt.date(2027, 1, 15))[0]


def test_the_end_of_the_newest_version_asks_for_a_newer_project(directory: Path) -> None:
    """There is no version to upgrade to."""
    (warning,) = warnings(with_calico(directory, "3.33.0", "1.37.2"), today=dt.date(2027, 10, 1))
    assert "take a version of this project that knows newer ones" in warning


def test_a_tested_pair_within_its_time_is_passed_over(directory: Path) -> None:
    """Nobody reads what is always there."""
    assert warnings(with_calico(directory, "3.32.1", "1.36.3")) == []


@pytest.mark.parametrize(
    ("calico", "kubernetes", "seen", "following"),
    [
        ("3.28.5", "1.36.3", "3.28.5, tested with 1.27 to 1.30", "set calico.version to 3.32.1 in"),
        ("3.32.1", "1.33.5", "3.32.1, tested with 1.34 to 1.36", "set calico.version to 3.31.7 in"),
        ("3.28.5", "1.24.3", "3.28.5, tested with 1.27 to 1.30", "set calico.version to 3.26.5 in"),
        ("3.32.1", "1.37.2", "3.32.1, tested with 1.34 to 1.36", "to a manifest of Calico 3.33;"),
        ("3.99.0", "1.36.3", "3.99.0, of which docs/versions.md says nothing", "set calico.version to 3.32.1 in"),
        ("master", "1.36.3", "a manifest that names no version of Calico", "set calico.version to 3.32.1 in"),
    ],
)
def test_a_pair_that_nobody_tests_is_said(
    directory: Path, calico: str, kubernetes: str, seen: str, following: str
) -> None:
    """By the image that nodes pull: `calico.version` says nothing of a manifest of one's own."""
    found = [each for each in warnings(with_calico(directory, calico, kubernetes)) if each.startswith("calico.version")]
    assert len(found) == 1
    assert f"saw {seen}\n" in found[0]
    assert following in found[0]


@pytest.mark.parametrize(
    ("version", "in_manifest", "expected"),
    [
        ("3.31.7", "3.32.1", "the manifest: 3.32.1,\n  saw 3.31.7, which has no effect"),
        ("3.31.7", "master", "the manifest: it names none,\n  saw 3.31.7, which has no effect"),
        ("3.32.1", "3.32.1", None),
        (None, "3.32.1", None),
    ],
)
def test_a_version_of_calico_that_a_manifest_replaces_is_said(
    directory: Path, version: str | None, in_manifest: str, expected: str | None
) -> None:
    """Somebody who edits the version waits for the new Calico without end."""
    stack = with_calico(directory, in_manifest, "1.36.3")
    stack["calico"] |= {"version": version} if version else {}
    found = [each for each in warnings(stack) if "which has no effect" in each]
    assert len(found) == (1 if expected else 0)
    assert (expected or "") in "".join(found)


@pytest.mark.parametrize(
    ("kubernetes", "calico"),
    [("1.24.3", "3.26.5"), ("1.27.16", "3.28.5"), ("1.29.15", "3.29.7"), ("1.33.13", "3.31.7"), ("1.36.3", "3.32.1")],
)
def test_the_default_calico_follows_kubernetes(kubernetes: str, calico: str) -> None:
    """The newest listed one that its makers test with the version."""
    assert parse_settings(with_workers(version=kubernetes)).listed_calico == calico


def test_the_default_calico_of_a_kubernetes_that_no_listed_one_is_tested_with_is_the_newest() -> None:
    """The preview then names the line that is tested."""
    assert default_calico("1.37.2") == "3.32.1"


@pytest.mark.parametrize("minor", range(OLDEST_MINOR, NEWEST_MINOR))
def test_the_default_calico_of_a_kubernetes_works_with_the_next_one(minor: int) -> None:
    """An upgrade of both begins with Kubernetes, whose new nodes have the old Calico."""
    line = calico_line(default_calico(f"1.{minor}.0"))
    assert line is not None
    assert line.is_tested_with(minor + 1) or default_calico(f"1.{minor + 1}.0") == default_calico(f"1.{minor}.0")


def test_a_pair_that_nobody_tests_is_not_refused() -> None:
    """Its makers say that it may work, and a cluster that has it must not be stuck."""
    assert problems(with_workers(version="1.33.0") | {"calico": {"version": "3.32.1"}}) == []


def test_calico_moves_before_an_upgrade_of_kubernetes_that_it_is_not_tested_with(directory: Path) -> None:
    """Kubernetes is upgraded first in an update that changes both."""
    last = up(with_calico(directory, "3.30.7", "1.35.4"))
    for wanted in ("3.30.7", "3.32.1"):
        warning, _ = warnings(with_calico(directory, wanted, "1.36.3"), last)
        assert warning == (
            "calico.version: expected a Calico that is tested with Kubernetes 1.35 and 1.36, before the upgrade,\n"
            "  saw 3.30.7, tested with 1.31 to 1.35, in the cluster\n"
            "  Next: leave cluster.kubernetesVersion at 1.35.4, set calico.version to 3.32.1"
            " in the place of calico.manifestUrl and calico.manifestSha256, `pulumi up`, then upgrade"
        )


def test_an_upgrade_with_a_calico_that_is_tested_with_both_is_passed_over(directory: Path) -> None:
    """Calico moved in an earlier update, or need not move."""
    last = up(with_calico(directory, "3.32.1", "1.35.4"))
    assert [each.partition(":")[0] for each in warnings(with_calico(directory, "3.32.1", "1.36.3"), last)] == [
        "containerd.package"
    ]


PRIVATE = {"url": "https://hub.example.com/apt", "keyring": "https://hub.example.com/key", "fingerprint": "A" * 40}
OLD_CONTAINERD = (
    "containerd.package: expected containerd 2.2.0 or newer, which its makers recommend for Kubernetes 1.36,\n"
    "  saw containerd of the distribution on node1; that of Debian 12 is 1.6, of Debian 13 1.7\n"
    "  Next: name the package and a repository that has it, docs/how-to/containerd-package.md"
)


@pytest.mark.parametrize(
    ("sections", "expected"),
    [
        ({}, []),
        ({"packages": {"repository": PRIVATE}}, [OLD_CONTAINERD]),
        ({"containerd": {"package": "containerd"}}, [OLD_CONTAINERD]),
        ({"containerd": {"package": "containerd", "repository": PRIVATE}}, []),
    ],
)
def test_a_containerd_of_the_distribution_is_warned_of_where_its_makers_recommend_2(
    directory: Path, sections: Stack, expected: list[str]
) -> None:
    """A network with mirrors only does not reach Docker's repository, so it stays there, too."""
    assert warnings(with_calico(directory, "3.32.1", "1.36.3") | sections) == expected
    assert warnings(with_calico(directory, "3.32.1", "1.35.4") | sections) == []


@pytest.mark.parametrize("minor", range(OLDEST_MINOR, NEWEST_MINOR))
def test_some_calico_is_tested_with_both_sides_of_each_upgrade(minor: int) -> None:
    """The warning has always something to name."""
    assert any(line.is_tested_with(minor, minor + 1) for line in support.CALICO.values())


def test_listed_manifests_are_of_known_lines_in_order() -> None:
    """The last one that fits is the newest."""
    versions = list(manifest_sources("calico"))
    assert all(calico_line(version) for version in versions)
    assert versions == sorted(versions, key=lambda version: [int(number) for number in version.split(".")])


def test_a_calico_of_a_single_image_is_pulled_once_for_two_containers(directory: Path) -> None:
    """From 3.33 on the image of the CNI programs is that of the controllers, too."""
    stack = with_calico(directory, "3.33.0", "1.37.2", SINGLE_IMAGE)
    settings = parse_settings(stack)
    early = ["docker.io/calico/node:v3.33.0", "quay.io/calico/calico:v3.33.0"]
    assert calico_images(settings) == early
    assert CALICO.images(settings) == early
    assert warnings(stack) == []


def test_a_registry_without_a_rule_is_warned_of_in_a_stack_with_rules(directory: Path) -> None:
    """As when a newer Calico moves to quay.io."""
    stack = with_calico(
        directory, "3.33.0", "1.37.2", SINGLE_IMAGE.replace("docker.io/calico/node", "quay.io/calico/node")
    )
    assert str(registry_warning(parse_settings(stack))) == (
        "images.rewrite: expected a rule for each registry, as for registry.k8s.io, docker.io,\n"
        "  saw none for quay.io, from which hosts pull quay.io/calico/node:v3.33.0\n"
        f"  Next: make mirror STACK={pulumi.get_stack()} TO=REGISTRY copies the images and prints the rules;"
        " `quay.io: quay.io` goes on as it is"
    )


@pytest.mark.parametrize(
    ("section", "value"),
    [
        ("images", {"rewrite": {}}),
        (
            "images",
            {"rewrite": {"docker.io": "hub.example.com", "quay.io": "quay.io", "registry.k8s.io": "hub:5000/k8s"}},
        ),
        ("containerd", {"registries": {"quay.io": {"mirrors": ["https://hub.example.com"]}}}),
    ],
)
def test_a_registry_that_the_stack_names_is_passed_over(directory: Path, section: str, value: object) -> None:
    """By a rule, also one that leads to itself, or by its mirrors; and every registry in a stack without rules."""
    stack = with_calico(directory, "3.33.0", "1.37.2", SINGLE_IMAGE)
    stack[section] = value
    assert registry_warning(parse_settings(stack)) is None


FLANNEL = """\
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: kube-flannel-ds, namespace: kube-flannel}
spec: {template: {spec: {containers: [{name: kube-flannel, image: "ghcr.io/flannel:v1"}]}}}
"""
OPERATOR = FLANNEL.replace("DaemonSet", "Deployment").replace("kube-flannel", "tigera-operator")
WITH_BGP = CALICO_MANIFEST.replace('FELIX_HEALTHENABLED, value: "true"', "CALICO_IPV4POOL_IPIP, value: Always")


@pytest.mark.parametrize(
    ("manifest", "seen"),
    [
        (FLANNEL, "no DaemonSet:kube-system/calico-node with a container calico-node"),
        (OPERATOR, "no DaemonSet:kube-system/calico-node with a container calico-node"),
        (WITH_BGP, "CALICO_IPV4POOL_IPIP Always"),
    ],
)
def test_a_manifest_that_is_not_calicos_for_vxlan_is_refused(directory: Path, manifest: str, seen: str) -> None:
    """Its pages begin with that of the operator, and a pool has one encapsulation."""
    with pytest.raises(pulumi.RunError, match=r"calico\.manifestUrl: expected Calico's manifest for VXLAN") as error:
        record(with_calico(directory, "3.32.1", "1.36.3", manifest), preview=False)
    assert f"saw {seen}" in str(error.value)
    assert "set it to calico-vxlan.yaml of the version" in str(error.value)


def test_a_manifest_may_have_further_workloads_and_digests(directory: Path) -> None:
    """A mirror may name its images so."""
    image = "docker.io/calico/node:v3.28.5"
    manifest = f"{FLANNEL}---\n" + CALICO_MANIFEST.replace(image, f"{image}@sha256:{64 * 'a'}")
    last = up(with_calico(directory, "3.32.1", "1.36.3", manifest))
    assert warnings(with_calico(directory, "3.32.1", "1.36.3", manifest), last) == []


def test_an_image_of_another_container_does_not_tell_the_version_of_calico() -> None:
    """A manifest of one's own may have more containers."""
    other, node = ({"name": name, "image": image} for name, image in (("a", "a:v1.2.3"), ("calico-node", "b:v3.28.5")))
    assert version_of({"spec": {"initContainers": [other], "containers": [node]}}) == "3.28.5"


def test_the_program_logs_the_warnings(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a preview and in an update."""
    logged: list[str] = []
    monkeypatch.setattr(pulumi.log, "warn", logged.append)
    for preview in (True, False):
        record(with_calico(directory, "3.28.5", "1.36.3", SINGLE_IMAGE), preview=preview)
    assert len([each for each in logged if "3.28.5, tested with 1.27 to 1.30" in each]) == 2
    assert len([each for each in logged if "none for quay.io" in each]) == 2


@pytest.mark.parametrize(
    ("kubernetes", "own", "seen"),
    [
        ("1.35.4", {"image": "hub.example.com/metrics-server:v0.8.1"}, None),
        ("1.35.4", {"image": "hub.example.com/metrics-server:v0.10.0"}, "of which docs/versions.md says nothing"),
        ("1.33.5", {"image": "hub.example.com/metrics-server:v0.9.0@sha256:0a"}, "for 1.34 and newer"),
        ("1.33.5", {"image": "hub.example.com/metrics-server:v0.9.0", "enabled": False}, None),
        ("1.33.5", {"image": "hub.example.com/metrics-server:mine"}, None),
        ("1.33.5", {}, None),
    ],
)
def test_a_metrics_server_that_does_not_belong_to_the_version_is_said(
    directory: Path, kubernetes: str, own: Stack, seen: str | None
) -> None:
    """With the version that does."""
    stack = with_calico(directory, "3.31.0", kubernetes) | {"metricsServer": own}
    found = [each for each in warnings(stack) if each.startswith("metricsServer.image")]
    assert bool(found) == bool(seen)
    assert all(str(seen) in each and "a stack gets 0." in each for each in found)
