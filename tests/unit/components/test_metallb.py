"""MetalLB: installed where a stack has addresses for it, without its webhook, and with these addresses last."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pulumi
import pytest

from components.addons import addons_of, manifests
from components.addons.metallb import METALLB, metallb_source
from components.settings.manifest_sources import manifest_sources
from components.settings.stack_file import parse_settings
from operations.images._image_list import StackImage, stack_images
from tests.unit.support.planning import planned, state_of
from tests.unit.support.recording import Recording, record, stack_of
from tests.unit.support.stacks import KEY, Stack, full, only_problem, problems, smallest

MANIFEST = """\
apiVersion: v1
kind: Namespace
metadata: {name: metallb-system}
---
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: bgppeers.metallb.io}
spec:
  group: metallb.io
  names: {kind: BGPPeer}
  conversion: {strategy: Webhook, webhook: {clientConfig: {service: {name: metallb-webhook-service}}}}
---
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: ipaddresspools.metallb.io}
spec: {group: metallb.io, names: {kind: IPAddressPool}}
---
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: l2advertisements.metallb.io}
spec: {group: metallb.io, names: {kind: L2Advertisement}}
---
apiVersion: v1
kind: Secret
metadata: {name: metallb-webhook-cert, namespace: metallb-system}
---
apiVersion: v1
kind: Service
metadata: {name: metallb-webhook-service, namespace: metallb-system}
spec: {ports: [{port: 443, targetPort: 9443}], selector: {component: controller}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: controller, namespace: metallb-system}
spec:
  template:
    spec:
      containers:
        - name: controller
          args: [--port=9120]
          image: quay.io/metallb/controller:v0.16.2
          volumeMounts: [{name: cert, mountPath: /tmp/certs}]
      volumes: [{name: cert, secret: {secretName: metallb-webhook-cert}}]
---
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: speaker, namespace: metallb-system}
spec:
  template:
    spec:
      hostNetwork: true
      containers:
        - name: speaker
          args: [--port=9120]
          image: quay.io/metallb/speaker:v0.16.2
          ports: [{containerPort: 9120}, {containerPort: 7946}, {containerPort: 7946, protocol: UDP}]
