"""The runs of each step that are disturbed: a step, what happened before, and what takes an edit back."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from components.host_files import File, kubeadm
from components.host_files.containerd import credential_files
from components.settings import Settings
from components.settings.stack_file import parse_settings
from components.steps.last_update import LastUpdate
from components.steps.of_control_plane import KUBECONFIG_OWNER
from components.steps.scripts import install_scripts
from components.steps.stdin import rerun_as
from components.steps.step import Step, StepName
from components.steps.wanted import wanted_steps
from operations.hosts.pod_network import CALICO_ANNOTATIONS
from tests.crash_points.world import Run, World
from tests.unit.support.stacks import with_workers

IDENTITY = "0123456789abcdef"
AUTHORITY = "certificate\n"
TOKEN = "abcdef.0123456789abcdef"  # noqa: S105 (of no cluster)
JOIN_FILES = [File(kubeadm.INVITATION_PATH, TOKEN, "0600"), File(kubeadm.JOIN_AUTHORITY_PATH, AUTHORITY)]
INVITATION = [File(kubeadm.INVITATION_PATH, f"{TOKEN}\nc0ffee\n192.0.2.11\n", "0600"), JOIN_FILES[1]]
Steps = dict[tuple[str, StepName], Step]


REGISTRY = "hub.example.com"


Encryption = Mapping[str, Any]


def settings(edited: bool, version: str, role: str = "worker", encryption: Encryption | None = None) -> Settings:
    """The settings of a stack, before or after an edit of everything that a running cluster takes."""
    stack: dict[str, Any] = with_workers("node2", version=version)
    stack["hosts"]["node2"]["role"] = role
    stack["policy"] = {"resetOnFailure": True}
    if encryption:
        stack["cluster"]["encryption"] = encryption
    stack["containerd"] = {"package": "containerd", "registries": {REGISTRY: {"username": "robot"}}}
    if edited:
        stack["cluster"] |= {
            "certificateGeneration": 1,
            "controlPlaneTaints": [{"key": "node-role.kubernetes.io/control-plane", "effect": "NoSchedule"}],
            "clusterConfiguration": {"apiServer": {"timeoutForControlPlane": "5m0s"}},
            "kubeletConfiguration": {"maxPods": 99},
            "kubeProxyConfiguration": {"metricsBindAddress": "0.0.0.0:10249"},
        }
        stack["calico"] = {"vxlanMode": "CrossSubnet"}
        stack["system"] = {"sysctl": {"vm.swappiness": 1}}
        stack["hosts"]["node2"]["taints"] = [{"key": "shop", "value": "yes", "effect": "NoSchedule"}]
    return parse_settings(stack)


def steps(
    *, edited: bool = False, version: str = "1.36.3", role: str = "worker", encryption: Encryption | None = None
) -> Steps:
    """Each step as the program wants it, with the shared files among its own: nothing brings them here."""
    images = ["docker.io/shop/web:1"]
    stack = settings(edited, version, role, encryption)
    wanted = wanted_steps(stack, LastUpdate(), images, IDENTITY, "certificate")
    return {
        key: replace(step, files=[*step.shared_files, *step.files], shared_files=[]) for key, step in wanted.items()
    }


OLD, EDITED, NEWER = steps(), steps(edited=True), steps(version="1.36.4")
SEVERAL = steps(role="control-plane")
"""Of a stack in which node2 is a control plane, too."""


def sent(wanted: Steps, host: str, name: StepName, mode: str = "create") -> Run:
    """What the program sends for a step."""
    files = INVITATION if wanted is SEVERAL else JOIN_FILES
    return Run(wanted[host, name].text(files if name is StepName.JOIN else ()), mode)


def pulled(wanted: Steps, host: str, password: str = "first") -> Run:  # noqa: S107 (of no registry)
    """The step that gives a host the password of its registry, for each containerd there is."""
    files = credential_files(settings(edited=False, version="1.24.3"), {REGISTRY: password})
    return Run(wanted[host, StepName.IMAGES].text(files))


def prepared(wanted: Steps, host: str) -> tuple[Run, Run]:
    """The steps of a host that is no node yet."""
    return sent(wanted, host, StepName.PREPARE), pulled(wanted, host)


def reclaimed(host: str) -> Run:
    """The script of `make repair` that writes lost marks of the owner again."""
    values = {"CLUSTER_AUTHORITY": AUTHORITY, "CONTROL_PLANE_VERSION": ""}
    return Run(rerun_as(OLD[host, StepName.PREPARE].text(), "reclaim", values=values))


def repaired(host: str, *more: Run) -> tuple[Run, ...]:
    """What `make repair` sends to the machine of a host, with the inputs that the last update recorded."""
    return (reclaimed(host), *prepared(OLD, host), *more)


def reached(node: str) -> Run:
    """The last script of `make repair`, on the control plane."""
    values = {"NODE_NAME": node, "CALICO_ANNOTATIONS": "\n".join(CALICO_ANNOTATIONS)}
    return Run(rerun_as(OLD["node1", StepName.PREPARE].text(), "pod_network", values=values))


LIBRARY = "/var/lib/scripts"
"""Where ends are compared, unlike in the directory of the scripts that all scenarios run."""
OLDER = "0" * 64
OLDER_SCRIPTS = f"mkdir -p {LIBRARY}/{OLDER}; echo older >{LIBRARY}/run.sh; ln -s {OLDER} {LIBRARY}/current\n"


def installed() -> Run:
    """What brings the scripts to a host, and a shared file."""
    return Run(install_scripts(LIBRARY, IDENTITY, [File("/etc/example", "shared\n")]))


def saved() -> Run:
    """The script of the timer."""
    return Run(rerun_as(OLD["node1", StepName.PREPARE].text(), "snapshot"))


def as_it_is(_: World) -> None:
    """Leave the machine alone."""


@dataclass(frozen=True)
class Scenario:
    """One way in which a step runs.

    Attributes:
        name: STEP-MODE, or more where a step has several ways.
        host: the machine.
        before: what ran on the machine before.
        run: the run that is disturbed.
        repair: what takes an edit back, where it can be.
        arrange: changes the machine after `before`.
    """

    name: str
    host: str
    before: tuple[Run, ...]
    run: Run
    repair: tuple[Run, ...] = ()
    arrange: Callable[[World], None] = field(default=as_it_is)


def upgraded_control_plane(world: World) -> None:
    """It goes before the workers."""
    world.machine.write("/world/cluster/objects/kubelet-config", "configuration of 1.36.4\n")


def edited_control_plane(world: World) -> None:
    """The configuration of kubelets was changed there first."""
    world.machine.write("/world/cluster/objects/kubelet-config", "configuration with 99 pods\n")


def lost_marks(world: World) -> None:
    """Somebody deleted what the steps remember."""
    shutil.rmtree(world.machine.path("/var/lib/pulumi-kubeadm"))


def with_worker(world: World) -> None:
    """A worker has joined the cluster of this control plane."""
    for name, content in {"version": "v1.36.3", "ready": "True"}.items():
        world.machine.write(f"/var/lib/etcd/member/nodes/node2/{name}", content)


def containerd_1_4(world: World) -> None:
    """It reads passwords when it starts."""
    world.machine.write("/world/containerd-version", "1.4.13\n")


def unguarded(world: World) -> None:
    """An update of an older version of this project made the control plane."""
    manifest = world.machine.path("/etc/kubernetes/manifests/etcd.yaml")
    manifest.write_text(manifest.read_text().replace("--initial-cluster-state=existing", ""))


def member(*, learns: bool) -> str:
    """The line of node2's member of etcd."""
    return f"b2, started, node2, https://192.0.2.12:2380, https://192.0.2.12:2379, {str(learns).lower()}\n"


