"""Answers of etcdctl, whose end may be lost on the way."""

from __future__ import annotations

import subprocess

from components.steps.scripts import SCRIPTS
from tests.unit.test_structure import REPOSITORY

FACTS = REPOSITORY / "operations/status/etcd_facts.sh"
ANSWER = (
    '{"header":{"cluster_id":2755613793311995676,"member_id":9829954754940738069,"raft_term":2},"members":['
    '{"ID":8704525743186049323,"peerURLs":["https://192.0.2.12:2380"],"isLearner":true},'
    '{"ID":18446744073709551615,"name":"node1","peerURLs":["https://192.0.2.11:2380"],'
    '"clientURLs":["https://192.0.2.11:2379"]}]}'
)
"""As etcdctl 3.5 to 3.7 prints it."""
EACH_PART = """
etcdctl() { printf '%s\\n' "${whole:0:length}"; }
. "$1"
whole=$2
for ((length = 0; length <= ${#whole}; length++)); do
  if etcd_members; then echo "$length"; fi
done
"""


def test_no_part_of_a_list_of_members_is_a_list_of_members() -> None:
    """A list of lines may end behind any of them, and the member of the next line would be taken for gone."""
    library = str(SCRIPTS / "lib/etcd_answers.sh")
    command = ["bash", "-euo", "pipefail", "-c", EACH_PART, "bash", library, ANSWER]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == [
        "78ccb00b7cd8f92b 192.0.2.12 - true",
        "ffffffffffffffff 192.0.2.11 https://192.0.2.11:2379 false",
        str(len(ANSWER)),
    ]


def test_make_status_reads_answers_as_the_steps_do() -> None:
    """A second reader of the same answer would stay behind when the first one is mended."""
    facts = FACTS.read_text()
    assert [text for text in ("member list", "/registry/secrets/", "k8s:enc") if text in facts] == []