---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingWebhookConfiguration
metadata: {name: metallb-webhook-configuration}
webhooks: []
"""
"""As that of MetalLB, in what is changed."""
ADDRESSES = ["192.0.2.96/28", "192.0.2.120-192.0.2.130"]


def with_addresses(stack: Stack, directory: Path, *addresses: str) -> Stack:
    """The stack with MetalLB."""
    return with_manifest(stack, directory, MANIFEST, *addresses)


def with_manifest(stack: Stack, directory: Path, text: str, *addresses: str) -> Stack:
    """The stack with MetalLB by another manifest."""
    (directory / "metallb.yaml").write_text(text)
    sha256 = hashlib.sha256(text.encode()).hexdigest()
    own = {"manifestUrl": (directory / "metallb.yaml").as_uri(), "manifestSha256": sha256}
    return stack | {"metallb": {"addresses": list(addresses) or ADDRESSES, **own}}


@pytest.fixture(scope="module")
def run(directory: Path) -> Recording:
    """An update with it."""
    return record(with_addresses(stack_of(directory, "node2"), directory), preview=False)


def of_addon(run: Recording) -> dict[str, Any]:
    """The objects of the add-on by name."""
    return {each.name: each for each in run.resources if "kubeadm:index:Metallb$kubernetes:" in each.urn}


def test_its_addresses_are_those_of_the_stack_and_come_last(run: Recording) -> None:
    """When its definitions are there and its pods run."""
    found = of_addon(run)
    pool, advertisement = found["IPAddressPool:metallb-system/stack"], found["L2Advertisement:metallb-system/stack"]
    assert pool.inputs["spec"] == {"addresses": ADDRESSES}
    assert advertisement.inputs["spec"] == {"ipAddressPools": ["stack"]}
    workloads = {
        found[f"{each}"].urn for each in ("Deployment:metallb-system/controller", "DaemonSet:metallb-system/speaker")
    }
    assert workloads <= set(pool.request.dependencies)


def test_its_webhook_is_left_out(run: Recording) -> None:
    """It would refuse the addresses of an update until it serves, a minute after its pod is ready."""
    found = of_addon(run)
    assert not [name for name in found if "webhook" in name]
    controller = found["Deployment:metallb-system/controller"].inputs["spec"]["template"]["spec"]
    assert "--webhook-mode=disabled" in controller["containers"][0]["args"]
    assert (controller["volumes"], controller["containers"][0]["volumeMounts"]) == ([], [])
    definition = found["CustomResourceDefinition:bgppeers.metallb.io"]
    assert definition.inputs["spec"]["conversion"] == {"strategy": "None"}


def test_a_control_plane_answers_where_there_is_no_worker(directory: Path, run: Recording) -> None:
    """kubeadm labels it as one that does not."""
    alone = METALLB.objects(parse_settings(with_addresses(full(directory), directory)))
    (speaker,) = [each for each in alone if each["kind"] == "DaemonSet"]
    assert "--ignore-exclude-lb" in next(manifests.containers(speaker))["args"]
    beside_others = next(manifests.containers(of_addon(run)["DaemonSet:metallb-system/speaker"].inputs))
    assert "--ignore-exclude-lb" not in beside_others["args"]


def test_its_images_are_listed_and_its_manifest_is_the_newest_listed_one(directory: Path) -> None:
    """By URL and checksum, as Calico's."""
    parsed = parse_settings(with_addresses(full(directory), directory))
    image = "quay.io/metallb/speaker:v0.16.2"
    assert StackImage(image, image) in stack_images(parsed)
    url, sha256 = manifest_sources("metallb")["0.16.2"]
    assert metallb_source(parse_settings(smallest())) == (url, sha256)


