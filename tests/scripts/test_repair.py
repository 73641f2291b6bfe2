"""What a repair brings back that somebody took away: marks, the node of a control plane, addresses of Calico."""

from __future__ import annotations

from pathlib import Path

import pytest

from components.host_files import File
from components.steps.step import StepName
from operations.status._host_checks import FACTS
from tests.crash_points.runs import OLD, prepared, sent
from tests.crash_points.world import Run, World
from tests.scripts.cluster import (
    CA,
    DETOUR,
    ETCD,
    MAY_RESET,
    NODE_IS_GONE,
    NODE_IS_READY,
    STATE,
    UNMARKED,
    VALUES,
    kubeadm_calls,
)
from tests.scripts.drift import KUBELET, OF_PACKAGE
from tests.scripts.machine import Finished, Machine

RECLAIM = {"CLUSTER_ID": "0123", "CLUSTER_NAME": "dev", "CLUSTER_AUTHORITY": CA, "CONTROL_PLANE_VERSION": "1.36.3"}
PREPARE, JOIN = StepName.PREPARE, StepName.JOIN
API_SERVER = "/etc/kubernetes/manifests/kube-apiserver.yaml"
AUTHORITY = "/etc/kubernetes/pki/ca.crt"
MARKS = {
    "control-plane-version": "KUBERNETES_VERSION",
    "cluster-identity": "CLUSTER_IDENTITY",
    "node-address": "NODE_IP",
    "cluster-configuration": "CLUSTER_CONFIGURATION_SHA256",
    "kubelet-configuration": "KUBELET_CONFIGURATION_SHA256",
    "kube-proxy-configuration": "KUBE_PROXY_CONFIGURATION_SHA256",
    "vxlan-mode": "VXLAN_MODE",
    "taints": "CONTROL_PLANE_TAINTS",
    "certificate-generation": "CERTIFICATE_GENERATION",
    "drain-timeout-seconds": "DRAIN_TIMEOUT_SECONDS",
}


def manifest(version: str) -> str:
    """The lines of a manifest of kubeadm that name its image."""
    return f"    image: registry.k8s.io/kube-apiserver:v{version}\n    imagePullPolicy: IfNotPresent\n"


CONTAINERS = """\
case "$*" in
*"ps --quiet"*) wc --lines <"$ROOT/container" ;;
stop*) echo more >>"$ROOT/container" ;;
esac"""
"""crictl of a machine whose containers start again when they are stopped."""
UNSAVED = 'make_bundle "before-$KUBERNETES_VERSION"\n  install_held kubeadm\n'
"""What an upgrade does before kubeadm's own."""


@pytest.fixture
def control_plane(machine: Machine) -> Machine:
    """A control plane of this stack that runs, without the marks of it."""
    machine.stub(
        "kubeadm", '[[ $* != *"certs apiserver"* ]] || tee <<<x "$ROOT"/etc/kubernetes/pki/apiserver.{crt,key}'
    )
    for program in ("systemctl", "curl", "apt-get", "apt-mark"):
        machine.stub(program)
    machine.stub("crictl", ETCD + CONTAINERS)
    machine.stub("kubectl", NODE_IS_READY)
    machine.write("/container", "")
    machine.write(API_SERVER, manifest("1.36.3"))
    machine.write("/etc/kubernetes/manifests/etcd.yaml", "    - --initial-cluster-state=existing\n")
    machine.write("/var/lib/kubelet/config.yaml", "")
    machine.write("/etc/kubernetes/kubeadm/config.yaml", "kind: InitConfiguration\n")
    machine.replace("lib/kube_proxies", "STAYS_SECONDS=15", "STAYS_SECONDS=0")
    machine.stub("openssl", 'cat >/dev/null; echo "notAfter=Nov 24 00:00:00 2027 GMT"')
    machine.write("/etc/kubernetes/admin.conf", "")
    for name in ("controller-manager", "scheduler"):
        machine.write(f"/etc/kubernetes/{name}.conf", "")
    for name in ("apiserver.crt", "apiserver.key", "etcd/server.crt"):
        machine.write(f"/etc/kubernetes/pki/{name}", "x")
    return machine


def verified(machine: Machine) -> tuple[int, str]:
    """How `init` ends where an update made the cluster before; the stack allows resets."""
    finished = machine.send(machine.text("init", MAY_RESET), "verify")
    return finished.status, finished.stderr


