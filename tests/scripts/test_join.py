"""The step `join` of a worker: done once, never again, and never over what someone still needs."""

from __future__ import annotations

import base64
import datetime as dt
import re
from dataclasses import replace

import pytest
import yaml

from tests.scripts.cluster import (
    CA,
    DISCOVERY,
    FOREIGN_MACHINE,
    MAY_RESET,
    NODE_IS_READY,
    SAMPLES,
    STATE,
    VALUES,
    calls_in_order,
    kubeadm_calls,
)
from tests.scripts.machine import Machine


def test_a_worker_joins_once(worker: Machine) -> None:
    """Its token is not left behind, and no list of processes shows it."""
    first = worker.run("join", VALUES, DISCOVERY)
    assert first.status == 0, first.stderr
    calls = worker.calls()
    assert len([call for call in calls if call.startswith("kubeadm join --config ")]) == 1
    assert all(call.startswith("curl --disable ") for call in calls if call.startswith("curl ")), (
        "root may have a .curlrc"
    )
    assert "0123456789abcdef" not in "".join(calls)
    assert not worker.path("/etc/kubernetes/kubeadm/discovery.conf").exists()
    worker.write("/etc/kubernetes/kubeadm/discovery.conf", "token: left by a power cut")
    second = worker.run("join", VALUES, DISCOVERY)
    assert not worker.path("/etc/kubernetes/kubeadm/discovery.conf").exists()
    assert (second.status, second.stderr, kubeadm_calls(worker)) == (0, "", [])


def test_what_a_join_wrote_is_on_the_disk_before_a_mark_says_that_the_kubelet_runs_with_it(worker: Machine) -> None:
    """A power cut would leave an empty configuration that no later run writes anew."""
    worker.stub("sync")
    assert worker.run("join", VALUES, DISCOVERY).status == 0
    synced = [call.replace(str(worker.root), "") for call in worker.calls() if call.startswith("sync")]
    mark = f"sync {STATE}/kubelet-configuration.new"
    assert synced.index("sync --file-system /etc /var/lib") < synced.index(mark)


def test_kubeadm_finds_and_trusts_the_cluster_by_token_and_certificate(worker: Machine) -> None:
    """kubeadm reads both from a kubeconfig that only root can read."""
    discovery = "/etc/kubernetes/kubeadm/discovery.conf"
    worker.stub("kubeadm", f"[[ $2 != phase ]] || exit 0; cp --preserve=mode $ROOT{discovery} $ROOT/seen; exit 1")
    worker.run("join", VALUES, DISCOVERY)
    seen = worker.path("/seen")
    assert seen.stat().st_mode & 0o777 == 0o600
    found = yaml.safe_load(seen.read_text())
    assert found["users"][0]["user"] == {"token": "abcdef.0123456789abcdef"}
    assert found["clusters"][0]["cluster"] == {
        "server": "https://192.0.2.11:6443",
        "certificate-authority-data": base64.b64encode(CA.encode()).decode(),
    }


def deletions(machine: Machine) -> list[str]:
    """URLs that a request with the token was to delete, since the last time that this was asked."""
    calls = [call.split() for call in machine.calls()]
    return [words[-1] for words in calls if words[0] == "curl" and "DELETE" in words]


DELETED_URL = "https://192.0.2.11:6443/api/v1/namespaces/kube-system/secrets/bootstrap-token-abcdef"


def test_a_token_does_not_outlive_its_join(worker: Machine) -> None:
    """Whoever finds it could join a machine of his own. A node that is a member already has used its token, too."""
    assert worker.run("join", VALUES, DISCOVERY).status == 0
    assert deletions(worker) == [DELETED_URL]
    assert worker.run("join", VALUES, DISCOVERY).status == 0
    assert deletions(worker) == [DELETED_URL]
    without = [replace(DISCOVERY[0], content=""), *DISCOVERY[1:]]
    assert worker.run("join", VALUES, without).status == 0
    assert deletions(worker) == []


def test_a_token_that_is_not_deleted_is_no_failure_of_the_join(worker: Machine) -> None:
    """It expires. An answer that never comes is waited for; a token that is gone is refused."""
    worker.replace("lib/joining", "comes_true 20", "comes_true 1")
    worker.stub("curl", '[[ "$*" != *DELETE* ]] || exit 7; printf 200')
    finished = worker.run("join", VALUES, DISCOVERY)
    assert finished.status == 0
    assert "node1: the join token is not deleted: it expires" in finished.stderr
    assert deletions(worker)
    worker.stub("curl", "printf 401")
    finished = worker.run("join", VALUES, DISCOVERY)
    assert (finished.status, finished.stderr, deletions(worker)) == (0, "", [DELETED_URL])


