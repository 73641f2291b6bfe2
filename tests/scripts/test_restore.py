"""A bundle that is laid on a machine: the init begins with it, once, whatever ends in between."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from components.host_files import File, encryption
from operations.etcd.restore import with_bundle
from tests.crash_points.sweep import POINTS
from tests.scripts.bundles import bundle
from tests.scripts.cluster import ETCD, NODE_IS_READY, STATE, VALUES
from tests.scripts.machine import Finished, Machine, cut_off, until

EXAMPLES = int(os.environ.get("EXAMPLES", "6"))
RESTORE = f"{STATE}/restore"
KUBEADM = r"""
cd "$ROOT/etc"
case "$1 $2 $3" in
  "config images list") echo registry.k8s.io/etcd:3.6 ;;
  "init --config "*)
    [[ ! -e $ROOT/fails ]] || { mkdir -p kubernetes/manifests; touch kubernetes/admin.conf "$ROOT/up"; exit 1; }
    (cd kubernetes/pki && find . -type f) | sort >"$ROOT/pki"
    echo "began with $(cat "$ROOT/var/lib/etcd/member/snap") and $(cat kubernetes/pki/ca.key)" >>"$ROOT/inits"
    mkdir -p kubernetes/manifests "$ROOT/var/lib/kubelet"
    echo --initial-cluster-state=existing >kubernetes/manifests/etcd.yaml
    touch kubernetes/manifests/kube-apiserver.yaml kubernetes/{admin,controller-manager,scheduler}.conf
    echo x | tee kubernetes/pki/{apiserver.crt,apiserver.key,etcd/server.crt} "$ROOT/var/lib/kubelet/config.yaml" >&2
    touch "$ROOT/up"
    ;;
  reset*) rm -rf kubernetes/manifests kubernetes/pki kubernetes/admin.conf "$ROOT/up" ;;
