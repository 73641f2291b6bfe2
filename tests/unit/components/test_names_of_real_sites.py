"""Names and patterns of all settings take what programs print and what pages of others say."""

from __future__ import annotations

from typing import Any

import pytest

from components.settings.stack_file import parse_settings
from tests.unit.support.stacks import Stack, only_problem, problems, with_workers

KEY = "DE15B14486CD377B9E876E1A234654DA9A296436"


def with_setting(section: str, **settings: Any) -> Stack:
    """A stack with settings in a section."""
    stack = with_workers("node2")
    return stack | {section: stack.get(section, {}) | settings}


@pytest.mark.parametrize(
    "printed", [KEY, KEY.lower(), f"0x{KEY}", " ".join(KEY[n : n + 4] for n in range(0, 40, 4)).replace(" ", "  ", 5)]
)
def test_a_fingerprint_is_taken_as_it_is_printed(printed: str) -> None:
    """gpg and the pages of owners group its digits."""
    repository = {"url": "https://hub.example.com/apt", "keyring": "https://hub.example.com/key"}
    settings = parse_settings(with_setting("packages", repository=repository | {"fingerprint": printed}))
    assert settings.packages.repository.fingerprints == (KEY,)


@pytest.mark.parametrize("fingerprint", [KEY[:-1], f"{KEY}0", KEY[:8], "9A296436", f"{KEY[:-1]}G"])
def test_what_is_no_fingerprint_is_refused(fingerprint: str) -> None:
    """A short identifier of a key can be forged."""
    repository = {"url": "https://hub.example.com/apt", "keyring": "https://hub.example.com/key"}
    stack = with_setting("packages", repository=repository | {"fingerprint": fingerprint})
    assert problems(stack)


@pytest.mark.parametrize(
    "check",
    ["NumCPU", "Port-10250", "FileAvailable--etc-kubernetes-kubelet.conf", "FileContent--proc-sys-net-ipv4-ip_forward"],
)
def test_a_check_of_kubeadm_is_taken(check: str) -> None:
    """Some are named after a path, with its dots and underscores."""
    assert parse_settings(with_setting("cluster", ignorePreflightErrors=[check])).cluster.ignore_preflight_errors


def test_a_module_is_taken_under_either_of_its_names() -> None:
    """modprobe takes both; the kernel lists it with underscores."""
    modules = parse_settings(with_setting("system", modules=["vfio-pci", "iTCO_wdt"])).modules
    assert list(modules)[-2:] == ["vfio_pci", "iTCO_wdt"]


@pytest.mark.parametrize(
    "name", ["net.ipv4.conf.eth0/100.rp_filter", "net.ipv4.conf.enP2p1s0.rp_filter", "net.ipv6.conf.br-lan.accept_ra"]
)
def test_a_sysctl_of_a_network_card_is_taken(name: str) -> None:
    """Of a VLAN, whose dot is a `/` in the name, and of a card in capitals."""
    assert parse_settings(with_setting("system", sysctl={name: 1})).system.sysctl[name] == 1


@pytest.mark.parametrize("name", ["net/ipv4/ip_forward", "net..ipv4", "net.ipv4/", "../a", "a b"])
def test_a_sysctl_that_would_lead_elsewhere_is_refused(name: str) -> None:
    """sysctl reads a name that has a slash first in another way."""
    assert only_problem(with_setting("system", sysctl={name: 1})).startswith("system.sysctl.")


@pytest.mark.parametrize("method", ["interface=^(eth|ens).*$", "skip-interface=docker.*,br-[0-9a-f]+", "can-reach=a.b"])
def test_a_detection_of_addresses_by_an_expression_is_taken(method: str) -> None:
    """As Calico's pages have them."""
    assert parse_settings(with_setting("calico", ipAutodetectionMethod=method)).calico.ip_autodetection_method == method


@pytest.mark.parametrize("name", ["Team-A", "secret_reader", "system:node", "oidc:shop"])
def test_a_role_has_any_name_that_the_api_takes(name: str) -> None:
    """Names of roles are parts of paths, and may be in capitals."""
    rules = [{"resources": ["pods"], "verbs": ["get"]}]
    role = {"name": name, "rules": rules, "serviceAccounts": ["ci/build.robot"], "groups": ["oidc:Team A"]}
    assert parse_settings(with_setting("access", roles=[role])).access.roles[0].name == name
