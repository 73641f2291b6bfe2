"""An etcd without its data, as with a disk that is not mounted, begins no new cluster."""

from __future__ import annotations

import json

import pytest
import yaml

from tests.scripts.cluster import ETCD, OWN_MEMBER, STATE, VALUES
from tests.scripts.machine import Machine

CONFIGURATION = "apiVersion: v1beta4\nkind: InitConfiguration\nnodeRegistration: {}\n---\nkind: ClusterConfiguration\n"
ETCD_MANIFEST = "/etc/kubernetes/manifests/etcd.yaml"
PATCHED = """\
cd "$ROOT/etc/kubernetes"
if [[ $* == *"phase etcd local"* ]]; then
  cp "${!#}" "$ROOT/configuration"
  cp "$(sed --quiet 's/^  directory: //p' "${!#}")/etcd+json.json" "$ROOT/patch"
  cp "$ROOT/patch" manifests/etcd.yaml
fi"""
"""A kubeadm that writes the manifest of etcd with the patch."""


@pytest.fixture
def unguarded(running: Machine) -> Machine:
    """A control plane as kubeadm initialises it, whose etcd runs in another container with another manifest."""
    running.write(ETCD_MANIFEST, "etcd that begins a cluster\n")
    running.write("/etc/kubernetes/kubeadm/config.yaml", CONFIGURATION)
    running.stub("kubeadm", PATCHED)
    container = (
        'case "$(<"$ROOT/etc/kubernetes/manifests/etcd.yaml")" in'
        " *force-new-cluster*) echo etcd3 ;; *existing*) echo etcd2 ;; *) echo etcd1 ;; esac"
    )
    of_either = ETCD.replace("echo etcd1", f"[[ ! -e $ROOT/fails ]] || exit 0; {container}")
    of_api = '[[ "$*" != "ps --quiet --name ^kube-apiserver$" ]] || echo api1'
    running.stub("crictl", of_either.replace('"exec etcd1 etcdctl "', '"exec etcd"?" etcdctl "') + of_api)
    return running


def test_etcd_gets_the_argument_once_its_cluster_exists(unguarded: Machine) -> None:
    """By a patch of kubeadm, so that etcd's other arguments are kubeadm's; once."""
    first = unguarded.run("init", VALUES)
    assert first.status == 0, first.stderr
    assert "node1: etcd does not start where its data are missing\n" in first.stderr
    assert json.loads(unguarded.path("/patch").read_text()) == [
        {"op": "add", "path": "/spec/containers/0/command/-", "value": "--initial-cluster-state=existing"}
    ]
    init, cluster = yaml.safe_load_all(unguarded.path("/configuration").read_text())
    assert init["patches"] == {"directory": str(unguarded.path("/run/pulumi-kubeadm/init/patches"))}
    assert cluster == {"kind": "ClusterConfiguration"}
    unguarded.calls()
    assert unguarded.run("init", VALUES).stderr == ""
    assert not [call for call in unguarded.calls() if "etcd local" in call]


@pytest.mark.parametrize("stops", ["true", "false"])
def test_the_api_server_ends_with_its_etcd(unguarded: Machine, stops: str) -> None:
    """It would hold the request of the kubelet that comes before the new etcd. It may have ended already."""
    crictl = unguarded.path("/stubs/crictl").read_text()
    unguarded.path("/stubs/crictl").write_text(f'{crictl}\n[[ "$*" != "stop "* ]] || {stops}\n')
    finished = unguarded.run("init", VALUES)
    assert finished.status == 0, finished.stderr
    calls = unguarded.calls()
    assert calls.count("crictl stop --timeout 1 api1") == 1
    changed = next(number for number, call in enumerate(calls) if "etcd local" in call)
    assert calls.index("crictl stop --timeout 1 api1") > changed
    unguarded.run("init", VALUES)
    assert not [call for call in unguarded.calls() if call.startswith("crictl stop")]