esac
"""
CTR = r"""
[[ $* != *" version" ]] || exit 0
[[ $* != *--help ]] || { echo --bump-revision --data-dir; exit; }
[[ ! -e $ROOT/no-room ]] || { echo no space; exit 1; }
while [[ $1 != restore ]]; do shift; done
mkdir -p "$4/member"
cp "$2" "$4/member/snap"
"""
"""containerd with the image of etcd, in which etcdutl is."""


@pytest.fixture
def empty(control_plane: Machine) -> Machine:
    """A machine whose kubeadm begins with the data that it finds."""
    control_plane.stub("kubeadm", KUBEADM)
    control_plane.stub("ctr", CTR)
    nodes = '[[ $* != *"get nodes"* ]] || { echo node/node1; echo node/node9; exit; }'
    control_plane.stub("kubectl", f"[[ -e $ROOT/up && ! -e $ROOT/silent ]] || exit 1\n{nodes}\n{NODE_IS_READY}")
    control_plane.stub("crictl", f'[[ "$*" != *info* ]] || exit 0\n{ETCD}')
    control_plane.replace("steps/init", "comes_true 240", "comes_true 1")
    return control_plane


def lay(machine: Machine, content: bytes | None = None, identity: str = "") -> Finished:
    """As `make restore` sends it."""
    return machine.send(laying(machine, bundle() if content is None else content, identity))


def laying(machine: Machine, content: bytes, identity: str = "") -> str:
    """What `make restore` sends."""
    text = machine.text("restore", {"CLUSTER_ID": identity})
    return with_bundle(f"{text.rstrip()}\n", content)


def test_init_does_not_begin_without_the_keys_of_encrypted_secrets(empty: Machine) -> None:
    """Nobody could read them; kubeadm does nothing before the stack has the keys, and those of the bundle."""
    assert lay(empty).status == 0
    keys = '      - secretbox: {keys: [{name: "k1", secret: "AAAA"}]}\n      - identity: {}\n'
    empty.write(f"{STATE}/restore/pki/encryption.yaml", keys)
    finished = empty.run("init", VALUES)
    assert finished.status == 1
    assert "expected key k1 in cluster.encryption, which is in the bundle: pki/encryption.yaml" in finished.stderr
    other = empty.run("init", VALUES, [File(encryption.KEYS, "k1 BBBB\nidentity\n", "0600")])
    assert other.status == 1
    assert "expected the key that k1 had,\n  saw another one under the same name" in other.stderr
    assert "AAAA" not in other.stderr
    assert not empty.path("/inits").exists()
    with_keys = empty.run("init", VALUES, [File(encryption.KEYS, "k1 AAAA\nidentity\n", "0600")])
    assert with_keys.status == 0, with_keys.stderr


def test_init_begins_with_the_bundle_once(empty: Machine) -> None:
    """Nodes of lost machines are deleted, and the bundle goes."""
    laid = lay(empty)
    assert laid.status == 0, laid.stderr
    assert sorted(path.name for path in empty.path(STATE).iterdir()) == ["restore"]
    first = empty.run("init", VALUES)
    assert first.status == 0, first.stderr
    assert empty.path("/inits").read_text() == "began with snapshot and old\n"
    # With what people keep among the keys, and without what is of another machine.
    authorities = [f"./{name}.{end}" for name in ("ca", "etcd/ca", "front-proxy-ca") for end in ("crt", "key")]
    kept = sorted([*authorities, "./of-mine/oidc.crt", "./sa.key", "./sa.pub"])
    assert empty.path("/pki").read_text().split() == kept
    called = empty.calls()
    assert [each for each in called if each.endswith("--bump-revision 1000000000 --mark-compacted")]
    calls = [call for call in called if call.startswith("kubectl delete")]
    assert [call.split(" --")[0] for call in calls] == ["kubectl delete"]
    assert "node/node9" in calls[0]
    assert "node/node1" not in calls[0]
    assert not empty.path(RESTORE).exists()
    assert empty.run("init", VALUES).stderr == ""
    assert empty.path("/inits").read_text().count("\n") == 1


def test_an_etcd_that_cannot_raise_its_revisions_says_so(empty: Machine) -> None:
    """Of a time before etcdutl: what watched goes on with revisions that others have now."""
    missing = 'exec: "etcdutl": executable file not found in $PATH: unknown'
    old = CTR.replace(
        '[[ $* != *" version" ]] || exit 0', f"[[ $* != *etcdutl* ]] || {{ echo '{missing}' >&2; exit 1; }}"
    )
    empty.stub("ctr", old.replace("echo --bump-revision ", "echo "))
    assert lay(empty).status == 0
    finished = empty.run("init", VALUES)
    assert finished.status == 0, finished.stderr
    assert "node1: this etcd cannot raise its revisions" in finished.stderr
    assert [call for call in empty.calls() if "etcdctl snapshot restore" in call]


def test_half_a_help_says_nothing_of_the_arguments_of_etcdutl(empty: Machine) -> None:
    """The cluster would begin with revisions that watchers have seen."""
    empty.stub("ctr", CTR.replace("echo --bump-revision --data-dir; exit", "exit"))
    assert lay(empty).status == 0
    finished = empty.run("init", VALUES)
    assert finished.status == 1
    assert "expected etcd to restore its snapshot" in finished.stderr
    assert not empty.path("/inits").exists()


def test_an_etcdutl_that_does_not_answer_is_not_one_that_the_image_lacks(empty: Machine) -> None:
    """Another program would restore without the revisions, and nobody would know."""
    empty.stub("ctr", f'[[ $* != *" version" ]] || {{ echo containerd is gone >&2; exit 1; }}\n{CTR}')
    assert lay(empty).status == 0
    finished = empty.run("init", VALUES)
    assert finished.status == 1
    assert "expected etcd to restore its snapshot,\n  saw containerd is gone" in finished.stderr
    assert not empty.path("/inits").exists()


LEFT = [
    *("/etc/kubernetes/admin.conf", "/etc/kubernetes/kubelet.conf", "/etc/kubernetes/manifests/etcd.yaml"),
    *("/etc/kubernetes/pki/ca.crt", "/var/lib/etcd/member/snap/db", f"{STATE}/owner", f"{STATE}/initialized"),
]


@pytest.mark.parametrize("path", LEFT)
def test_a_machine_with_something_left_is_refused(empty: Machine, path: str) -> None:
    """Nothing is laid there, and what was seen is named."""
    empty.write(path, "0" * 16)
    finished = lay(empty, identity="1" * 16)
    assert finished.status == 1
    assert f"expected a machine without a cluster,\n  saw {empty.path(path)}" in finished.stderr
    assert not list(empty.path(STATE).glob("*restore*"))
    assert not list(empty.path(STATE).glob("*.new"))


def test_a_directory_that_cannot_be_read_is_no_empty_one(empty: Machine) -> None:
    """A disk with errors may hold a cluster."""
    empty.path("/var/lib/etcd").mkdir(parents=True)
    real = shutil.which("find")
    broken = "[[ $2 != */etcd ]] || { echo Input/output error >&2; exit 1; }"
    empty.stub("find", f'{broken}\nexec {real} "$@"')
    finished = lay(empty)
    assert finished.status == 1
    assert "/var/lib/etcd to be legible,\n  saw Input/output error" in finished.stderr
    assert not empty.path(RESTORE).exists()


def test_empty_directories_and_a_preparation_of_this_cluster_are_no_leftover(empty: Machine) -> None:
    """Those of a package, of a disk, and of an update that failed before its init."""
    for path in ("/etc/kubernetes/manifests", "/var/lib/etcd/lost+found"):
        empty.path(path).mkdir(parents=True)
    empty.write(f"{STATE}/owner", "0" * 16)
    assert lay(empty, identity="0" * 16).status == 0
    assert empty.path(RESTORE).is_dir()


def test_half_a_bundle_is_not_laid(empty: Machine) -> None:
    """As where the disk is full."""
    finished = lay(empty, bundle()[:-100])
    assert finished.status == 1
    assert "restore: expected room for the content of the bundle" in finished.stderr
    assert list(empty.path(STATE).iterdir()) == []


def test_a_bundle_whose_session_is_lost_leaves_no_file(empty: Machine) -> None:
    """Nor one whose shell is killed, as by a power cut, while the bundle is on its way."""
    empty.stub("base64", 'exec /usr/bin/base64 "$@"')
    process = empty.start(laying(empty, bundle())[:-400])
    until((empty.root / "calls").exists)
    cut_off(process)
    assert list(empty.path(STATE).iterdir()) == []


def test_no_half_of_an_earlier_bundle_stays(empty: Machine) -> None:
    """An init begins with whatever is laid, and another bundle was on its way."""
    assert lay(empty).status == 0
    killed = '/usr/bin/rm "${!#}/pki/ca.key"; kill -KILL $PPID'
    empty.stub("rm", f'case ${{!#}} in */restore | *.dropped.new) {killed} ;; esac\nexec /usr/bin/rm "$@"')
    assert lay(empty).status != 0
    assert not empty.path(RESTORE).exists()


def follow(machine: Machine, message: str) -> None:
    """Do what a message says, to the letter."""
    (command,) = re.findall(r"sudo (sh -c '[^']*')", message)
    here = command.replace("/etc/cni", f"{machine.root}/etc/cni")
    subprocess.run(["bash", "-c", f"PATH={machine.root}/stubs:$PATH; {here}"], check=True)


def test_the_advice_after_a_failed_init_leads_to_the_restored_cluster(empty: Machine) -> None:
    """The bundle survives the reset."""
    assert lay(empty).status == 0
    empty.write("/fails", "")
    failed = empty.run("init", VALUES)
    assert failed.status == 1
    empty.path("/fails").unlink()
    follow(empty, failed.stderr)
    finished = empty.run("init", VALUES)
    assert finished.status == 0, finished.stderr
    assert empty.path("/inits").read_text() == "began with snapshot and old\n"


def test_an_init_that_was_cut_short_is_not_whole_because_its_data_are(empty: Machine) -> None:
    """Restored data have the objects that kubeadm makes: it is reset, and begins with the bundle again."""
    assert lay(empty).status == 0
    empty.write("/fails", "")
    assert empty.run("init", VALUES).status == 1
    assert empty.path("/up").exists()
    empty.path("/fails").unlink()
    refused = empty.run("init", VALUES)
    assert refused.status == 1
    assert "saw an init of this stack that was cut short" in refused.stderr
    assert empty.run("init", VALUES | {"RESET_ON_FAILURE": "true"}).status == 0
    assert empty.path("/inits").read_text() == "began with snapshot and old\n"


@pytest.mark.parametrize("policy", ["true", "false"])
def test_what_was_written_after_a_restore_is_not_lost(empty: Machine, policy: str) -> None:
    """kubeadm's init was done, and an API server that is silent for a while may have served since."""
    empty.replace("lib/control_plane", "wait_for 240", "wait_for 1")
    assert lay(empty).status == 0
    empty.write("/silent", "")
    values = VALUES | {"RESET_ON_FAILURE": policy}
    assert empty.run("init", values).status == 1
    empty.write("/var/lib/etcd/member/snap", "later")
    finished = empty.run("init", values)
    assert finished.status == 1
    assert "expected the API server to be ready within" in finished.stderr
    empty.path("/silent").unlink()
    finished = empty.run("init", values)
    assert finished.status == 0, finished.stderr
    assert empty.path("/var/lib/etcd/member/snap").read_text() == "later"
    assert not empty.path(RESTORE).exists()


