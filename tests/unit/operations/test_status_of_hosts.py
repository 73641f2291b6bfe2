"""`make status` names what is wrong on a host, found in one visit."""

from __future__ import annotations

import re
import shlex
import subprocess

import pytest

from components.settings import Host, Ssh
from components.settings.backup import STATE
from components.steps.scripts import SCRIPTS
from components.steps.ssh import Answer
from components.steps.step import StepName
from operations.status import _host_checks
from operations.status._host_checks import facts_of, host_problems
from operations.status._lost_state import (
    EXCUSED_MARKS,
    MARKS_BESIDE_FILES,
    MARKS_OF_CONTROL_PLANE,
    MARKS_OF_EVERY_NODE,
    marks_of,
)
from tests.unit.support.recorded_cluster import HEALTHY_HOST, PAUSE, Look, settings
from tests.unit.support.stacks import SHOP, with_workers


@pytest.mark.parametrize(
    ("facts", "expected", "next_command"),
    [
        ({"containerd": "inactive"}, "containerd: expected the service containerd to run", "systemctl restart"),
        (
            {"cri": "Unimplemented", "cri_disabled": 'disabled_plugins = ["cri"]'},
            "saw its CRI plugin is disabled",
            "make repair STACK=shop HOST=node2",
        ),
        (
            {"pause_configured": "registry.k8s.io/pause:3.6"},
            f"containerd to start pods with {PAUSE}",
            "files in /etc/containerd/conf.d, which containerd reads, too: make drift STACK=shop",
        ),
        ({"pause_present": "no", "pause_log": "401 Unauthorized"}, "saw 401 Unauthorized", f"crictl pull {PAUSE}"),
        ({"kubelet": "activating"}, "kubelet: expected the service kubelet to run", "journalctl --unit kubelet"),
        (
            {"unit kubernetes-api-haproxy.service": "activating", "unit kubernetes-backup.timer": "active"},
            "expected kubernetes-api-haproxy.service to run,\n  saw activating\n",
            "journalctl --unit kubernetes-api-haproxy.service",
        ),
        ({"cni": ""}, "pod network: expected a CNI configuration", "k8s-app=calico-node"),
        ({"stop_timeout": "t 90000000"}, "DefaultTimeoutStopSec of systemd to be 5 s", "make repair"),
    ],
)
def test_what_is_wrong_on_a_host_is_named(look: Look, facts: dict[str, str], expected: str, next_command: str) -> None:
    """Found in one visit."""
    look.facts["node2"] |= facts
    printed = look.printed()
    assert expected in printed
    assert next_command in printed
    assert printed.count("Next:") == 1


def test_a_join_whose_token_expired_is_named(look: Look) -> None:
    """The host is there, its node is not."""
    look.items("/api/v1/nodes").pop()
    look.recorded.pop(("node2", StepName.JOIN))
    look.facts["node2"] |= {"joined": "no", "kubelet": "inactive", "cni": "", "join_log": "couldn't get: Unauthorized"}
    printed = look.printed()
    assert "node2: join token: expected the cluster to accept the token of the join" in printed
    assert "it mints a new token for each join" in printed


def test_a_machine_that_no_update_was_on_is_sent_to_one(look: Look) -> None:
    """There is no service to start, and nothing that a repair could put back."""
    look.recorded.clear()
    look.facts["node2"] |= {"containerd_program": "", "containerd": "inactive", "joined": "no", "stop_timeout": "t 9"}
    printed = look.printed()
    assert "node2: host: expected a machine that an update prepared" in printed
    assert "Next: pulumi up --stack shop\n" in printed
    assert printed.count("Next:") == 1


RESET = {"joined": "no", "kubelet": "inactive", "cni": ""}


@pytest.mark.parametrize(
    ("host", "facts", "expected"),
    [
        ("node2", RESET, "node2: kubelet: expected a node of the cluster, as the last update left it"),
        (
            "node2",
            RESET | {"marks_gone": f"{STATE}/owner", "files_gone": "/etc/a"},
            "node2: kubelet: expected a node of the cluster",
        ),
        ("node2", RESET | {"containerd_program": "", "containerd": "inactive"}, "node2: kubelet: expected a node"),
        ("node2", {"marks_gone": f"{STATE}/owner"}, f"saw no {STATE}/owner\n"),
        ("node1", {"marks_gone": f"{STATE}/taints {STATE}/prepared"}, f"saw no {STATE}/taints, no {STATE}/prepared\n"),
        ("node2", {"files_gone": "/etc/a /etc/b"}, "node2: files: expected the files that the last update wrote"),
    ],
)
def test_what_a_node_has_lost_since_the_last_update_is_put_back_by_a_repair(
    look: Look, host: str, facts: dict[str, str], expected: str
) -> None:
    """Each is one problem, with one command."""
    look.facts[host] |= facts
    printed = look.printed()
    assert expected in printed
    assert f"Next: make repair STACK=shop HOST={host}\n" in printed
    assert printed.count("Next:") == 1


def test_a_worker_has_no_mark_of_a_cluster(look: Look) -> None:
    """Only the machine that initialised it."""
    roles = {name: set(marks_of(host, ["node2"])) for name, host in look.settings.hosts.items()}
    assert "initialized" in roles["node1"] - roles["node2"]
    look.facts["node2"] |= {"cluster_data": "no"}
    look.assert_well()