@pytest.mark.parametrize("minutes", [-10, 10])
def test_a_clock_that_is_wrong_is_named_before_the_join(worker: Machine, minutes: int) -> None:
    """Certificates are not valid by it."""
    there = dt.datetime.now(dt.UTC) + dt.timedelta(minutes=minutes)
    worker.stub("curl", f"printf 'HTTP/2 401 \\r\\ndate: {there:%a, %d %b %Y %T} GMT\\r\\n\\r\\n'")
    finished = worker.run("join", VALUES, DISCOVERY)
    assert finished.status == 1
    assert "node1: join: expected a clock within 60 s of the control plane's" in finished.stderr
    assert re.search(rf"saw {'-' * (minutes > 0)}(599|600|601) s of difference", finished.stderr)
    assert kubeadm_calls(worker) == []


@pytest.mark.parametrize("status", ["401", "403"])
def test_a_token_that_expired_or_is_none_is_known_before_kubeadm_waits_for_it(worker: Machine, status: str) -> None:
    """With the command that makes a new one."""
    worker.stub("curl", f"printf {status}")
    finished = worker.run("join", VALUES, DISCOVERY)
    assert finished.status == 1
    assert "set gone: true for node1 in the stack file" in finished.stderr
    assert kubeadm_calls(worker) == []


def test_a_node_of_another_cluster_is_left_alone(worker: Machine) -> None:
    """Its certificate authority is another one."""
    worker.write("/etc/kubernetes/pki/ca.crt", "another certificate\n")
    finished = worker.run("join", MAY_RESET, DISCOVERY)
    assert finished.status == 1
    assert "expected a machine that is not in another cluster" in finished.stderr
    assert FOREIGN_MACHINE in finished.stderr
    assert "kubeadm reset" not in finished.stderr
    assert kubeadm_calls(worker) == []


@pytest.mark.parametrize("left", ["", "certif"])
def test_an_authority_that_is_cut_short_is_of_a_join_that_was(worker: Machine, left: str) -> None:
    """kubeadm join does not sync what it writes; the half-done join is cleaned up, and joins."""
    worker.write("/etc/kubernetes/pki/ca.crt", left)
    worker.write(f"{STATE}/join-started", "yes")
    finished = worker.run("join", VALUES, DISCOVERY)
    assert finished.status == 0, finished.stderr
    assert calls_in_order(worker, "kubeadm reset", "systemctl restart containerd", "crictl info", "kubeadm join")


def test_a_machine_that_was_made_anew_joins_on_a_change_too(worker: Machine) -> None:
    """To join destroys nothing; without a valid token it does not come to it."""
    finished = worker.send(worker.text("join", MAY_RESET, DISCOVERY), "verify")
    assert finished.status == 0, finished.stderr
    assert kubeadm_calls(worker) == ["kubeadm join"]


def test_a_look_that_fails_once_does_not_make_a_member_join_again(worker: Machine) -> None:
    """Its pods run; a reset would end them."""
    assert worker.run("join", VALUES, DISCOVERY).status == 0
    worker.calls()
    once = '[[ -e $ROOT/looked ]] || { touch "$ROOT/looked"; echo "connection refused" >&2; exit 1; }'
    worker.stub("kubectl", f"{once}\n{NODE_IS_READY}")
    finished = worker.send(worker.text("join", MAY_RESET, DISCOVERY), "verify")
    assert (finished.status, kubeadm_calls(worker)) == (0, []), finished.stderr


ONCE = '{ [[ -e $ROOT/refused ]] || [[ "$*" != *%s* ]]; } || { touch "$ROOT/refused"; echo refused >&2; exit 1; }\n'
"""Refuses a request once."""


def test_a_join_that_was_cut_short_at_its_end_is_not_taken_for_half_done(worker: Machine) -> None:
    """Its mark is still there, its node is in the cluster, and the API fails to answer once."""
    assert worker.run("join", VALUES, DISCOVERY).status == 0
    worker.write(f"{STATE}/join-started", "yes")
    worker.stub("kubectl", ONCE % "node1" + NODE_IS_READY)
    worker.calls()
    finished = worker.run("join", MAY_RESET, DISCOVERY)
    assert (finished.status, kubeadm_calls(worker)) == (0, []), finished.stderr


def test_the_token_of_a_join_that_was_cut_short_at_its_end_is_not_left_behind(worker: Machine) -> None:
    """The node is registered: nothing joins again."""
    worker.write(f"{STATE}/kubelet-configuration", VALUES["KUBELET_CONFIGURATION_SHA256"])
    discovery = worker.path("/etc/kubernetes/kubeadm/discovery.conf")
    works = (worker.root / "stubs" / "kubeadm").read_text()
    (worker.root / "stubs" / "kubeadm").write_text(f'{works}[[ "$1 $2" != "join --config" ]] || kill -9 $PPID\n')
    assert worker.run("join", VALUES, DISCOVERY).status == 137
    assert discovery.exists()
    (worker.root / "stubs" / "kubeadm").write_text(works)
    assert worker.run("join", VALUES, DISCOVERY).status == 0
    assert not discovery.exists()


