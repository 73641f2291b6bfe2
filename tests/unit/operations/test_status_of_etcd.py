"""`make status` names what is wrong with etcd and its bundles."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from components.settings.stack_file import parse_settings
from operations.status import status
from operations.status._cluster_state import ClusterState
from operations.status._etcd_checks import etcd_problems
from operations.status._host_checks import ETCD_FACTS
from problem import Problem
from tests.unit.support.recorded_cluster import HEALTHY_HOST
from tests.unit.support.stacks import SHOP, with_workers

HOUR = 3600
VOTERS = "192.0.2.11=voter 192.0.2.12=voter"
WELL = {
    "initialized_age": str(100 * HOUR),
    "bundle_age": str(5 * HOUR),
    "etcd_members": VOTERS,
    "etcd_status": "Leader=81 DBSize=20000000 DBSizeInUse=19000000",
}


def problems(*were_nodes: str, **facts: str) -> list[str]:
    """What is wrong with etcd on node1, of two control planes."""
    stack = with_workers("node2")
    stack["hosts"]["node2"]["role"] = "control-plane"
    settings = parse_settings(stack)
    return [
        str(each)
        for each in etcd_problems(
            settings.hosts["node1"], settings, WELL | facts, SHOP, were_nodes=were_nodes, reports=True
        )
    ]


def test_an_etcd_that_is_well_is_no_problem() -> None:
    """Nor is a machine that is no control plane yet."""
    assert problems() == []
    settings = parse_settings(with_workers("node2"))
    assert list(etcd_problems(settings.hosts["node1"], settings, {}, SHOP, were_nodes=(), reports=True)) == []


@pytest.mark.parametrize(
    ("facts", "seen", "next_command"),
    [
        (
            {"bundle_age": str(20 * HOUR)},
            "the last bundle is 20 h old; the timer did not run",
            "make snapshot STACK=shop",
        ),
        (
            {"bundle_failure": "256 MiB are free"},
            "the last bundle is 5 h old; 256 MiB are free",
            "kubernetes-backup.timer",
        ),
        ({"etcd_failure": "connection refused"}, "saw connection refused", "crictl logs"),
        (
            {"etcd_forgets": "yes"},
            "--force-new-cluster, of a recovery that was cut short",
            "make recover STACK=shop HOST=node1",
        ),
        ({"etcd_members": "192.0.2.11=voter"}, "no member at 192.0.2.12", "pulumi up"),
        ({"etcd_members": f"{VOTERS} 192.0.2.19=voter"}, "a member at 192.0.2.19, which votes on", "member remove ID"),
        (
            {"etcd_members": VOTERS.replace("12=voter", "12=learner")},
            "a learner, of a join that was cut short",
            "pulumi up",
        ),
        ({"etcd_status": "Leader=0"}, "saw none: the majority", "docs/how-to/lost-majority.md"),
        ({"etcd_alarms": "NOSPACE"}, "the alarm NOSPACE: etcd takes no writes", "alarm disarm"),
        ({"etcd_status": "Leader=1 DBSize=1900000000 DBSizeInUse=1800000000"}, "1812 MiB, of which 1717 MiB", "defrag"),
        (
            {"etcd_status": "Leader=1 DBSize=600000000 DBSizeInUse=100000000"},
            "572 MiB, of which 95 MiB",
            "defrag. Then the next",
        ),
        ({"etcd_alarms": "CORRUPT"}, "the alarm CORRUPT", "docs/how-to/lost-etcd-data.md"),
        ({"etcd_quota": "20000000"}, "19 MiB, of which 18 MiB are in use", "quota-backend-bytes"),
    ],
)
def test_what_is_wrong_with_etcd_is_named(facts: dict[str, str], seen: str, next_command: str) -> None:
    """Each by a problem of its own."""
    (problem,) = problems(**facts)
    assert seen in problem
    assert next_command in problem


@pytest.mark.parametrize("members", ["192.0.2.11=voter", VOTERS.replace("12=voter", "12=unstarted")])
def test_a_control_plane_of_the_last_update_without_its_member_joins_anew(members: str) -> None:
    """As one that was reset by hand: an update alone has nothing to do for it."""
    (problem,) = problems("node1", "node2", etcd_members=members)
    advice = "set gone: true for node2 in the stack file, then pulumi up --stack shop; remove it"
    assert f"Next: {advice}, then pulumi up --stack shop: the machine joins anew" in problem


def test_a_cluster_of_yesterday_without_a_bundle_is_a_problem(tmp_path: Path) -> None:
    """A new one has time until the second turn of its timer."""
    stack = parse_settings(with_workers("node2"))
    host = stack.hosts["node1"]
    young = {**WELL, "etcd_members": "192.0.2.11=voter", "initialized_age": str(HOUR)}
    del young["bundle_age"]
    assert list(etcd_problems(host, stack, young, SHOP, were_nodes=(), reports=True)) == []
    (problem,) = etcd_problems(
        host, stack, young | {"initialized_age": str(24 * HOUR)}, SHOP, were_nodes=(), reports=True
    )
    assert problem.seen == "no bundle; the timer did not run"


PRINTED = """#!/bin/bash
case "$*" in
  ps*) echo abc ;;
  *"member list --write-out json")
    printf '{"header":{"member_id":1},"members":[{"ID":10276657743932975437,"name":"node1",' &&
    printf '"peerURLs":["https://192.0.2.11:2380"],"clientURLs":["https://192.0.2.11:2379"]},' &&
    echo '{"ID":10501334649042878790,"peerURLs":["https://192.0.2.12:2380"],"isLearner":true}]}' ;;
  *"endpoint status"*) printf '"%s" : %s\\n' Leader 10276657743932975437 DBSize 25153536 DBSizeInUse 9 ;;
  *"get /registry/secrets/"*) printf '"%s" : "%s"\\n' Key /registry/secrets/a/b Lease 0 \\
    Value 'k8s:enc:secretbox:v1:k1:\\x00' Key /registry/secrets/a/c Value 'k8s\\x00\\n'; echo '"Count" : 2' ;;
  *"alarm list --write-out json") echo '{"header":{"revision":1},"alarms":[{"memberID":102,"alarm":1}]}' ;;
