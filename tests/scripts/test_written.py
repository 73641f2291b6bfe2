"""Files that kubeadm wrote for the kubelet: an edit is found and put back, and what an update does is none."""

from __future__ import annotations

import shutil

import pytest

from tests.scripts.cluster import CA, CHANGED, DISCOVERY, ETCD, NODE_IS_READY, STATE, UPGRADE, VALUES, kubeadm_calls
from tests.scripts.drift import drift
from tests.scripts.machine import Finished, Machine

API_SERVER = "/etc/kubernetes/manifests/kube-apiserver.yaml"
ETCD_MANIFEST = "/etc/kubernetes/manifests/etcd.yaml"
KUBELET = "/var/lib/kubelet/config.yaml"
FLAGS = "/var/lib/kubelet/kubeadm-flags.env"
RECLAIM = {"CLUSTER_ID": "0123", "CLUSTER_NAME": "dev", "CLUSTER_AUTHORITY": CA, "CONTROL_PLANE_VERSION": ""}


def shown_by_drift(machine: Machine) -> str:
    """Lines that `make drift` shows of these files."""
    return drift(machine, "look_at_files_of_kubeadm")


def changes(difference: str) -> list[str]:
    """Lines that a difference takes away and adds."""
    return [line for line in difference.splitlines() if line[0] in "-+" and line[:5] not in {"--- /", "+++ /"}]


def verified(machine: Machine, values: dict[str, str] = VALUES) -> Finished:
    """How an update of the control plane ends."""
    return machine.send(machine.text("init", values), "verify")


@pytest.fixture
def node(running: Machine) -> Machine:
    """A control plane of this stack whose kubelet has a kubeconfig, and flags."""
    running.write("/etc/kubernetes/kubelet.conf", "")
    running.write(f"{STATE}/owner", "0123")
    running.write(FLAGS, "old\n")
    running.write("/restarts", "")
    running.stub("curl")
    running.stub(
        "crictl",
        f'{ETCD}case "$*" in\n*"ps --quiet"*apiserver*) cat "$ROOT{API_SERVER}" "$ROOT/restarts" | sha256sum ;;\n'
        'stop*) echo >>"$ROOT/restarts" ;;\nesac',
    )
    assert verified(running).status == 0
    return running


@pytest.mark.parametrize("path", [API_SERVER, ETCD_MANIFEST, KUBELET, FLAGS])
def test_drift_shows_a_file_of_kubeadm_that_somebody_edited_or_removed(node: Machine, path: str) -> None:
    """With what was edited: the kubelet runs with it, and no update would ever notice."""
    assert shown_by_drift(node) == ""
    before = node.path(path).read_text()
    node.write(path, "by hand\n")
    shown = shown_by_drift(node)
    assert f"--- {path}, as it should be\n+++ {path}, as it is\n" in shown
    assert changes(shown) == [f"-{before.rstrip()}", "+by hand"]
    node.path(path).unlink()
    assert shown_by_drift(node) == f"{path}: expected the file, saw none\n"


def test_a_manifest_of_somebody_else_is_none_of_kubeadm(node: Machine) -> None:
    """The kubelet runs other static pods, too."""
    node.write("/etc/kubernetes/manifests/proxy.yaml", "hers\n")
    assert verified(node).status == 0
    node.write("/etc/kubernetes/manifests/proxy.yaml", "hers, another one\n")
    assert shown_by_drift(node) == ""


COPY = "/etc/kubernetes/manifests/kube-apiserver.yaml.bak"
POD = "metadata:\n  annotations:\n    x: y\n  name: kube-apiserver\n  namespace: kube-system\n"


@pytest.mark.parametrize("values", [CHANGED, UPGRADE, VALUES | {"ETCD_CLUSTER_STATE": "new"}])
def test_a_copy_of_a_manifest_beside_it_is_named_before_a_change(node: Machine, values: dict[str, str]) -> None:
    """The kubelet reads every file there, runs either of the two, and the change may never come to be."""
    copy = node.write(COPY, POD)
    node.calls()
    finished = verified(node, values)
    assert finished.status == 1
    assert f"since the kubelet runs either of two,\n  saw {copy}\n" in finished.stderr
    assert kubeadm_calls(node) == []
    assert shown_by_drift(node).endswith(f"since the kubelet runs either of two, saw {COPY}\n")
    assert verified(node).status == 0, "nothing changes"
    copy.unlink()
    node.write(API_SERVER, POD)
    assert "either of two" not in shown_by_drift(node)