def test_an_etcd_that_does_not_run_with_the_argument_gets_its_manifest_back(unguarded: Machine) -> None:
    """The step fails, and the cluster serves."""
    unguarded.stub("kubeadm", f'{PATCHED}\n[[ $* != *"phase etcd local"* ]] || touch "$ROOT/fails"')
    finished = unguarded.run("init", VALUES)
    assert finished.status == 1
    assert "expected etcd to run with its new arguments within 180 s" in finished.stderr
    assert unguarded.path(ETCD_MANIFEST).read_text() == "etcd that begins a cluster\n"
    assert not unguarded.path(f"{STATE}/manifests").exists()


def test_a_manifest_of_etcd_that_kubeadm_did_not_finish_is_put_back_at_once(unguarded: Machine) -> None:
    """The kubelet would run what is there until the next update."""
    unguarded.write("/members", f"{OWN_MEMBER}\n{OWN_MEMBER.replace('a1', 'b2').replace('2.11', '2.12')}\n")
    unguarded.stub("kubeadm", f'[[ $* != *"phase etcd local"* ]] || {{ echo half >"$ROOT{ETCD_MANIFEST}"; exit 1; }}')
    finished = unguarded.run("init", VALUES)
    assert finished.status == 1
    assert "expected kubeadm init phase etcd local to succeed" in finished.stderr
    assert unguarded.path(ETCD_MANIFEST).read_text() == "etcd that begins a cluster\n"
    assert not unguarded.path(f"{STATE}/manifests").exists()
    assert "detour begins" in unguarded.calls()
    assert not unguarded.path("/detour").exists(), "it serves clients again"


def test_an_argument_by_which_etcd_forgets_its_members_goes(unguarded: Machine) -> None:
    """Of a recovery whose marks were lost: at each start etcd would be alone again."""
    unguarded.write(ETCD_MANIFEST, "- --force-new-cluster\n- --initial-cluster-state=existing\n")
    finished = unguarded.run("init", VALUES)
    assert finished.status == 0, finished.stderr
    assert "force-new-cluster" not in unguarded.path(ETCD_MANIFEST).read_text()


URLS = [f"node{number}=https://192.0.2.1{number}:2380" for number in (1, 2, 3)]


@pytest.mark.parametrize(("names", "restarts"), [(1, 0), (2, 0), (3, 1)])
def test_an_etcd_that_could_vote_without_its_data_gets_its_own_name_alone(
    unguarded: Machine, names: int, restarts: int
) -> None:
    """As kubeadm joined it: with the list of all members it starts without data. One of two stops nobody for it."""
    manifest = f"- --initial-cluster={','.join(URLS[:names])}\n- --initial-cluster-state=existing\n"
    unguarded.write(ETCD_MANIFEST, manifest)
    own = f"- --initial-cluster={URLS[0]}\n- --initial-cluster-state=existing\n"
    unguarded.write("/own-manifest", own)
    unguarded.stub(
        "kubeadm",
        PATCHED.replace('cp "$ROOT/patch" manifests', 'touch "$ROOT/again"; cp "$ROOT/own-manifest" manifests'),
    )
    works = (unguarded.root / "stubs" / "crictl").read_text()
    (unguarded.root / "stubs" / "crictl").write_text(
        works.replace(
            "*existing*) echo etcd2", "*existing*) if [[ -e $ROOT/again ]]; then echo etcd3; else echo etcd2; fi"
        )
    )
    finished = unguarded.run("init", VALUES)
    assert finished.status == 0, finished.stderr
    assert finished.stderr.count("etcd does not start where its data are missing") == restarts
    assert (unguarded.path(ETCD_MANIFEST).read_text() == own) == (restarts == 1 or names == 1)
    unguarded.calls()
    assert unguarded.run("init", VALUES).stderr == ""
    assert not [call for call in unguarded.calls() if "etcd local" in call]