def test_a_lost_mark_of_a_worker_is_put_back_by_a_repair_of_the_worker(look: Look) -> None:
    """The control plane has the mark, and `membership` of the worker writes it; a name that was cut is no worker."""
    gone = f"{STATE}/taints-of-node2 {STATE}/taints-of-no"
    look.facts["node1"] |= {"marks_gone": gone}
    printed = look.printed()
    mark = f"{STATE}/taints-of-node2 on node1"
    assert f"node2: marks: expected the taints that the stack gave the node, in {mark}" in printed
    assert "Next: make repair STACK=shop HOST=node2\n" in printed
    assert printed.count("Next:") == 1
    look.facts["node1"] |= {"marks_gone": f"{STATE}/taints {gone}"}
    assert "Next: make repair STACK=shop HOST=node1\n" in look.printed()


def test_marks_of_workers_have_the_name_that_the_scripts_give_them(monkeypatch: pytest.MonkeyPatch) -> None:
    """A look at the control plane asks for a mark of each worker that the last update left as a node."""
    name = subprocess.run(
        ["bash", "-c", 'STATE=x; . "$1"; worker_taints_mark node2', "bash", str(SCRIPTS / "lib" / "marks.sh")],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    texts: list[str] = []

    def run_as_root(_host: Host, _ssh: Ssh, text: str) -> Answer:
        texts.append(text)
        return Answer(0, "", "")

    monkeypatch.setattr(_host_checks, "run_as_root", run_as_root)
    hosts = with_workers("node2", "node3", "node4")["hosts"]
    hosts["node4"]["gone"] = True
    stack = settings(hosts=hosts)
    facts_of(stack.hosts["node1"], stack, {"node1": "", "node2": "node1", "node3": "node5", "node4": "node1"})
    marks = shlex.split(texts[0].partition("MARKS=")[2].partition("\n")[0])[0].split()
    assert [mark for mark in marks if "-of-" in mark] == [name]


def test_a_control_plane_that_was_reset_has_lost_its_cluster(look: Look) -> None:
    """No repair brings the data back: the page that is named begins anew."""
    look.facts["node1"] |= RESET | {"cluster_data": "no"}
    printed = look.printed()
    assert "node1: control plane: expected the data of the cluster in /var/lib/etcd" in printed
    assert "docs/how-to/lost-control-plane.md" in printed
    assert "make repair" not in printed


SCRIPT_TEXT = "\n".join(path.read_text() for path in sorted((SCRIPTS / "lib").glob("*.sh")))


@pytest.mark.parametrize("name", sorted(set(re.findall(r"^[A-Z_]+_MARK=(\S+)", SCRIPT_TEXT, re.MULTILINE))))
def test_every_mark_is_missed_or_excused_with_a_reason(look: Look, name: str) -> None:
    """The names are those of the scripts: without a new one in a table, nobody would learn that it is lost."""
    checked = {each.partition(":")[0] for host in look.settings.hosts.values() for each in marks_of(host, [])}
    assert (name in checked) != bool(EXCUSED_MARKS.get(name))


def test_the_tables_of_marks_have_no_mark_that_is_none() -> None:
    """Such as one of an older version."""
    names = set(re.findall(r"^[A-Z_]+_MARK=(\S+)", SCRIPT_TEXT, re.MULTILINE))
    listed = [*MARKS_OF_EVERY_NODE, *MARKS_OF_CONTROL_PLANE, *MARKS_BESIDE_FILES, *EXCUSED_MARKS]
    assert (set(listed), len(listed)) == (names, len(names))


@pytest.mark.parametrize(("mark", "path"), MARKS_BESIDE_FILES.items())
def test_the_file_beside_a_mark_has_the_path_that_the_scripts_give_it(mark: str, path: str) -> None:
    """A mark beside a file that no host has would never be missed."""
    variables = {
        "load-balancer-runs-with": ("load_balancer", "LOAD_BALANCER_CONFIG"),
        "vip-runs-with": ("vip", "VIP_CONFIG"),
        "network-manager-reads": ("network_manager", "NETWORK_MANAGER"),
        "networkd-reads": ("network_manager", "NETWORKD"),
        "encryption": ("api_server", "ENCRYPTION"),
    }
    library, variable = variables[mark]
    script = 'STATE=x STAGING=x LIBRARY=$1; . "$1/lib/lib.sh"; . "$1/lib/$2.sh"; printf %s "${!3}"'
    bash = ["bash", "-c", script, "bash", str(SCRIPTS), library, variable]
    assert subprocess.run(bash, capture_output=True, text=True, check=True).stdout == path


@pytest.mark.parametrize(("common", "own", "wanted"), [(1000000, None, 1000000), (1000000, 2000000, 2000000)])
def test_a_conntrack_maximum_that_the_stack_sets_and_kube_proxy_overrides_is_named(
    common: int, own: int | None, wanted: int
) -> None:
    """Seen on the host itself, whose own setting counts."""
    name = "net.netfilter.nf_conntrack_max"
    hosts = with_workers("node2")["hosts"]
    hosts["node2"]["sysctl"] = {name: own} if own else {}
    stack = settings(system={"sysctl": {name: common}}, hosts=hosts)
    (problem,) = host_problems(
        stack.hosts["node2"], stack, HEALTHY_HOST, SHOP, is_node=True, were_nodes=["node2"], reports=False
    )
    assert f"net.netfilter.nf_conntrack_max to be {wanted}" in str(problem)
    assert "saw 262144; kube-proxy sets it" in str(problem)