def test_a_host_that_an_older_version_updated_last_does_not_differ(node: Machine) -> None:
    """Nobody knows what was edited before; the next update of the node remembers how it leaves the files."""
    shutil.rmtree(node.path(f"{STATE}/written-by-kubeadm"))
    node.write(API_SERVER, "by hand\n")
    assert shown_by_drift(node) == ""
    assert verified(node).stderr == ""
    assert shown_by_drift(node) == ""
    node.write(API_SERVER, "by hand again\n")
    assert changes(shown_by_drift(node)) == ["-by hand", "+by hand again"]


def test_an_update_that_leaves_a_file_alone_takes_no_edit_for_its_own(node: Machine) -> None:
    """It changes something else."""
    node.write(API_SERVER, "by hand\n")
    assert verified(node, VALUES | {"DRAIN_TIMEOUT_SECONDS": "90"}).status == 0
    assert changes(shown_by_drift(node)) == ["-old", "+by hand"]


@pytest.mark.parametrize("before", ["old\n", "by hand\n", "new\n"])
def test_what_kubeadm_writes_anew_is_no_edit(node: Machine, before: str) -> None:
    """Also where somebody tried the same by hand first."""
    node.write(API_SERVER, before)
    node.write(KUBELET, before)
    node.write("/wanted", "new\n")
    stub = node.root / "stubs" / "kubeadm"
    stub.write_text(f'{stub.read_text()}case "$*" in *kubelet-start*) echo new >"$ROOT{KUBELET}" ;; esac\n')
    finished = verified(node, CHANGED | {"KUBELET_CONFIGURATION_SHA256": "other"})
    assert finished.status == 0, finished.stderr
    assert (node.path(API_SERVER).read_text(), node.path(KUBELET).read_text()) == ("new\n", "new\n")
    assert shown_by_drift(node) == ""


def test_a_change_that_was_cut_short_is_no_edit(node: Machine) -> None:
    """Nor is what the next update makes of it, nor that of an edit of the stack file that is taken back."""
    node.write("/wanted", "new\n")
    stub = node.root / "stubs" / "kubeadm"
    works = stub.read_text()
    stub.write_text(f'{works}[[ "$*" != *"control-plane all"* ]] || kill -9 $PPID\n')
    assert verified(node, CHANGED).status == 137
    assert shown_by_drift(node) == ""
    stub.write_text(works)
    node.write("/wanted", "old\n")
    assert verified(node).status == 0
    assert shown_by_drift(node) == ""


def test_a_manifest_that_somebody_removed_comes_with_the_next_change(node: Machine) -> None:
    """No container of it is known that would have to end."""
    node.path(ETCD_MANIFEST).unlink()
    node.write("/wanted", "new\n")
    stub = node.root / "stubs" / "kubeadm"
    writes = f'echo --initial-cluster-state=existing >"$ROOT{ETCD_MANIFEST}"'
    stub.write_text(f'{stub.read_text()}[[ "$*" != *"etcd local"* ]] || {writes}\n')
    finished = verified(node, CHANGED)
    assert finished.status == 0, finished.stderr
    assert shown_by_drift(node) == ""


@pytest.mark.parametrize(
    ("edited", "written", "shown"),
    [("", "", []), ("by hand\n", "", ["+by hand"]), ("", "new\n", []), ("by hand\n", "new\n", [])],
)
def test_an_edit_that_an_upgrade_leaves_is_shown_after_it(
    node: Machine, edited: str, written: str, shown: list[str]
) -> None:
    """kubeadm leaves an etcd alone whose version stays, with whatever somebody wrote there."""
    if edited:
        node.write(ETCD_MANIFEST, f"--initial-cluster-state=existing\n{edited}")
    node.write("/written", written and f"--initial-cluster-state=existing\n{written}")
    node.stub(
        "kubeadm",
        f'[[ "$1 $2" != "upgrade apply" ]] || {{ echo upgraded | tee "$ROOT{API_SERVER}" >"$ROOT{KUBELET}"\n'
        f'[[ ! -s $ROOT/written ]] || cp "$ROOT/written" "$ROOT{ETCD_MANIFEST}"; }}',
    )
    node.replace("parts/control_plane/upgrade", '  make_bundle "before-$KUBERNETES_VERSION"\n', "  BUNDLE=x\n")
    for function in ("install_held kubeadm", "upgrade_node\n  let_clients_in"):
        node.replace("parts/control_plane/upgrade", function, f": {function}")
    finished = verified(node, UPGRADE)
    assert finished.status == 0, finished.stderr
    assert node.path(API_SERVER).read_text() == "upgraded\n"
    assert changes(shown_by_drift(node)) == shown


def repaired(machine: Machine) -> Finished:
    """What `make repair` runs on the machine before the preparation."""
    finished = machine.run("reclaim", RECLAIM)
    assert finished.status == 0, finished.stderr
    return finished


def message_of_repair(path: str) -> str:
    """Message of a repair on an edited file."""
    return f"{path}, which somebody edited or removed, becomes what the last update left\n"