def with_half_member(world: World) -> None:
    """A join of node2 was cut short, and its member of etcd learns for ever."""
    members = world.machine.path("/var/lib/etcd/member/members")
    members.write_text(members.read_text() + member(learns=True))


def with_control_plane(world: World) -> None:
    """node2 has joined as a control plane, and its member leads."""
    with_worker(world)
    members = world.machine.path("/var/lib/etcd/member/members")
    members.write_text(members.read_text() + member(learns=False))
    world.machine.write("/var/lib/etcd/member/leader", "b2\n")


def with_sponsor(world: World) -> None:
    """A control plane elsewhere has uploaded its certificates."""
    own = "a1, started, node1, https://192.0.2.11:2380, https://192.0.2.11:2379, false\n"
    for name in ("kubeadm-config", "kubelet-config", "kube-proxy", "coredns", "cluster-info", "kubeadm-certs"):
        world.machine.write(f"/world/cluster/objects/{name}", "configuration\n")
    world.machine.write("/world/cluster/members", own)
    world.machine.write("/world/cluster/leader", "a1\n")


def by_address(world: World) -> None:
    """The kubelet finds the API by the address that was the endpoint of the cluster."""
    world.machine.write("/etc/kubernetes/kubelet.conf", "    server: https://192.0.2.11:6443\n")


def node_left(world: World) -> None:
    """Its membership was deleted first."""
    shutil.rmtree(world.machine.path("/world/cluster/nodes/node2"))


_, PREPARE, _, INIT, KUBECONFIG, MEMBERSHIP, JOIN, _ = StepName
VERIFY, DELETE = "verify", "delete"
CONTROL_PLANE = (*prepared(OLD, "node1"), sent(OLD, "node1", INIT))
JOINED = (*prepared(OLD, "node2"), sent(OLD, "node2", JOIN))
FIRST = (*prepared(SEVERAL, "node1"), sent(SEVERAL, "node1", INIT))
MEMBER = (*CONTROL_PLANE, sent(OLD, "node2", MEMBERSHIP))