def test_a_worker_that_was_led_to_one_control_plane_gets_the_endpoint_back(worker: Machine) -> None:
    """By the next update of its node, or a repair; the kubelet restarts, and a second run does nothing."""
    assert worker.run("join", VALUES, DISCOVERY).status == 0
    kubeconfig = worker.write("/etc/kubernetes/kubelet.conf", "    server: https://192.0.2.99:6443\n")
    worker.write("/var/lib/kubelet/config.yaml", "")
    worker.calls()
    finished = worker.run("join", VALUES, DISCOVERY)
    assert finished.status == 0, finished.stderr
    assert f"{kubeconfig} leads to {VALUES['API_SERVER']}\n" in finished.stderr
    assert kubeconfig.read_text() == f"    server: {VALUES['API_SERVER']}\n"
    assert "systemctl restart kubelet" in worker.calls()
    assert worker.run("join", VALUES, DISCOVERY).stderr == ""


def test_a_version_that_is_not_told_once_is_no_other_version(worker: Machine) -> None:
    """An upgrade would restart the kubelet."""
    assert worker.run("join", VALUES, DISCOVERY).status == 0
    worker.stub("kubectl", ONCE % "kubeletVersion" + NODE_IS_READY)
    worker.calls()
    finished = worker.run("join", VALUES, DISCOVERY)
    assert (finished.status, finished.stderr, kubeadm_calls(worker)) == (0, "", [])


def test_a_node_that_was_drained_is_given_back_although_the_api_fails_to_answer_once(worker: Machine) -> None:
    """It would stay cordoned, and no later update would look."""
    drained = 'case "$*" in *"annotations.pulumi-kubeadm/drained"*) printf true; exit ;; esac\n'
    worker.stub("kubectl", ONCE % "annotations" + drained + NODE_IS_READY)
    finished = worker.run("join", VALUES, DISCOVERY)
    assert finished.status == 0, finished.stderr
    assert "node node1 is uncordoned\n" in finished.stderr
    assert [call for call in worker.calls() if call.startswith("kubectl uncordon node1")]


def test_a_machine_whose_node_was_deleted_joins_again_where_the_stack_allows_the_reset(worker: Machine) -> None:
    """The API says that there is no such node, which is something else than no answer."""
    assert worker.run("join", VALUES, DISCOVERY).status == 0
    worker.path("/joined").unlink()
    worker.stub(
        "kubectl", f'[[ "$*" != *ignore-not-found* ]] || exit 0\n[[ -e $ROOT/joined ]] || exit 1\n{NODE_IS_READY}'
    )
    worker.calls()
    refused = worker.run("join", VALUES, DISCOVERY)
    assert refused.status == 1
    assert "or whose node was deleted since" in refused.stderr
    assert worker.run("join", MAY_RESET, DISCOVERY).status == 0
    assert kubeadm_calls(worker) == ["kubeadm reset", "kubeadm join"]


def test_a_join_that_kubeadm_s_own_checks_refuse_is_none_that_was_cut_short(worker: Machine) -> None:
    """They change nothing: the next update goes on, without a reset. The token is not left behind either."""
    works = (worker.root / "stubs" / "kubeadm").read_text()
    worker.write("/said", (SAMPLES / "kubeadm-1.24-preflight.log").read_text())
    worker.stub("kubeadm", 'cat "$ROOT/said"; exit 1')
    finished = worker.run("join", VALUES, DISCOVERY)
    assert finished.status == 1
    assert "    \t[ERROR Port-6443]: Port 6443 is in use\n" in finished.stderr
    assert "enabled" not in finished.stderr
    assert "\x1b" not in finished.stderr
    assert not worker.path("/etc/kubernetes/kubeadm/discovery.conf").exists()
    (worker.root / "stubs" / "kubeadm").write_text(works)
    worker.calls()
    assert worker.run("join", VALUES, DISCOVERY).status == 0
    assert kubeadm_calls(worker) == ["kubeadm join"]


def test_a_join_that_was_cut_short_early_starts_over(worker: Machine) -> None:
    """Nothing is lost before the kubelet has its certificate."""
    worker.write(f"{STATE}/join-started", "")
    assert worker.run("join", VALUES, DISCOVERY).status == 0
    assert kubeadm_calls(worker) == ["kubeadm reset", "kubeadm join"]