esac
"""
"""A crictl whose etcdctl prints as that of 3.6."""


def facts_with(directory: Path, crictl: str) -> dict[str, str]:
    """The facts of a control plane with this crictl, whose state is in a directory."""
    stub = directory / "crictl"
    stub.write_text(crictl)
    stub.chmod(0o755)
    (directory / "initialized").touch()
    fact = """fact() { printf '%s=%s\\n' "$1" "${2//$'\\n'/ }"; }"""
    script = "".join(path.read_text() for path in ETCD_FACTS).replace(
        "/etc/kubernetes/backup/settings", f"{directory}/settings"
    )
    script = script.replace("/etc/kubernetes/manifests", str(directory))
    text = f"export PATH={directory}:$PATH STATE={directory} ANSWER_SECONDS=1\n{fact}\n{script}"
    command = ["bash", "-euo", "pipefail"]
    printed = subprocess.run(command, input=text, capture_output=True, text=True, check=True).stdout
    return dict(line.split("=", 1) for line in printed.splitlines())


@pytest.mark.parametrize("silent", ["member list", "endpoint status", "alarm list"])
def test_an_etcd_that_does_not_answer_has_no_alarm_and_no_size(tmp_path: Path, silent: str) -> None:
    """Each question has an answer, or the failure is named: silence is no absence of alarms."""
    crictl = PRINTED.replace("  ps*)", f'  *"{silent}"*) echo "no answer to {silent}" >&2; exit 1 ;;\n  ps*)')
    facts = facts_with(tmp_path, crictl)
    assert facts["etcd_failure"] == f"no answer to {silent}"
    assert not {"etcd_members", "etcd_status", "etcd_alarms"} & facts.keys()


CUT_OFF = "an answer of etcdctl that is cut off"


@pytest.mark.parametrize(
    ("silent", "answer", "failure"),
    [
        ("member list", "", CUT_OFF),
        ("member list", '{"members":[{"ID":1,"peerURLs":["https://192.0.2.11:2380"]}', CUT_OFF),
        ("endpoint status", "", "an empty answer of etcdctl"),
        ("alarm list", "", "an empty answer of etcdctl"),
        ("alarm list", '{"header":{"revision":1},', '{"header":{"revision":1},'),
    ],
)
def test_an_answer_of_etcd_without_its_end_is_none(tmp_path: Path, silent: str, answer: str, failure: str) -> None:
    """Not a member that is gone, with advice to take its control plane away, and no alarm that nobody names."""
    facts = facts_with(tmp_path, PRINTED.replace("  ps*)", f"  *\"{silent}\"*) echo '{answer}' ;;\n  ps*)"))
    assert facts["etcd_failure"] == failure
    assert not {"etcd_members", "etcd_status", "etcd_alarms"} & facts.keys()


def test_bundles_on_a_file_server_that_is_down_are_not_waited_for(tmp_path: Path) -> None:
    """Nor are they taken for none."""
    (tmp_path / "settings").write_text("directory=/nas/bundles\n")
    find = tmp_path / "find"
    find.write_text("#!/bin/bash\nexec sleep 20\n")
    find.chmod(0o755)
    facts = facts_with(tmp_path, PRINTED)
    assert facts["bundle_failure"] == "no answer of the directory of bundles within 1 s"
    assert "bundle_age" not in facts


def test_bundles_are_found_in_a_directory_that_is_a_link(tmp_path: Path) -> None:
    """To a larger disk."""
    (tmp_path / "disk").mkdir()
    (tmp_path / "bundles").symlink_to(tmp_path / "disk")
    (tmp_path / "settings").write_text(f"directory={tmp_path}/bundles\n")
    for mark, value in {"cluster-name": "shop", "owner": "0", "host-name": "node1"}.items():
        (tmp_path / mark).write_text(value)
    (tmp_path / "bundles" / "shop-0-node1-20260101T000000Z.bundle").touch()
    assert int(facts_with(tmp_path, PRINTED)["bundle_age"]) < 60


@pytest.mark.parametrize("answer", ["exit 1", "", r"""printf '"Value" : "k8s:enc:secretbox:v1:k1:\x00"\n'"""])
def test_secrets_of_which_etcd_does_not_tell_are_no_answer(tmp_path: Path, answer: str) -> None:
    """Not "no API server with keys", nor every Secret encrypted where the answer is cut off."""
    (tmp_path / "encryption").touch()
    silent = PRINTED.replace("  ps*)", f'  *"get /registry/secrets/"*) {answer} ;;\n  ps*)')
    assert "secret_writers" not in facts_with(tmp_path, silent)
    stack = with_workers("node2")
    stack["cluster"]["encryption"] = {"keys": [{"name": "k1", "secret": "key"}]}
    settings = parse_settings(stack)
    well = WELL | {"etcd_members": "192.0.2.11=voter"}
    (problem,) = etcd_problems(settings.hosts["node1"], settings, well, SHOP, were_nodes=(), reports=True)
    assert problem.seen == "no answer"


def test_facts_of_etcd_are_read_from_what_etcdctl_prints(tmp_path: Path) -> None:
    """As etcdctl 3.6 prints it."""
    facts = facts_with(tmp_path, PRINTED)
    assert facts["etcd_members"] == "192.0.2.11=voter 192.0.2.12=unstarted "
    assert facts["etcd_status"] == "Leader=10276657743932975437 DBSize=25153536 DBSizeInUse=9"
    assert facts["etcd_alarms"] == "NOSPACE"
    assert "bundle_age" not in facts
    assert "etcd_forgets" not in facts
    (tmp_path / "etcd.yaml").write_text("    - etcd\n    - --force-new-cluster\n    - --quota-backend-bytes=9\n")
    facts = facts_with(tmp_path, PRINTED)
    assert (facts["etcd_forgets"], facts["etcd_quota"]) == ("yes", "9")


def test_a_machine_whose_containerd_is_off_has_facts_all_the_same(tmp_path: Path) -> None:
    """`make status` is for such a machine."""
    assert "etcd_failure" in facts_with(tmp_path, "#!/bin/bash\necho no runtime >&2\nexit 1\n")


OWNER = "0123456789abcdef"
OTHERS = [f"shop-{OWNER}-node2", f"shop-{'f' * 16}-node1", f"shop-{OWNER}-node1-2", "shop-node1"]


def test_a_bundle_of_another_machine_is_none_of_this_one(tmp_path: Path) -> None:
    """They may share a directory, with clusters of the same name, too; the timer of this machine may be dead."""
    (tmp_path / "settings").write_text(f"directory={tmp_path}\nkeep=8\n")
    for name, value in {"cluster-name": "shop", "host-name": "node1", "owner": OWNER}.items():
        (tmp_path / name).write_text(value)
    for other in OTHERS:
        (tmp_path / f"{other}-20261126T000000Z.bundle").touch()
    assert "bundle_age" not in facts_with(tmp_path, PRINTED)
    own = tmp_path / f"shop-{OWNER}-node1-20261125T000000Z.bundle"
    own.touch()
    assert int(facts_with(tmp_path, PRINTED)["bundle_age"]) < HOUR


def test_a_bundle_of_a_clock_that_was_wrong_is_not_the_newest(tmp_path: Path) -> None:
    """A timer that is dead since would be well for years."""
    (tmp_path / "settings").write_text(f"directory={tmp_path}\nkeep=8\n")
    for name, value in {"cluster-name": "shop", "host-name": "node1", "owner": OWNER}.items():
        (tmp_path / name).write_text(value)
    for year, shift in ((2025, -20 * HOUR), (2099, 20 * HOUR)):
        path = tmp_path / f"shop-{OWNER}-node1-{year}0101T000000Z.bundle"
        path.touch()
        written = path.stat().st_mtime + shift
        os.utime(path, (written, written))
    assert int(facts_with(tmp_path, PRINTED)["bundle_age"]) // HOUR == 20


def with_key(writers: str, *, reports: bool = True, enabled: bool = True) -> list[str]:
    """What is wrong with the encryption of Secrets, of two control planes with key k1."""
    stack = with_workers("node2")
    stack["hosts"]["node2"]["role"] = "control-plane"
    stack["cluster"]["encryption"] = {"keys": [{"name": "k1", "secret": "key"}], "enabled": enabled}
    settings = parse_settings(stack)
    return [
        f"{each.expected}, {each.seen}"
        for each in etcd_problems(
            settings.hosts["node1"],
            settings,
            WELL | {"secret_writers": writers},
            SHOP,
            were_nodes=(),
            reports=reports,
        )
    ]


def test_secrets_that_are_not_written_with_the_key_of_the_stack_are_counted() -> None:
    """By one control plane, although encryption is on in the stack."""
    assert with_key("k1=4 ") == []
    assert with_key("k0=1 identity=2 k1=4 ") == [
        "every Secret encrypted with k1, 2 in clear, 1 encrypted with k0, 4 encrypted with k1"
    ]
    assert with_key("") == ["every Secret encrypted with k1, no API server with keys"]
    assert with_key("identity=2 ", reports=False) == []
    assert with_key("k1=2 ", enabled=False) == ["every Secret in clear, 2 encrypted with k1"]


def test_keys_of_secrets_are_read_from_what_etcdctl_prints(tmp_path: Path) -> None:
    """And no Secret is listed where none was ever encrypted."""
    assert facts_with(tmp_path, PRINTED)["secret_writers"] == ""
    (tmp_path / "encryption").touch()
    assert set(facts_with(tmp_path, PRINTED)["secret_writers"].split()) == {"identity=1", "k1=1"}


@pytest.mark.parametrize(
    "first",
    [
        Problem("node1: run a script over SSH", expected="an answer", seen="none", next_command="ping"),
        {"etcd_members": "192.0.2.11=learner"},
        {"initialized_age": "1", "etcd_failure": "connection refused"},
    ],
    ids=["is dead", "joins", "has no etcd"],
)
def test_a_control_plane_that_answers_reports_for_all(
    monkeypatch: pytest.MonkeyPatch, first: Problem | dict[str, str]
) -> None:
    """Of several that answer, one; and where the first one is dead, the next one."""
    stack = with_workers("node2", "node3")
    for name in ("node2", "node3"):
        stack["hosts"][name]["role"] = "control-plane"
    settings = parse_settings(stack)
    members = "192.0.2.11=voter 192.0.2.12=voter 192.0.2.13=voter 192.0.2.19=voter"
    lost = HEALTHY_HOST | WELL | {"etcd_members": members}
    answers = {"node1": HEALTHY_HOST | first if isinstance(first, dict) else first, "node2": lost, "node3": lost}
    monkeypatch.setattr(status, "on_each", lambda hosts, _: [(each, answers[each.name]) for each in hosts])
    were_nodes = {"node2": "node3", "node3": "node2"} | ({} if "learner" in str(first) else {"node1": "node2"})
    found = status._hosts(list(settings.hosts.values()), settings, SHOP, ClusterState(), were_nodes)
    (problem,) = [each for each in found if each.where == "etcd: members"]
    assert problem.seen == "a member at 192.0.2.19, which votes on"
    assert "on node2, as root" in problem.next_command