SCENARIOS = [
    Scenario("prepare-create", "node1", (), sent(OLD, "node1", PREPARE), repair=repaired("node1")),
    Scenario(
        "prepare-create-changed",
        "node1",
        CONTROL_PLANE,
        sent(EDITED, "node1", PREPARE),
        repair=repaired("node1", sent(OLD, "node1", INIT, VERIFY)),
    ),
    Scenario("prepare-delete", "node2", JOINED, sent(OLD, "node2", PREPARE, DELETE), arrange=node_left),
    Scenario("images-create", "node1", prepared(OLD, "node1")[:1], pulled(OLD, "node1")),
    Scenario("images-create-password", "node2", JOINED, pulled(OLD, "node2", "another"), repair=repaired("node2")),
    Scenario(
        "images-create-password-1.4",
        "node2",
        JOINED,
        pulled(OLD, "node2", "another"),
        repair=(pulled(OLD, "node2"),),
        arrange=containerd_1_4,
    ),
    Scenario("install-create", "node1", (Run(OLDER_SCRIPTS),), installed()),
    Scenario("reclaim-create", "node1", CONTROL_PLANE, reclaimed("node1"), arrange=lost_marks),
    Scenario("pod_network-create", "node1", MEMBER, reached("node2"), arrange=with_worker),
    Scenario("init-create", "node1", prepared(OLD, "node1"), sent(OLD, "node1", INIT)),
    Scenario(
        "init-verify",
        "node1",
        (*CONTROL_PLANE, sent(EDITED, "node1", PREPARE)),
        sent(EDITED, "node1", INIT, VERIFY),
        repair=repaired("node1", sent(OLD, "node1", INIT, VERIFY)),
    ),
    Scenario(
        "init-verify-upgrade",
        "node1",
        (*CONTROL_PLANE, sent(NEWER, "node1", PREPARE)),
        sent(NEWER, "node1", INIT, VERIFY),
    ),
    Scenario("init-verify-marks-lost", "node1", CONTROL_PLANE, sent(OLD, "node1", INIT, VERIFY), arrange=lost_marks),
    Scenario("init-verify-guard", "node1", CONTROL_PLANE, sent(OLD, "node1", INIT, VERIFY), arrange=unguarded),
    Scenario("snapshot-create", "node1", CONTROL_PLANE, saved()),
    Scenario("kubeconfig-create", "node1", CONTROL_PLANE, sent(OLD, KUBECONFIG_OWNER, KUBECONFIG)),
    Scenario("membership-create", "node1", CONTROL_PLANE, sent(OLD, "node2", MEMBERSHIP)),
    Scenario(
        "membership-create-changed",
        "node1",
        MEMBER,
        sent(EDITED, "node2", MEMBERSHIP),
        repair=(sent(OLD, "node2", MEMBERSHIP),),
        arrange=with_worker,
    ),
    Scenario("membership-create-upgrade", "node1", MEMBER, sent(NEWER, "node2", MEMBERSHIP), arrange=with_worker),
    Scenario("membership-delete", "node1", MEMBER, sent(OLD, "node2", MEMBERSHIP, DELETE), arrange=with_worker),
    Scenario("membership-create-control-plane", "node1", FIRST, sent(SEVERAL, "node2", MEMBERSHIP)),
    Scenario(
        "membership-create-half-member",
        "node1",
        FIRST,
        sent(SEVERAL, "node2", MEMBERSHIP),
        arrange=with_half_member,
    ),
    Scenario(
        "membership-delete-control-plane",
        "node1",
        FIRST,
        sent(SEVERAL, "node2", MEMBERSHIP, DELETE),
        arrange=with_control_plane,
    ),
    Scenario(
        "join-create-control-plane",
        "node2",
        prepared(SEVERAL, "node2"),
        sent(SEVERAL, "node2", JOIN),
        arrange=with_sponsor,
    ),
    Scenario("join-create", "node2", prepared(OLD, "node2"), sent(OLD, "node2", JOIN)),
    Scenario(
        "join-verify",
        "node2",
        JOINED,
        sent(EDITED, "node2", JOIN, VERIFY),
        repair=repaired("node2", sent(OLD, "node2", JOIN, VERIFY)),
    ),
    Scenario(
        "join-verify-kubelet",
        "node2",
        JOINED,
        sent(EDITED, "node2", JOIN, VERIFY),
        arrange=edited_control_plane,
    ),
    Scenario("join-verify-endpoint", "node2", JOINED, sent(OLD, "node2", JOIN, VERIFY), arrange=by_address),
    Scenario(
        "join-verify-upgrade",
        "node2",
        (*JOINED, sent(NEWER, "node2", PREPARE)),
        sent(NEWER, "node2", JOIN, VERIFY),
        arrange=upgraded_control_plane,
    ),
]