def test_a_repair_has_kubeadm_write_a_manifest_again_where_the_api_serves(node: Machine) -> None:
    """As a change of the stack does, which spares clients; the second time there is nothing to do."""
    node.write("/wanted", "old\n")
    node.write(API_SERVER, "by hand\n")
    assert message_of_repair(API_SERVER) in repaired(node).stderr
    assert node.path(API_SERVER).read_text() == "by hand\n"
    assert verified(node).status == 0
    assert node.path(API_SERVER).read_text() == "old\n"
    assert shown_by_drift(node) == repaired(node).stderr == verified(node).stderr == ""


def test_a_repair_spares_clients_where_one_request_fails(node: Machine) -> None:
    """The API serves: a manifest that is put back at once would end it."""
    node.write(API_SERVER, "by hand\n")
    node.stub("kubectl", f"[[ -e $ROOT/asked ]] || {{ : >$ROOT/asked; exit 1; }}\n{NODE_IS_READY}")
    assert message_of_repair(API_SERVER) in repaired(node).stderr
    assert node.path(API_SERVER).read_text() == "by hand\n"


@pytest.mark.parametrize("removed", [True, False])
def test_a_repair_puts_back_at_once_what_keeps_the_api_from_serving(node: Machine, removed: bool) -> None:
    """No command of kubeadm runs before the API serves again."""
    node.write(ETCD_MANIFEST, "by hand\n")
    node.replace("steps/reclaim", "SERVES_SECONDS=20", "SERVES_SECONDS=1")
    if removed:
        node.path(ETCD_MANIFEST).unlink()
    else:
        node.stub("kubectl", "exit 1")
    assert message_of_repair(ETCD_MANIFEST) in repaired(node).stderr
    assert node.path(ETCD_MANIFEST).read_text() == "--initial-cluster-state=existing\n"
    assert sorted(path.name for path in node.path("/etc/kubernetes/manifests").iterdir()) == [
        "etcd.yaml",
        "kube-apiserver.yaml",
    ]
    node.stub("kubectl", NODE_IS_READY)
    assert verified(node).stderr == ""


def test_a_repair_restarts_the_kubelet_with_its_files(node: Machine) -> None:
    """As a change of its configuration does: one with which it does not run would be taken back."""
    for path in (KUBELET, FLAGS):
        node.write(path, "by hand\n")
    stderr = repaired(node).stderr
    assert message_of_repair(KUBELET) in stderr
    assert message_of_repair(FLAGS) in stderr
    node.calls()
    assert verified(node).stderr == "node1: the kubelet has its new configuration\n"
    assert "systemctl restart kubelet" in node.calls()
    assert (node.path(KUBELET).read_text(), node.path(FLAGS).read_text()) == ("old\n", "old\n")


@pytest.mark.parametrize("other", ["owner", "reset"])
def test_a_repair_puts_nothing_back_on_a_machine_that_is_no_node_of_the_cluster(node: Machine, other: str) -> None:
    """The preparation refuses that of another cluster, and one that was reset by hand joins anew."""
    if other == "owner":
        node.write(f"{STATE}/owner", "4567")
    else:
        node.path("/etc/kubernetes/kubelet.conf").unlink()
    node.path(ETCD_MANIFEST).unlink()
    assert repaired(node).stderr == ""
    assert not node.path(ETCD_MANIFEST).exists()


def test_a_worker_knows_its_files_too(machine: Machine) -> None:
    """A change of the configuration of kubelets writes one anew; flags that somebody edited stay, and are shown."""
    machine.stub(
        "kubeadm",
        'case "$1 $2" in\n"join --config") : >"$ROOT/etc/kubernetes/kubelet.conf"; mkdir -p "$ROOT/var/lib/kubelet"\n'
        f'echo old | tee "$ROOT{KUBELET}" >"$ROOT{FLAGS}" ;;\n"upgrade node") echo new >"$ROOT{KUBELET}" ;;\nesac',
    )
    machine.stub("kubectl", f"[[ -e $ROOT/etc/kubernetes/kubelet.conf ]] || exit 1\n{NODE_IS_READY}")
    machine.stub("curl", "printf 200")
    for program in ("crictl", "systemctl"):
        machine.stub(program)
    assert machine.run("join", VALUES, DISCOVERY).status == 0
    assert shown_by_drift(machine) == ""
    machine.write(FLAGS, "by hand\n")
    finished = machine.run("join", VALUES | {"KUBELET_CONFIGURATION_SHA256": "other"}, DISCOVERY)
    assert finished.status == 0, finished.stderr
    assert machine.path(KUBELET).read_text() == "new\n"
    assert changes(shown_by_drift(machine)) == ["-old", "+by hand"]
