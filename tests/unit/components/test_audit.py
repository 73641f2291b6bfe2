"""The audit log: its policy, and what kubeadm is told of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from components.host_files import api_server, kubeadm
from components.settings.audit import problems_of_policy
from components.settings.stack_file import parse_settings
from components.steps.step import StepName
from tests.unit.support.recording import record
from tests.unit.support.several import several
from tests.unit.support.stacks import Stack, only_problem, problems, smallest

POLICY = "apiVersion: audit.k8s.io/v1\nkind: Policy\nrules: [{level: Metadata}]\n"


def with_audit(version: str = "1.36.3", **audit: Any) -> Stack:
    """The smallest stack with an audit log."""
    stack = smallest()
    stack["cluster"] |= {"kubernetesVersion": version, "audit": audit}
    return stack


def server_of(stack: Stack) -> Any:
    """The section of the API server in kubeadm's configuration."""
    settings = parse_settings(stack)
    documents = yaml.safe_load_all(kubeadm.configuration(settings.control_planes[0], settings).content)
    return next(each for each in documents if each["kind"] == "ClusterConfiguration")["apiServer"]


@pytest.mark.parametrize("version", ["1.24.3", "1.36.3"])
def test_kubeadm_gets_policy_log_and_the_directories_of_both(version: str) -> None:
    """In the form of either API version."""
    server = server_of(with_audit(version, maxAge=7))
    arguments = server["extraArgs"]
    if isinstance(arguments, list):
        arguments = {each["name"]: each["value"] for each in arguments}
    (policy,) = api_server.policy_files(parse_settings(with_audit()))
    assert {name: value for name, value in arguments.items() if name.startswith("audit")} == {
        "audit-policy-file": policy.path,
        "audit-log-path": "/var/log/kubernetes/audit/audit.log",
        "audit-log-maxage": "7",
        "audit-log-maxbackup": "10",
        "audit-log-maxsize": "100",
    }
    paths = {each["hostPath"]: each.get("readOnly", False) for each in server["extraVolumes"]}
    assert paths == {"/etc/kubernetes/api-server": True, "/var/log/kubernetes/audit": False}


def test_a_stack_without_an_audit_log_has_no_file_and_no_volume() -> None:
    """Nothing restarts for a switch that is off."""
    assert "extraVolumes" not in server_of(smallest())
    assert api_server.policy_files(parse_settings(smallest())) == []


def test_volumes_and_arguments_of_the_stack_stay() -> None:
    """Beside those of the switch."""
    stack, own = with_audit(), {"name": "own", "hostPath": "/own", "mountPath": "/own"}
    stack["cluster"]["clusterConfiguration"] = {
        "apiServer": {"extraVolumes": [own], "extraArgs": [{"name": "v", "value": "4"}]}
    }
    server = server_of(stack)
    assert server["extraVolumes"][0] == own
    assert {"name": "v", "value": "4"} in server["extraArgs"]


def test_another_policy_is_another_path_and_another_digest(tmp_path: Path) -> None:
    """So the API server restarts with it, and the former file is there until it does."""
    (tmp_path / "policy.yaml").write_text(POLICY)
    own, other = (
        parse_settings(stack) for stack in (with_audit(), with_audit(policyFile=str(tmp_path / "policy.yaml")))
    )
    assert api_server.policy_files(other)[0].content == POLICY
    assert api_server.policy_files(own)[0].path != api_server.policy_files(other)[0].path
    digest = "CLUSTER_CONFIGURATION_SHA256"
    assert kubeadm.digests(own)[digest] != kubeadm.digests(other)[digest]