def test_a_join_that_was_cut_short_late_is_reset_only_where_the_stack_allows_it(worker: Machine) -> None:
    """The node may be in the cluster by then."""
    worker.write(f"{STATE}/join-started", "")
    worker.write("/etc/kubernetes/kubelet.conf", "")
    worker.replace("parts/join/worker", "comes_true 120", "comes_true 1")
    assert worker.run("join", VALUES, DISCOVERY).status == 1
    assert kubeadm_calls(worker) == []
    assert worker.run("join", MAY_RESET, DISCOVERY).status == 0
    assert kubeadm_calls(worker) == ["kubeadm reset", "kubeadm join"]


def test_a_node_of_which_the_api_says_something_late_is_not_reset(worker: Machine) -> None:
    """The API server was silent for two minutes, and answers again: the member would lose its pods."""
    assert worker.run("join", VALUES, DISCOVERY).status == 0
    worker.replace("parts/join/worker", "comes_true 120", "comes_true 0")
    worker.stub("kubectl", ONCE % "ignore-not-found" + NODE_IS_READY)
    worker.calls()
    finished = worker.run("join", MAY_RESET, DISCOVERY)
    assert (finished.status, finished.stderr, kubeadm_calls(worker)) == (0, "", [])


UPGRADE = VALUES | {"KUBERNETES_VERSION": "1.36.4"}
CONFIGURATION = "/var/lib/kubelet/config.yaml"
COPY = f"{STATE}/written-by-kubeadm/config.yaml"


@pytest.fixture
def upgrading(worker: Machine) -> Machine:
    """A worker whose packages, files and kubelet become those of a new version."""
    worker.write(CONFIGURATION, "old\n")
    assert worker.run("join", VALUES, DISCOVERY).status == 0
    worker.stub("apt-get", 'for each; do [[ $each != *=1.36.4-* ]] || touch "$ROOT/new-${each%%=*}"; done')
    worker.stub("dpkg-query", '[[ -e $ROOT/new-${!#} ]] && new=4 || new=3\nprintf "installed 1.36.$new-1.1"')
    worker.stub("apt-cache", 'echo "it | 1.36.4-1.1 | there"')
    worker.stub("apt-mark", 'printf "kubeadm\\nkubelet\\nkubectl\\n"')
    worker.stub("systemctl", '[[ $* != "restart kubelet" ]] || touch "$ROOT/restarted"')
    worker.stub("sync")
    worker.stub(
        "kubeadm",
        f'[[ ! -e $ROOT{COPY} ]] || echo "a copy is there" >>"$ROOT/calls"\necho new >"$ROOT{CONFIGURATION}"',
    )
    worker.stub(
        "kubectl",
        "case $* in *kubeletVersion*) [[ -e $ROOT/restarted && ! -e $ROOT/stays ]] && new=4 || new=3\n"
        f"printf v1.36.$new; exit ;; esac\n{NODE_IS_READY}",
    )
    worker.replace("parts/join/worker", "wait_for 300", "wait_for 1")
    worker.calls()
    return worker


def test_a_worker_is_upgraded_by_the_new_kubeadm_before_its_kubelet_starts(upgrading: Machine) -> None:
    """And once what kubeadm wrote is on the disk: no later run would write anew what a power cut left empty."""
    finished = upgrading.run("join", UPGRADE, DISCOVERY)
    assert finished.status == 0, finished.stderr
    calls = upgrading.calls()
    assert "a copy is there" not in calls, "after a power cut a repair would bring it back"
    upgrading.write("/calls", "\n".join(calls))
    assert calls_in_order(
        upgrading,
        *("apt-get ", "kubeadm upgrade node --ignore-preflight-errors=", "sync --file-system "),
        *("apt-get ", "systemctl daemon-reload", "systemctl restart kubelet"),
    )
    assert upgrading.path(COPY).read_text() == "new\n"


def test_a_kubelet_stays_where_kubeadm_does_not_upgrade_its_node(upgrading: Machine) -> None:
    """Of the new version it may not know the old configuration."""
    upgrading.stub("kubeadm", "exit 1")
    finished = upgrading.run("join", UPGRADE, DISCOVERY)
    assert "expected kubeadm upgrade node to succeed" in finished.stderr
    assert not upgrading.path("/new-kubelet").exists()
    assert not upgrading.path("/restarted").exists()


def test_a_kubelet_that_does_not_run_in_the_new_version_fails_the_step(upgrading: Machine) -> None:
    """Its node may be Ready, with the old one."""
    upgrading.write("/stays", "")
    finished = upgrading.run("join", UPGRADE, DISCOVERY)
    assert finished.status == 1
    assert "expected the kubelet to run in version 1.36.4 within 1 s" in finished.stderr
    assert "the node runs Kubernetes" not in finished.stderr