def test_without_addresses_its_manifest_is_not_fetched(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The plan names what goes, also where nobody reaches the manifest by now."""
    with_it = state_of(record(with_addresses(stack_of(directory), directory), preview=False))
    without = state_of(record(stack_of(directory), preview=False))
    assert planned(with_addresses(stack_of(directory), directory), without) == [
        "add-on metallb: is applied",
        "namespace metallb-system: is created",
    ]
    monkeypatch.setattr("components.addons.metallb.fetched_objects", None)
    gone = planned(stack_of(directory), with_it)
    assert gone[0] == "add-on metallb: is removed"
    assert gone[1:] == ["namespace metallb-system: is deleted, with every object in it"]
    assert planned(stack_of(directory), without) == ["nothing is done to any node"]
    assert METALLB not in addons_of(parse_settings(smallest()))


@pytest.mark.parametrize(
    ("addresses", "problem"),
    [
        ("192.0.2.200", "expected a network such as"),
        ("192.0.2.100/24", "expected a network such as"),
        ("192.0.2.20-192.0.2.10", "the first address of a range is not above the last one"),
        ("192.0.2.20-192.0.2.x", "expected a network such as"),
        ("192.0.2.1-192.0.2.2-192.0.2.3", "expected a network such as"),
        ("fd00::/64", "expected a network such as"),
        ("224.0.0.0/28", "no host of a network has such an address"),
        ("169.254.1.0/28", "no host of a network has such an address"),
        ("240.0.0.0/28", "no host of a network has such an address"),
        ("255.255.255.255-255.255.255.255", "no host of a network has such an address"),
        ("192.0.2.0/28", "in which 192.0.2.11 of host node1 is"),
        ("10.244.7.0/24", "in which a part of cluster.networking.podSubnet 10.244.0.0/16 is"),
        ("10.100.0.1-10.100.0.9", "in which a part of cluster.networking.serviceSubnet 10.96.0.0/12 is"),
    ],
)
def test_addresses_that_are_none_or_that_something_has_are_refused(
    directory: Path, addresses: str, problem: str
) -> None:
    """Before anything is touched."""
    assert problem in only_problem(with_addresses(smallest(), directory, addresses))


def test_addresses_that_are_listed_twice_or_are_the_virtual_one_are_refused(directory: Path) -> None:
    """Two machines would answer."""
    twice = with_addresses(smallest(), directory, "192.0.2.96/28", "192.0.2.100-192.0.2.120")
    assert "found 192.0.2.100-192.0.2.120, in which 192.0.2.96/28, which is listed too, is" in only_problem(twice)
    stack = with_addresses(smallest(), directory)
    stack["cluster"]["vip"] = {"address": "192.0.2.97"}
    assert "in which 192.0.2.97 of cluster.vip is" in only_problem(stack)


def test_addresses_of_the_api_and_of_the_bastion_are_taken(directory: Path) -> None:
    """MetalLB would answer for the load balancer that all nodes go through."""
    stack = with_addresses(smallest(), directory, "192.0.2.96/28")
    stack["cluster"] |= {"controlPlaneEndpoint": "192.0.2.100:6443", "loadBalancer": "external"}
    assert "in which 192.0.2.100 of cluster.controlPlaneEndpoint is" in only_problem(stack)
    stack["cluster"]["controlPlaneEndpoint"] = "api.example.com:6443"
    stack["ssh"] = {"bastion": {"address": "192.0.2.101", "hostKey": f"{KEY}9"}}
    assert "in which 192.0.2.101 of ssh.bastion is" in only_problem(stack)
    stack["ssh"]["bastion"]["address"] = "bastion.example.com"
    assert problems(stack) == []


@pytest.mark.parametrize("kept", ["Deployment", "DaemonSet"])
def test_a_manifest_that_is_not_its_own_is_refused(tmp_path: Path, kept: str) -> None:
    """Before anything is touched, and with what it lacks."""
    text = "---\n".join(each for each in MANIFEST.split("---\n") if f"kind: {kept}\n" in each)
    with pytest.raises(pulumi.RunError, match=r"metallb\.manifestUrl: expected MetalLB's manifest") as error:
        record(with_manifest(stack_of(tmp_path), tmp_path, text, *ADDRESSES), preview=False)
    assert f"a manifest without {'DaemonSet:metallb-system/speaker' if kept == 'Deployment' else 'Deployment'}" in str(
        error.value
    )


def test_other_containers_of_its_pods_are_left_alone(tmp_path: Path) -> None:
    """The manifest with FRR has some without arguments."""
    frr = "        - {name: frr, image: quay.io/frrouting/frr:9}\n"
    text = MANIFEST.replace("        - name: speaker\n", f"{frr}        - name: speaker\n")
    objects = METALLB.objects(parse_settings(with_manifest(full(tmp_path), tmp_path, text, *ADDRESSES)))
    (speaker,) = [each for each in objects if each["kind"] == "DaemonSet"]
    assert ["args" in each for each in manifests.containers(speaker)] == [False, True]


def test_with_ipvs_nodes_answer_for_their_own_addresses_only(directory: Path) -> None:
    """ipvs puts the address of each service on every node."""
    stack = with_addresses(smallest(), directory)
    stack["cluster"]["kubeProxyConfiguration"] = {"mode": "ipvs"}
    assert only_problem(stack).startswith("cluster.kubeProxyConfiguration.ipvs.strictARP: true")
    stack["cluster"]["kubeProxyConfiguration"]["ipvs"] = {"strictARP": True}
    assert problems(stack) == []


def test_half_of_a_manifest_is_refused(directory: Path) -> None:
    """A URL needs its checksum."""
    stack = with_addresses(smallest(), directory)
    del stack["metallb"]["manifestSha256"]
    assert only_problem(stack) == "metallb: manifestUrl and manifestSha256 go together"