def test_a_running_cluster_whose_mark_was_lost_gets_its_marks_again(control_plane: Machine) -> None:
    """It is not initialised, reset or upgraded; its configuration is applied, and then there is nothing to do."""
    status, printed = verified(control_plane)
    assert status == 0, printed
    assert printed.startswith("node1: the cluster runs, its mark was missing and is written\n")
    assert control_plane.path(f"{STATE}/initialized").exists()
    for name, variable in MARKS.items():
        assert control_plane.path(f"{STATE}/{name}").read_text() == VALUES[variable], name
    assert set(kubeadm_calls(control_plane)) == {"kubeadm init", "kubeadm certs"}
    assert verified(control_plane) == (0, "")


def test_an_upgrade_runs_although_the_marks_were_lost(control_plane: Machine) -> None:
    """The version of the stack file is no fact about the machine; the last version is known from the machine."""
    control_plane.write(API_SERVER, manifest("1.35.4"))
    control_plane.stub("kubectl", NODE_IS_READY.replace("v1.36.3", "v1.35.4"))
    control_plane.stub(
        "kubeadm",
        f'[[ "$1 $2" != "upgrade apply" ]] || {{ cp "$ROOT{STATE}/control-plane-version" "$ROOT/before"; exit 1; }}',
    )
    control_plane.replace("parts/control_plane/upgrade", UNSAVED, "BUNDLE=x\n")
    status, printed = verified(control_plane)
    assert status == 1
    assert "kubeadm upgrade apply v1.36.3" in printed
    assert control_plane.path("/before").read_text() == "1.35.4"


def test_an_upgrade_that_was_cut_short_goes_on_although_the_marks_were_lost(control_plane: Machine) -> None:
    """API server and kubelet have two versions: which upgrade went to its end is unknown."""
    control_plane.stub("kubectl", NODE_IS_READY.replace("v1.36.3", "v1.35.4"))
    control_plane.replace("parts/control_plane/upgrade", UNSAVED, "BUNDLE=x\n")
    control_plane.replace("parts/control_plane/upgrade", "upgrade_node\n  let_clients_in", "exit 9\n  let_clients_in")
    assert verified(control_plane)[0] == 9
    assert "kubeadm upgrade" in kubeadm_calls(control_plane)
    assert not control_plane.path(f"{STATE}/control-plane-version").exists()


def test_marks_that_are_left_are_kept(control_plane: Machine) -> None:
    """Only `initialized` was lost: a digest of an earlier configuration is still true."""
    for name, variable in MARKS.items():
        control_plane.write(f"{STATE}/{name}", VALUES[variable])
    assert verified(control_plane) == (0, "node1: the cluster runs, its mark was missing and is written\n")
    control_plane.path(f"{STATE}/initialized").unlink()
    control_plane.write(f"{STATE}/kube-proxy-configuration", "earlier")
    assert "node1: kube-proxy restarts with its new configuration\n" in verified(control_plane)[1]


@pytest.mark.parametrize("gone", [True, False])
def test_a_node_of_a_control_plane_that_was_deleted_is_one_again(control_plane: Machine, gone: bool) -> None:
    """The kubelet registers it, unless it did already, and kubeadm gives it what makes it a control plane's."""
    assert verified(control_plane)[0] == 0
    control_plane.calls()
    control_plane.write("/labels", "kubernetes.io/hostname\n")
    control_plane.stub("kubectl", f"{NODE_IS_GONE if gone else ''}\n{UNMARKED}\n{NODE_IS_READY}")
    control_plane.stub("systemctl", 'touch "$ROOT/registered"')
    control_plane.stub(
        "kubeadm", '[[ $* != *mark-control-plane* ]] || echo node-role.kubernetes.io/control-plane >"$ROOT/labels"'
    )
    registered = "node1: the node, which had been deleted, is registered again\n" if gone else ""
    marked = "node1: the node, which had registered again, is marked as a control plane\n"
    assert verified(control_plane) == (0, registered + marked)
    config = control_plane.path("/etc/kubernetes/kubeadm/config.yaml")
    assert [call for call in control_plane.calls() if call.startswith(("kubeadm", "systemctl"))] == [
        *(["systemctl restart kubelet"] if gone else []),
        f"kubeadm init phase upload-config kubelet --config {config}",
        f"kubeadm init phase mark-control-plane --config {config}",
    ]
    assert verified(control_plane) == (0, "")