def test_the_policy_of_the_project_logs_no_body() -> None:
    """Neither that of a Secret, nor of anything else: CRDs of others may hold passwords, too."""
    text = api_server.OWN_POLICY.read_text()
    assert list(problems_of_policy(text)) == []
    rules = yaml.safe_load(text)["rules"]
    assert {rule["level"] for rule in rules} == {"None", "Metadata"}
    assert rules[-1] == {"level": "Metadata"}
    named = [name for group in rules[0]["resources"] for name in group.get("resources", [])]
    assert {"secrets", "tokenreviews"} <= set(named)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("kind: [", "YAML"),
        ("nothing", "expected apiVersion audit.k8s.io/v1, found None"),
        (POLICY.replace("/v1", "/v1beta1"), "expected apiVersion audit.k8s.io/v1, found 'audit.k8s.io/v1beta1'"),
        (POLICY.replace("Policy", "ConfigMap"), "expected kind Policy, found 'ConfigMap'"),
        (POLICY.replace("[{level: Metadata}]", "[]"), "expected rules, a list that is not empty"),
        (POLICY.replace("Metadata", "All"), "rules[0]: expected a level of None, Metadata, Request, RequestResponse"),
        (POLICY.replace("{level: Metadata}", "Metadata"), "rules[0]: expected a level"),
        (POLICY.replace("Metadata", "Metadata, omitStages: [Begin]"), "rules[0].omitStages: expected a list of"),
        (POLICY.replace("Metadata", "None, resources: [{group: a}], nonResourceURLs: [/a]"), "found both"),
        (f"{POLICY}omitStage: []\n", "omitStage: expected apiVersion, kind, metadata,"),
        (POLICY.replace("Metadata", "Metadata, verb: [get]"), "rules[0].verb: expected level, namespaces,"),
        (POLICY.replace("Metadata", "Metadata, verbs: get"), "rules[0].verbs: expected a list of texts, found 'get'"),
        (POLICY.replace("Metadata", "Metadata, users: [5]"), "rules[0].users: expected a list of texts, found [5]"),
        (POLICY.replace("Metadata", "Metadata, nonResourceURLs: /a"), "nonResourceURLs: expected a list of texts"),
        (POLICY.replace("Metadata", "Metadata, nonResourceURLs: 5"), "nonResourceURLs: expected a list of texts"),
        (POLICY.replace("Metadata", "Metadata, omitManagedFields: 'yes'"), "rules[0].omitManagedFields: expected true"),
        (f"{POLICY}omitManagedFields: 5\n", "omitManagedFields: expected true or false, found 5"),
        (POLICY.replace("Metadata", "None, resources: [{group: apps/v1}]"), "without its version, such as apps, found"),
        (POLICY.replace("Metadata", "None, resources: [{group: 5}]"), "expected an API group without its version"),
        (POLICY.replace("Metadata", "Metadata, nonResourceURLs: [a]"), "expected paths that begin with /, with * at"),
        (POLICY.replace("Metadata", "Metadata, nonResourceURLs: ['/a*/b']"), "expected paths that begin with /,"),
        (POLICY.replace("Metadata", "Metadata, resources: {group: a}"), "rules[0].resources: expected a list of"),
        (POLICY.replace("Metadata", "Metadata, resources: [pods]"), "rules[0].resources: expected a list of"),
        (POLICY.replace("Metadata", "Metadata, resources: [{resource: [a]}]"), "rules[0].resources.resource: expected"),
        (POLICY.replace("Metadata", "Metadata, resources: [{resources: a}]"), "resources.resources: expected a list"),
        (POLICY.replace("Metadata", "Metadata, resources: [{resourceNames: [a]}]"), "resources beside resourceNames"),
    ],
)
def test_a_policy_that_is_none_is_refused(tmp_path: Path, text: str, found: str) -> None:
    """The API server would not start with it, or pass over a part of it."""
    (tmp_path / "policy.yaml").write_text(text)
    problem = only_problem(with_audit(policyFile=str(tmp_path / "policy.yaml")))
    assert problem.startswith("cluster.audit.policyFile: ")
    assert found in problem


EVERY_FIELD = """\
apiVersion: audit.k8s.io/v1
kind: Policy
metadata: {name: all}
omitStages: [RequestReceived]
omitManagedFields: true
rules:
  - {level: None, users: [a], userGroups: [b], verbs: [get], namespaces: [""], omitStages: [Panic]}
  - {level: Metadata, omitManagedFields: true}
  - {level: Request, resources: [{group: "", resources: [pods, pods/log], resourceNames: [a]}, {group: node.k8s.io}]}
  - {level: Metadata, nonResourceURLs: [/healthz*, "*"]}
"""


def test_a_policy_with_every_field_is_taken() -> None:
    """As pages of Kubernetes have it."""
    assert list(problems_of_policy(EVERY_FIELD)) == []


@pytest.mark.parametrize("version", ["1.24.3", "1.36.3"])
def test_an_argument_that_the_switch_sets_is_not_set_twice(version: str) -> None:
    """The API server would take the last one, and nobody would know which."""
    stack = with_audit(version)
    arguments: Any = {"audit-policy-file": "/own.yaml"}
    if version == "1.36.3":
        arguments = [{"name": name, "value": value} for name, value in arguments.items()]
    stack["cluster"]["clusterConfiguration"] = {"apiServer": {"extraArgs": arguments}}
    assert "cluster.audit sets audit-policy-file, found both; remove either" in only_problem(stack)
    del stack["cluster"]["audit"]
    assert problems(stack) == []


def test_a_list_of_volumes_is_wanted() -> None:
    """The volumes of the switch are added to it."""
    stack = with_audit()
    stack["cluster"]["clusterConfiguration"] = {"apiServer": {"extraVolumes": {"name": "own"}}}
    assert "apiServer.extraVolumes: a list, found" in only_problem(stack)


def test_each_control_plane_gets_the_policy_with_the_step_that_restarts_its_api_server(directory: Path) -> None:
    """Not before: what `prepare` replaces, a change that is taken back would not find."""
    stack = several(directory, "node1 node2")
    stack["cluster"]["audit"] = {}
    run = record(stack, preview=False)
    staged = f"stage 0600 {api_server.FILES}/audit-policy-"
    with_policy = {each for each, command in run.commands.items() if staged in str(command.inputs.get("stdin"))}
    assert with_policy == {f"node1/{StepName.INIT}", f"node2/{StepName.JOIN}"}