def test_a_restore_without_room_says_how_it_goes_on(empty: Machine) -> None:
    """After the reset it is restored."""
    assert lay(empty).status == 0
    empty.write("/no-room", "")
    failed = empty.run("init", VALUES)
    assert failed.status == 1
    assert "expected etcd to restore its snapshot,\n  saw no space" in failed.stderr
    empty.path("/no-room").unlink()
    follow(empty, failed.stderr)
    assert empty.run("init", VALUES).status == 0
    assert not empty.path(RESTORE).exists()


def test_an_init_that_is_killed_begins_with_the_bundle_again(
    empty: Machine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Or goes on, where kubeadm had come to its end; the bundle goes last."""
    assert lay(empty).status == 0
    values = VALUES | {"RESET_ON_FAILURE": "true"}
    text, saved, counted = empty.text("init", values), tmp_path / "saved", tmp_path / "points"
    shutil.copytree(empty.root, saved, symlinks=True)
    monkeypatch.setenv("CRASH_KIND", "killed")
    monkeypatch.setenv("CRASH_DIRECTORY", str(tmp_path))
    points = 0
    # Undisturbed, to count, and then from the end on.
    for number in range(EXAMPLES + 1):
        monkeypatch.setenv("CRASH_AT", str(points - (number - 1) * (points // EXAMPLES)) if points else "0")
        monkeypatch.setenv("BASH_ENV", str(POINTS))
        finished = empty.send(text)
        monkeypatch.delenv("BASH_ENV")
        assert finished.status == (-9 if points else 0), finished.stderr
        points = points or len(counted.read_text())
        again = empty.run("init", values)
        assert again.status == 0, again.stderr
        assert set(empty.path("/inits").read_text().splitlines()) == {"began with snapshot and old"}
        assert not empty.path(RESTORE).exists()
        assert "node/node9" in "".join(empty.calls())
        counted.unlink()
        shutil.rmtree(empty.root)
        shutil.copytree(saved, empty.root, symlinks=True)
    assert points > 150