@pytest.mark.parametrize("authority", [CA, None])
def test_a_machine_of_this_cluster_or_of_none_gets_the_mark_of_its_owner_again(
    machine: Machine, authority: str | None
) -> None:
    """A reset deletes the authority, too."""
    if authority:
        machine.write(AUTHORITY, authority)
        machine.write("/etc/kubernetes/kubelet.conf", "")
    first = machine.run("reclaim", RECLAIM)
    expected = "node1: the mark of the cluster that owns the machine was lost and is written again\n"
    assert (first.status, first.stderr, first.stdout) == (0, expected, "node\n" if authority else "")
    assert machine.path(f"{STATE}/owner").read_text() == "0123"
    assert machine.run("reclaim", RECLAIM).stderr == ""


@pytest.mark.parametrize(
    "left", [{AUTHORITY: "another"}, {"/etc/kubernetes/kubelet.conf": ""}, {"/var/lib/etcd/member/x": ""}]
)
def test_a_machine_of_another_cluster_is_not_reclaimed(machine: Machine, left: dict[str, str]) -> None:
    """Nor one that does not say of which it is."""
    for path, content in left.items():
        machine.write(path, content)
    finished = machine.run("reclaim", RECLAIM)
    assert finished.status == 1
    assert "expected a machine of cluster dev, or of none" in finished.stderr
    assert not machine.path(f"{STATE}/owner").exists()


@pytest.mark.parametrize(
    ("path", "content"), [(f"{STATE}/control-plane-version", "1.37.1"), (API_SERVER, manifest("1.37.1"))]
)
def test_a_control_plane_of_another_version_than_the_recorded_one_is_left_to_an_update(
    machine: Machine, path: str, content: str
) -> None:
    """Nothing is put back before."""
    machine.write(AUTHORITY, CA)
    machine.write(path, content)
    finished = machine.run("reclaim", RECLAIM)
    assert finished.status == 1
    assert "expected a control plane of version 1.36.3, which the last update left,\n  saw 1.37.1" in finished.stderr
    assert finished.stderr.endswith("Next: pulumi up\n")
    assert not machine.path(f"{STATE}/owner").exists()


def test_a_control_plane_of_the_recorded_version_and_a_worker_are_reclaimed(machine: Machine) -> None:
    """A worker has no version of a control plane."""
    machine.write(f"{STATE}/control-plane-version", "1.36.3")
    machine.write(API_SERVER, manifest("1.36.3"))
    assert machine.run("reclaim", RECLAIM).status == 0
    machine.write(f"{STATE}/control-plane-version", "1.37.1")
    assert machine.run("reclaim", RECLAIM | {"CONTROL_PLANE_VERSION": ""}).status == 0


NETWORK = {"NODE_NAME": "node2", "CALICO_ANNOTATIONS": "example.org/a\nexample.org/b"}


def test_calico_restarts_on_a_node_that_lacks_one_of_its_annotations(machine: Machine) -> None:
    """Its node registered again; the second time there is nothing to do."""
    machine.replace("steps/pod_network", "comes_true 20", "comes_true 0")
    machine.stub(
        "kubectl",
        'case "$*" in *"delete pod"*) touch "$ROOT/restarted" ;; *containerStatuses*) printf true ;;\n'
        "*example.org/b*) [[ ! -e $ROOT/restarted ]] || echo 192.0.2.12 ;; *) echo 192.0.2.12 ;; esac",
    )
    first = machine.run("pod_network", NETWORK)
    assert first.status == 0, first.stderr
    assert first.stderr.startswith("node1: calico-node of node2")
    (deleted,) = [call for call in machine.calls() if "delete" in call]
    assert "--selector k8s-app=calico-node --field-selector spec.nodeName=node2" in deleted
    assert machine.run("pod_network", NETWORK).stderr == ""
    assert not [call for call in machine.calls() if "delete" in call]


def test_files_and_marks_that_are_gone_are_facts_of_a_host(machine: Machine) -> None:
    """Of what steps put, by their lists; the variants of containerd's configuration are in these lists only."""
    for program in ("systemctl", "journalctl", "crictl", "containerd", "busctl", "sysctl"):
        machine.stub(program)
    kept = machine.write("/etc/kept", "")
    paths = [str(kept), str(machine.path("/etc/lost one")), str(machine.path("/etc/containerd/config.toml.2"))]
    machine.write(f"{STATE}/kept", "")
    machine.write(f"{STATE}/files/prepare", "".join(f"{path}\n" for path in paths))
    marks = f"owner kept lost beside:{kept} without:{machine.path('/etc/none')} kept:{kept}"
    finished = machine.send(f"PAUSE_IMAGE=x MARKS='{marks}' PORTS=\n{machine.relocated(FACTS.read_text())}")
    assert f"files_gone\t{machine.path('/etc/lost one')} \n" in finished.stdout
    gone = [str(machine.path(f"{STATE}/{name}")) for name in ("owner", "lost", "beside")]
    assert f"marks_gone\t{' '.join(gone)} \n" in finished.stdout


