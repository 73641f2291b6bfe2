"""Each port that a pod takes on a machine is in the list of ports, of which docs/hosts.md is made."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from components.addons import addons_of
from components.addons.manifests import Manifest, containers
from components.settings.ports import LOCAL_PORTS, PORTS
from components.settings.stack_file import parse_settings
from operations.stack._hosts_page import hosts_page
from tests.unit.components.test_metallb import with_addresses
from tests.unit.support.stacks import full

LISTED = {number for port in (*PORTS, *LOCAL_PORTS) for number in re.findall(r"\d+", port.number)}
ARGUMENT = re.compile(r"-(?:port|address)=\S*?(\d+)$")


def pods(value: Any) -> Iterator[Manifest]:
    """Specifications of pods in an object."""
    if isinstance(value, dict):
        if "containers" in value:
            yield value
        for each in value.values():
            yield from pods(each)
    elif isinstance(value, list):
        for each in value:
            yield from pods(each)


def taken_ports(pod: Manifest) -> set[str]:
    """Ports that a pod takes on its machine, by its ports, its arguments and its probes."""
    found = set()
    for container in containers(pod):
        ports = container.get("ports", [])
        found |= {str(each["hostPort"]) for each in ports if "hostPort" in each}
        if pod.get("hostNetwork"):
            found |= {str(each["containerPort"]) for each in ports}
            arguments = [str(each) for key in ("args", "command") for each in container.get(key, [])]
            found |= {match[1] for each in arguments if (match := ARGUMENT.search(each))}
            actions = [probe.get("httpGet") or {} for name, probe in container.items() if name.endswith("Probe")]
            found |= {str(each["port"]) for each in actions if isinstance(each.get("port"), int)}
    return found


def ports_of_add_ons(directory: Path) -> dict[str, set[str]]:
    """Ports by add-on, where all that can be is on the network of its machine."""
    stack = with_addresses(full(directory, "node2"), directory)
    stack |= {
        "dashboard": {"metricsScraperHostNetwork": True},
        "metricsServer": {"hostNetwork": True},
        "localPath": {"enabled": True},
    }
    settings = parse_settings(stack)
    return {
        addon.name: {port for each in addon.objects(settings) for pod in pods(each) for port in taken_ports(pod)}
        for addon in addons_of(settings)
    }


def test_each_port_of_a_pod_on_the_network_of_its_machine_is_on_the_page(tmp_path: Path) -> None:
    """Otherwise a program of the operator's has it, or a firewall closes it, and nobody could have known."""
    found = ports_of_add_ons(tmp_path)
    assert found["metallb"] == {"9120", "7946"}
    assert found["metrics-server"] == {"4443"}
    assert found["dashboard"] == {"8000"}
    missing = {name: ports - LISTED for name, ports in found.items() if ports - LISTED}
    assert missing == {}
    page = hosts_page()
    assert all(re.search(rf"\| [^|]*\b{port}\b[^|]* \|", page) for ports in found.values() for port in ports)


@pytest.mark.parametrize(
    ("pod", "taken"),
    [
        ({"containers": [{"image": "a", "ports": [{"containerPort": 1, "hostPort": 2}]}]}, {"2"}),
        ({"containers": [{"image": "a", "args": ["--port=1"]}]}, set()),
        ({"hostNetwork": True, "containers": [{"image": "a", "args": ["--secure-port=1"]}]}, {"1"}),
        ({"hostNetwork": True, "containers": [{"image": "a", "command": ["a", "--health-address=:1"]}]}, {"1"}),
        ({"hostNetwork": True, "containers": [{"image": "a", "livenessProbe": {"httpGet": {"port": 1}}}]}, {"1"}),
    ],
)
def test_a_port_is_found_wherever_a_manifest_names_it(pod: Manifest, taken: set[str]) -> None:
    """Otherwise the test above would prove nothing."""
    assert taken_ports(pod) == taken
