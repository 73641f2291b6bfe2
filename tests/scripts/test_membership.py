"""The step `membership` of a worker: its token, drains, its leaving and its taints."""

from __future__ import annotations

import re

import pytest
import yaml

from components.settings import Policy
from tests.scripts.cluster import CA, NODE_IS_READY, STATE, WORKER_MEMBERSHIP
from tests.scripts.machine import Machine


@pytest.fixture
def initialised(machine: Machine) -> Machine:
    """A control plane that drains for a minute."""
    machine.write(f"{STATE}/drain-timeout-seconds", "60")
    machine.write("/etc/kubernetes/pki/ca.crt", CA)
    return machine


def test_a_worker_that_is_no_node_gets_a_token_of_minutes(machine: Machine) -> None:
    """And nothing else is printed, which would be taken for the token."""
    machine.stub("kubeadm", "echo abcdef.0123456789abcdef")
    machine.stub("kubectl", "true")
    finished = machine.run("membership", WORKER_MEMBERSHIP)
    assert finished.status == 0, finished.stderr
    assert finished.stdout == "abcdef.0123456789abcdef\n"
    calls = machine.calls()
    assert any("--ttl 15m" in call for call in calls)
    assert "0123456789abcdef" not in "".join(calls)


def test_a_token_may_delete_itself_and_nothing_else(initialised: Machine) -> None:
    """The permission is deleted with the token, whoever deletes that."""
    initialised.stub("kubeadm", "echo abcdef.0123456789abcdef")
    initialised.stub("kubectl", 'case "$*" in *uid*) printf 0-1 ;; apply*) cat >"$ROOT/made" ;; esac')
    assert initialised.run("membership", WORKER_MEMBERSHIP).status == 0
    made = initialised.path("/made").read_text()
    assert "0123456789abcdef" not in made
    role, binding = yaml.safe_load_all(made)
    name = "bootstrap-token-abcdef"
    (rule,) = role["rules"]
    assert rule == {"apiGroups": [""], "resources": ["secrets"], "resourceNames": [name], "verbs": ["delete"]}
    assert [subject["name"] for subject in binding["subjects"]] == ["system:bootstrap:abcdef"]
    assert binding["roleRef"] == {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": name}
    for made_object in (role, binding):
        assert made_object["metadata"] == {
            "namespace": "kube-system",
            "name": name,
            "ownerReferences": [{"apiVersion": "v1", "kind": "Secret", "name": name, "uid": "0-1"}],
        }


def test_a_node_whose_version_is_empty_is_not_drained(machine: Machine) -> None:
    """An empty answer is none, and would be taken for another version."""
    machine.stub("kubectl", f"[[ $* != *kubeletVersion* ]] || exit 0\n{NODE_IS_READY}")
    machine.replace("lib/lib", "ANSWER_SECONDS=60", "ANSWER_SECONDS=1")
    finished = machine.run("membership", WORKER_MEMBERSHIP)
    assert finished.status == 1
    assert "expected the API server to say which version node node2 has within 1 s" in finished.stderr
    assert not [call for call in machine.calls() if "cordon" in call or "drain" in call]


def test_a_node_that_is_ready_gets_no_token(machine: Machine) -> None:
    """It needs none."""
    machine.stub("kubectl", NODE_IS_READY)
    finished = machine.run("membership", WORKER_MEMBERSHIP)
    assert finished.status == 0, finished.stderr
    assert finished.stdout == ""


def test_a_node_of_another_version_is_drained_for_its_upgrade(initialised: Machine) -> None:
    """It is marked first, so that it is given back even if this is cut short."""
    initialised.stub("kubectl", NODE_IS_READY)
    finished = initialised.run("membership", WORKER_MEMBERSHIP | {"KUBERNETES_VERSION": "1.37.1"})
    assert finished.status == 0, finished.stderr
    verbs = [call.split()[1] for call in initialised.calls()]
    assert verbs.index("annotate") < verbs.index("cordon") < verbs.index("drain")


def test_a_drain_that_cannot_finish_names_the_pods_and_what_keeps_them(initialised: Machine) -> None:
    """A disruption budget, for one."""
    initialised.stub(
        "kubectl",
        'case "$*" in\ndrain*) echo "error: would violate the disruption budget" >&2; exit 1 ;;\n'
        '*ownerReferences*) printf "ReplicaSet shop/web-1\\nDaemonSet kube-system/calico\\n shop/bare\\n" ;;\n'
        "*drained}*) echo true ;;\n*Ready*) echo True ;;\n*'output name'*) echo node/node2 ;;\nesac",
    )
    finished = initialised.run("leave", WORKER_MEMBERSHIP)
    assert finished.status == 1
    assert "expected node node2 to drain within 60 s" in finished.stderr
    assert "node node2 is uncordoned\n" in finished.stderr, "whoever takes the edit back has nothing more to do"
    assert "pods that stay: shop/web-1 shop/bare\n" in finished.stderr
    assert "would violate the disruption budget" in finished.stderr
    assert not [call for call in initialised.calls() if "delete node" in call]


def test_a_node_that_leaves_is_drained_and_deleted(initialised: Machine) -> None:
    """In this order; a second run finds nothing to do."""
    left = 'case "$*" in "delete node"*) touch "$ROOT/left" ;; "get node"*) [[ ! -e $ROOT/left ]] || exit 0 ;; esac'
    initialised.stub("kubectl", f"{left}\n{NODE_IS_READY}")
    assert initialised.run("leave", WORKER_MEMBERSHIP).status == 0
    verbs = [call.split()[1] for call in initialised.calls()]
    assert verbs.index("drain") < verbs.index("delete")
    second = initialised.run("leave", WORKER_MEMBERSHIP)
    assert (second.status, second.stderr) == (0, "")


@pytest.mark.parametrize(
    "condition", ["if [[ -e $ROOT/draining ]]; then echo Unknown; else echo True; fi", "echo Unknown"]
)
def test_a_machine_that_does_not_answer_is_not_waited_for(initialised: Machine, condition: str) -> None:
    """Also one that was switched off a moment ago: its node is Ready until the control plane misses it."""
    initialised.stub(
        "kubectl",
        'case "$*" in\ndrain*) touch "$ROOT/draining"; exec sleep 300 ;;\n'
        f"*'output name'*) echo node/node2 ;;\n*Ready*) {condition} ;;\nesac",
    )
    finished = initialised.run("leave", WORKER_MEMBERSHIP)
    assert finished.status == 0, finished.stderr
    assert "node node2 stopped answering: the drain does not wait for its pods\n" in finished.stderr
    assert [call for call in initialised.calls() if "delete node" in call]


@pytest.mark.parametrize("left", ["missing", "empty"])
def test_a_drain_without_the_mark_of_its_limit_takes_the_default_of_the_policy(initialised: Machine, left: str) -> None:
    """The mark was lost: a removal must neither fail for it nor drain for no time at all."""
    initialised.stub("kubectl", NODE_IS_READY)
    mark = initialised.write(f"{STATE}/drain-timeout-seconds", "")
    if left == "missing":
        mark.unlink()
    finished = initialised.run("leave", WORKER_MEMBERSHIP)
    assert finished.status == 0, finished.stderr
    (drain,) = [call for call in initialised.calls() if call.startswith("kubectl drain")]
    assert drain.endswith(f"--timeout={Policy().drain_timeout_seconds}s")


def test_a_drain_that_hangs_ends(initialised: Machine) -> None:
    """An API server that accepts connections and is silent would hold it until the end of the step."""
    initialised.replace("lib/nodes", "seconds + 60", "1")
    initialised.stub(
        "kubectl", f'case "$*" in drain*) exec sleep 300 ;; *drained*) echo true; exit ;; esac\n{NODE_IS_READY}'
    )
    finished = initialised.run("leave", WORKER_MEMBERSHIP)
    assert finished.status == 1
    assert "expected node node2 to drain within 60 s" in finished.stderr
    (drain,) = [call for call in initialised.calls() if call.startswith("kubectl drain")]
    assert drain.endswith("--timeout=60s"), "a limit of each request would end what watches"


def test_a_node_that_is_not_ready_and_answers_is_drained(initialised: Machine) -> None:
    """Its pods run, and have disruption budgets."""
    initialised.stub("kubectl", 'case "$*" in *"output name"*) echo node/node2 ;; *Ready*) echo False ;; esac')
    assert initialised.run("leave", WORKER_MEMBERSHIP).status == 0
    assert "drain" in [call.split()[1] for call in initialised.calls()]


@pytest.mark.parametrize("step", ["membership", "leave"])
@pytest.mark.parametrize("answers", ["false", '[[ "$*" == *readyz* ]]'], ids=["at all", "to the question"])
def test_an_api_that_does_not_answer_says_nothing_of_a_node(initialised: Machine, step: str, answers: str) -> None:
    """Nothing is deleted, drained or remembered on its word."""
    initialised.write(f"{STATE}/taints-of-node2", "a=b:NoSchedule")
    initialised.replace("lib/lib", "ANSWER_SECONDS=60", "ANSWER_SECONDS=1")
    initialised.stub("kubectl", f'{answers} || {{ echo "connection refused" >&2; exit 1; }}')
    finished = initialised.run(step, WORKER_MEMBERSHIP)
    assert finished.status == 1
    assert finished.stderr.startswith(f"node1: {step}: expected "), finished.stderr
    assert not [call for call in initialised.calls() if " delete " in call or " drain " in call]
    assert initialised.path(f"{STATE}/taints-of-node2").read_text() == "a=b:NoSchedule"


@pytest.mark.parametrize(
    ("before", "wanted", "expected"),
    [
        ("", "a=b:NoSchedule", ["--overwrite node node2 a=b:NoSchedule"]),
        ("a=b:NoSchedule", "", ["node node2 a:NoSchedule-"]),
        (
            "a:NoSchedule\nc:NoExecute",
            "a:NoSchedule\nc:NoSchedule",
            ["node node2 c:NoExecute-", "--overwrite node node2 c:NoSchedule"],
        ),
        ("a:NoSchedule", "a:NoSchedule", []),
    ],
)
def test_taints_follow_the_stack_and_those_of_others_stay(
    initialised: Machine, before: str, wanted: str, expected: list[str]
) -> None:
    """Only what we set before is taken away."""
    initialised.write(f"{STATE}/taints-of-node2", before)
    initialised.write("/taints", re.sub("=.*:", ":", before) + "\nhers:NoSchedule\n")
    initialised.stub("kubectl", f'case "$*" in *spec.taints*) cat "$ROOT/taints"; exit 0 ;; esac\n{NODE_IS_READY}')
    assert initialised.run("membership", WORKER_MEMBERSHIP | {"TAINTS": wanted}).status == 0
    requests = [call.removesuffix(" --request-timeout=20s") for call in initialised.calls()]
    calls = [call.removeprefix("kubectl taint ") for call in requests if call.startswith("kubectl taint")]
    assert calls == expected
    assert initialised.path(f"{STATE}/taints-of-node2").read_text() == wanted


@pytest.mark.parametrize("later", ["", "a=c:NoSchedule"])
def test_a_taint_whose_edit_was_cut_short_and_taken_back_goes(initialised: Machine, later: str) -> None:
    """The stack set it, although the step did not go to its end. Another value of it is set anew."""
    cluster = 'case "$*" in *spec.taints*) [[ ! -e $ROOT/set ]] || echo a:NoSchedule; exit ;; esac\n'
    killed = '[[ "$*" != *overwrite* ]] || { touch "$ROOT/set"; kill -9 $PPID; }\n'
    initialised.stub("kubectl", cluster + killed + NODE_IS_READY)
    assert initialised.run("membership", WORKER_MEMBERSHIP | {"TAINTS": "a=b:NoSchedule"}).status == 137
    initialised.calls()
    initialised.stub("kubectl", cluster + NODE_IS_READY)
    assert initialised.run("membership", WORKER_MEMBERSHIP | {"TAINTS": later}).status == 0
    calls = [call.split(" --request")[0] for call in initialised.calls() if call.startswith("kubectl taint")]
    set_anew = [f"kubectl taint --overwrite node node2 {later}"] if later else []
    assert calls == ["kubectl taint node node2 a:NoSchedule-", *set_anew]
    assert initialised.path(f"{STATE}/taints-of-node2").read_text() == later


def test_a_taint_that_was_removed_before_the_step_was_cut_short_comes_back_with_its_edit(initialised: Machine) -> None:
    """The mark would say that it is there."""
    initialised.write(f"{STATE}/taints-of-node2", "a=b:NoSchedule")
    cluster = 'case "$*" in *spec.taints*) [[ -e $ROOT/gone ]] || echo a:NoSchedule; exit ;; esac\n'
    killed = '[[ "$*" != *NoSchedule-* ]] || { touch "$ROOT/gone"; kill -9 $PPID; }\n'
    initialised.stub("kubectl", cluster + killed + NODE_IS_READY)
    assert initialised.run("membership", WORKER_MEMBERSHIP).status == 137
    initialised.stub("kubectl", cluster + NODE_IS_READY)
    initialised.calls()
    assert initialised.run("membership", WORKER_MEMBERSHIP | {"TAINTS": "a=b:NoSchedule"}).status == 0
    assert [call for call in initialised.calls() if call.startswith("kubectl taint --overwrite node node2 a=b:")]