BY_HAND = "; take it out by hand"
UNIT_FILES = "/etc/systemd/system"
LOOK = {"KUBERNETES_VERSION": "1.36.3", "MODULES": "", "KEYRINGS": "", "ROLE": "worker", "API_HOST": "api.internal"}
SWAP_LINE = "/swap.img none swap sw 0 0\n"
UNITS = {
    "kubernetes-backup.timer": "/etc/systemd/system/kubernetes-backup.timer",
    "kubernetes-serving-certificates.service": "/etc/systemd/system/kubernetes-serving-certificates.service",
}


@pytest.fixture
def looked_at(machine: Machine) -> Machine:
    """A machine on which drift finds nothing; the file `off` has the units that are not as they should be."""
    machine.stub("containerd", 'echo "containerd github.com/containerd/containerd 1.7.24 x"')
    machine.stub("hostname", "echo node1")
    machine.stub("dpkg-query", "echo 'installed 1.36.3-1.1'")
    machine.stub("apt-mark", "printf 'kubeadm\\nkubelet\\nkubectl\\n'")
    machine.stub("swapon")
    machine.write(f"{KUBELET}/10-kubeadm.conf", machine.relocated(OF_PACKAGE))
    machine.stub(
        "systemctl",
        '[[ $* != list-unit-files* ]] || { cat "$ROOT/units" 2>/dev/null; exit; }\n'
        'unit=${*: -1}; is_off=$(grep --count --line-regexp "$unit" "$ROOT/off" 2>/dev/null)\n'
        "[[ $unit != swap.target ]] || { [[ $is_off == 1 ]] && echo static || { echo masked; exit 1; }; exit; }\n"
        "[[ $is_off != 1 ]] || { [[ $* == *--quiet* ]] || echo disabled; exit 1; }",
    )
    return machine


def drift(machine: Machine) -> str:
    """Lines that `make drift` shows of the machine, with the paths that it has itself."""
    staged = [File("/etc/sysctl.d/99-kubernetes.conf", ""), *(File(path, "x") for path in UNITS.values())]
    for file in staged:
        machine.write(file.path, file.content).chmod(0o644)
    finished = machine.run("drift", LOOK, staged)
    assert finished.status == 0, finished.stderr
    return finished.stdout.replace(str(machine.root), "")


@pytest.mark.parametrize("unit", UNITS)
def test_drift_shows_a_unit_of_the_stack_that_does_not_run(looked_at: Machine, unit: str) -> None:
    """Without them etcd is saved no more, and no kubelet gets a new certificate."""
    assert drift(looked_at) == ""
    looked_at.write("/off", f"{unit}\n")
    assert drift(looked_at).splitlines() == [
        f"service {unit}: expected it {wanted}, saw disabled" for wanted in ("to start at boot", "to run")
    ]


def test_drift_shows_swap_that_the_next_boot_turns_on(looked_at: Machine) -> None:
    """Before that it is off, and the kubelet of a booted machine may not start."""
    looked_at.write("/etc/fstab", f"#pulumi-kubeadm#{SWAP_LINE}")
    assert drift(looked_at) == ""
    looked_at.write("/etc/fstab", SWAP_LINE)
    assert drift(looked_at) == "/etc/fstab: expected no line with swap, which a boot turns on, saw one\n"
    looked_at.write("/etc/fstab", "")
    looked_at.write("/off", "swap.target\n")
    assert drift(looked_at) == "unit swap.target: expected masked, saw static\n"
    looked_at.write("/off", "")
    looked_at.write("/units", "zramswap.service enabled enabled\na.swap enabled enabled\n")
    assert drift(looked_at) == "units of swap: expected none that starts at boot, saw zramswap.service a.swap\n"


def test_drift_shows_that_rules_of_iptables_cannot_be_listed(looked_at: Machine) -> None:
    """Clients of the API may be led elsewhere by rules that nobody sees."""
    looked_at.stub("iptables-save", 'echo "incompatible" >&2; exit 1')
    assert drift(looked_at) == "rules of iptables: expected iptables-save to list them, saw incompatible\n"


