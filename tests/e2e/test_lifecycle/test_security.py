"""Security switches of a running cluster: keys of Secrets and an audit log come, change, are taken back, and go."""

from __future__ import annotations

import base64
import json
import secrets
from collections.abc import Iterator

import pytest
import yaml

from tests.e2e.conftest import E2E, STACK, Cluster, configure, failure, machine_names, operation
from tests.e2e.watching import pod_uids

FIRST = machine_names()[0]
AUDIT_LOG = "/var/log/kubernetes/audit/audit.log"
MANIFEST = "/etc/kubernetes/manifests/kube-apiserver.yaml"
CANARY = "canary-of-a-secret"
IN_ETCD = (
    "crictl exec $(crictl ps --quiet --name '^etcd$') etcdctl --cacert /etc/kubernetes/pki/etcd/ca.crt"
    " --cert /etc/kubernetes/pki/etcd/server.crt --key /etc/kubernetes/pki/etcd/server.key"
    " get --print-value-only --prefix /registry/secrets/"
)


@pytest.fixture(scope="module", autouse=True)
def as_before(live: Cluster) -> Iterator[None]:
    """The stack file of before, and a Secret whose content is looked for."""
    kept = STACK.file.read_text()
    live.kubectl("create", "secret", "generic", "canary", f"--from-literal=password={CANARY}")
    yield
    live.kubectl("delete", "secret", "canary")
    STACK.file.write_text(kept)
    STACK.up()


def set_keys(*names: str) -> None:
    """The keys of the stack, the first one of which encrypts; each has a secret of its name."""
    stack = yaml.safe_load(STACK.file.read_text())
    keys = [{"name": name, "secret": f"{name}Key"} for name in names]
    stack["config"]["kubeadm:cluster"].setdefault("encryption", {})["keys"] = keys
    STACK.file.write_text(yaml.safe_dump(stack, sort_keys=False))


def make_key(name: str) -> str:
    """A new key."""
    key = base64.b64encode(secrets.token_bytes(32)).decode()
    configure("set", "--secret", f"{name}Key", standard_input=key)
    return key


def prefixes(live: Cluster) -> set[str]:
    """Prefixes of the Secrets in etcd."""
    values = live.on(
        FIRST, f"{IN_ETCD} | grep --text --only-matching --extended-regexp '^k8s(:enc:secretbox:v1:[^:]+)?'"
    )
    return set(values.split())


def password(live: Cluster) -> str:
    """The password of the Secret, as the API returns it."""
    found = live.kubectl("get", "secret", "canary", "--output", "jsonpath={.data.password}")
    return base64.b64decode(found).decode()


def test_secrets_of_a_running_cluster_are_encrypted(live: Cluster) -> None:
    """All of them, and pods keep running; a second update changes nothing."""
    pods, key = pod_uids(live), make_key("k1")
    assert prefixes(live) == {"k8s"}
    set_keys("k1")
    live.stack.up()
    assert prefixes(live) == {"k8s:enc:secretbox:v1:k1"}
    assert password(live) == CANARY
    assert pod_uids(live) == pods
    assert live.on(FIRST, "stat --format %a /etc/kubernetes/api-server/encryption.yaml") == "600\n"
    assert live.on(FIRST, f"grep --recursive --files-with-matches --fixed-strings '{key}' /var/log /run || true") == ""
    assert operation("status", E2E.name)[0] == 0
    live.stack.up(None, "--expect-no-changes")


def test_a_key_is_rotated_by_one_edit_and_the_old_one_removed_by_another(live: Cluster) -> None:
    """A key that is in use is not removed."""
    make_key("k2")
    set_keys("k2")
    configure("rm", "k1Key")
    assert "k1 is missing" in failure()
    # The key is on the machine only now: the stack got it back from there, as a person would from elsewhere.
    found = live.on(
        FIRST, 'sed --quiet \'s/.*name: "k1", secret: "\\(.*\\)".*/\\1/p\' /etc/kubernetes/api-server/encryption.yaml'
    )
    configure("set", "--secret", "k1Key", standard_input=found.strip())
    set_keys("k2", "k1")
    live.stack.up()
    assert prefixes(live) == {"k8s:enc:secretbox:v1:k2"}
    set_keys("k2")
    configure("rm", "k1Key")
    live.stack.up()
    assert '"k1"' not in live.on(FIRST, "cat /etc/kubernetes/api-server/encryption.yaml")
    assert password(live) == CANARY


def test_secrets_are_decrypted_before_the_keys_go(live: Cluster) -> None:
    """Two updates; afterwards the API server knows of no keys."""
    configure("set", "--path", "cluster.encryption.enabled", "false")
    live.stack.up()
    assert prefixes(live) == {"k8s"}
    configure("rm", "--path", "cluster.encryption")
    configure("rm", "k2Key")
    live.stack.up()
    assert "encryption" not in live.on(FIRST, f"cat {MANIFEST}")
    assert live.on(FIRST, "ls /etc/kubernetes/api-server") == ""
    assert password(live) == CANARY


def test_requests_are_logged_without_their_bodies(live: Cluster) -> None:
    """Who read the Secret, and not what is in it; in a directory that only root reads."""
    configure("set", "--path", "cluster.audit.maxAge", "7")
    live.stack.up()
    assert password(live) == CANARY
    events = live.on(FIRST, f'grep \'"resource":"secrets"\' {AUDIT_LOG} | grep \'"name":"canary"\'')
    assert json.loads(events.splitlines()[-1])["verb"] == "get"
    encoded = base64.b64encode(CANARY.encode()).decode()
    assert live.on(FIRST, f"grep --count --extended-regexp '{CANARY}|{encoded}' {AUDIT_LOG} || true") == "0\n"
    assert live.on(FIRST, "stat --format %a /var/log/kubernetes/audit") == "700\n"


def test_a_policy_with_which_the_api_server_does_not_start_is_taken_back(live: Cluster) -> None:
    """The checks before do not know every field; the log goes on with the policy of before."""
    policy = E2E.directory / "audit-policy.yaml"
    verb = "rules: [{level: Metadata, resources: [{group: '', resources: [''], resourceNames: [a]}], namespaces: 5}]"
    policy.write_text(f"apiVersion: audit.k8s.io/v1\nkind: Policy\n{verb}\n")
    before = live.on(FIRST, f"cat {MANIFEST}")
    configure("set", "--path", "cluster.audit.policyFile", str(policy))
    assert "expected kube-apiserver to run with its new arguments" in failure()
    assert live.on(FIRST, f"cat {MANIFEST}") == before
    assert password(live) == CANARY
    configure("rm", "--path", "cluster.audit.policyFile")
    live.stack.up()
    configure("rm", "--path", "cluster.audit")
    live.stack.up()
    assert "audit" not in live.on(FIRST, f"cat {MANIFEST}")