def test_calico_is_not_restarted_because_the_api_is_silent(machine: Machine) -> None:
    """Its node has the annotations, as the API server says later; one that lacks them gets a new calico-node."""
    machine.stub(
        "kubectl",
        '[[ -e $ROOT/up ]] || exit 1\ncase "$*" in *annotations*) cat "$ROOT/up" ;; *ready*) printf true ;; esac',
    )
    machine.stub("sleep", 'echo 192.0.2.12 >"$ROOT/up"')
    machine.replace("steps/pod_network", "comes_true 20", "comes_true 0")
    values = {"NODE_NAME": "node2", "CALICO_ANNOTATIONS": "projectcalico.org/IPv4Address"}
    finished = machine.run("pod_network", values)
    assert (finished.status, finished.stderr) == (0, "")
    machine.write("/up", "")
    machine.stub("sleep")
    machine.replace("steps/pod_network", "wait_for 60", "wait_for 0")
    assert "calico-node of node2, which had not noticed" in machine.run("pod_network", values).stderr


def test_drift_shows_arguments_that_override_those_of_the_stack(looked_at: Machine) -> None:
    """The kubelet has another name or address from its next start on."""
    looked_at.write("/etc/default/kubelet", 'KUBELET_EXTRA_ARGS="--v=4"\n')
    assert drift(looked_at) == ""
    looked_at.write("/etc/default/kubelet", 'KUBELET_EXTRA_ARGS="--hostname-override=other --v=4"\n')
    expected = "start of the kubelet: expected none that overrides the arguments of the stack"
    assert drift(looked_at) == f"{expected}, saw --hostname-override=other in /etc/default/kubelet{BY_HAND}\n"
    looked_at.write(
        f"{UNIT_FILES}/kubelet.service.d/x.conf", "[Service]\nExecStart=\nExecStart=/usr/bin/kubelet --v=2\n"
    )
    lines = drift(looked_at).splitlines()
    assert lines[0] == f"{expected}, saw no $KUBELET_KUBECONFIG_ARGS in {UNIT_FILES}/kubelet.service.d/x.conf{BY_HAND}"
    assert len(lines) == 3


def test_drift_shows_units_in_place_of_those_of_packages(looked_at: Machine) -> None:
    """Nothing else shows it until the service starts. A masked service does not start at boot, as drift says."""
    unit = looked_at.write(f"{UNIT_FILES}/kubelet.service", "[Service]\nExecStart=/usr/local/bin/kubelet\n")
    seen = f"{UNIT_FILES}/kubelet.service{BY_HAND}"
    assert drift(looked_at) == f"unit kubelet.service: expected that of its package, saw {seen}\n"
    unit.unlink()
    unit.symlink_to("/dev/null")
    assert drift(looked_at) == ""
    path = f"{UNIT_FILES}/containerd.service.d/x.conf"
    looked_at.write(path, "[Service]\nExecStart=\nExecStart=/usr/bin/containerd --config /opt/x.toml\n")
    expected = "start of containerd: expected that of its package, with the configuration of the stack"
    assert drift(looked_at) == f"{expected}, saw /usr/bin/containerd --config /opt/x.toml in {path}{BY_HAND}\n"


def test_drift_shows_a_kubelet_that_asks_one_control_plane(looked_at: Machine) -> None:
    """Somebody edited its kubeconfig when the load balancer was down."""
    looked_at.write("/etc/kubernetes/kubelet.conf", "    server: https://api.internal:6443\n")
    assert drift(looked_at) == ""
    looked_at.write("/etc/kubernetes/kubelet.conf", "    server: https://192.0.2.11:6443\n")
    seen = "expected api.internal, saw https://192.0.2.11:6443"
    assert drift(looked_at) == f"API server in /etc/kubernetes/kubelet.conf: {seen}\n"


def test_drift_shows_clients_that_a_step_left_at_another_control_plane(looked_at: Machine) -> None:
    """They would lose the API with that one, and no update has anything to do here once the edit is taken back."""
    looked_at.write("/detour", DETOUR)
    expected = "none that lead clients of the API elsewhere"
    assert drift(looked_at) == f"rules of iptables: expected {expected}, saw those of a step that was cut short\n"


def test_a_containerd_that_ended_is_started_before_it_is_asked_for_kube_proxy(tmp_path: Path) -> None:
    """A preparation that ends there never comes to the part that starts it."""
    world = World(tmp_path, has_cluster_elsewhere=True)

    def run(sends: Run) -> Finished:
        return world.run(Run(world.machine.relocated(sends.text), sends.mode))

    for sends in (*prepared(OLD, "node2"), sent(OLD, "node2", JOIN)):
        finished = run(sends)
        assert finished.status == 0, finished.stderr
    world.machine.path("/world/running/containerd").unlink()
    finished = run(sent(OLD, "node2", PREPARE))
    assert finished.status == 0, finished.stderr
    assert finished.stderr == "node2: containerd is restarted\n"
