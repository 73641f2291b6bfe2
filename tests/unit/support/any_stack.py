"""Stacks in which every setting that ends in a file or a variable of a host is free."""

from __future__ import annotations

import re
from functools import cache

from hypothesis import HealthCheck, Phase, assume, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from components.settings import Settings, _patterns
from components.settings._types import LARGEST
from components.settings.cluster import CONTROL_CHARACTER
from components.settings.support import KUBERNETES
from components.settings.versions import kubeadm_api_version
from tests.unit.support.stacks import KEY, Stack, outcome

SYNTAX = ["\\", '"', "'", "#", ";", "%", "$", "[", "]", "=", " ", "\t", "\n", "\r", "\0", "\x1b", "\x85", "\u2028"]
"""Characters that are syntax somewhere."""
WORDS = [
    *("y", "n", "on", "off", "null", "~", "true", "1e3", "089", "0o17", "0x1f", "1_000", ".5", "1.e3", "-0b1", "0b1"),
    *(
        "2001-01-01",
        "12:30",
        "127.0.0.1",
        "0",
        "1",
        "localhost",
        "=",
        "-",
        "",
        " ",
        "<<",
        "a: b",
        "- a",
        "# a",
        "{a: b}",
    ),
]
"""Words that a parser may take for something else than text."""
OF_ANOTHER_TYPE = ["y", "n", "on", "null", "1e3", "0o17", "0b1"]
KERNEL_SETTINGS = [
    "net.ipv4.ip_forward",
    "kernel.hostname",
    "kernel.core_pattern",
    "net.ipv4.tcp_rmem",
    "vm.swappiness",
]
LEGIBLE = st.characters(exclude_categories=["Cc", "Cs", "Cn"])
RARELY = st.integers(1, 60)


@cache
def _following(pattern: str) -> st.SearchStrategy[str]:
    likely = pattern.replace(r"[0-9A-Fa-f:.]+", r"2001:db8::[0-9a-f]").replace("[0-9]{1,5}", "[1-9][0-9]{0,3}")
    likely = likely.replace("{0,61}", "{0,4}").replace("{0,251}", "{0,4}")  # long ones take long
    words = [word for word in WORDS if re.fullmatch(pattern, word)]
    free = st.from_regex(re.compile(likely, re.ASCII), fullmatch=True)
    return free | st.sampled_from(words) if words else free


@cache
def like(pattern: str) -> st.SearchStrategy[str]:
    """A text that follows a pattern of the settings; one of sixty has a character too many."""
    return _like(_following(pattern))


@st.composite
def _like(draw: st.DrawFn, texts_of_the_pattern: st.SearchStrategy[str]) -> str:
    text = draw(texts_of_the_pattern)
    if draw(RARELY) < 60:
        return text
    position = draw(st.integers(0, len(text)))
    return text[:position] + draw(st.sampled_from(SYNTAX)) + text[position:]


@cache
def texts() -> st.SearchStrategy[str]:
    """Any text, or a word that may be taken for something else."""
    syntax = st.sampled_from([each for each in SYNTAX if not CONTROL_CHARACTER.match(each)])
    return st.sampled_from(WORDS) | st.text(LEGIBLE, max_size=12) | st.text(syntax, max_size=4)


def flat(suite: str) -> str:
    """The suite of a repository without components: a directory."""
    return f"{suite.rstrip('/')}/"


@cache
def repositories() -> st.SearchStrategy[Stack]:
    """An apt repository; two settings may name the same one."""
    addresses = st.sampled_from(["https://apt.example.com/a", "https://apt.example.com/a/"])
    named = {
        "url": addresses | like(_patterns.SERVER_URL),
        "keyring": addresses | like(_patterns.HTTP_URL),
        "fingerprint": st.sampled_from(["A" * 40, "B" * 40]),
    }
    components = st.lists(like(_patterns.COMPONENT), min_size=1, max_size=2)
    suite = st.just("stable") | like(_patterns.SUITE).map(lambda suite: f"{flat(suite)}x")
    suites = {"suite": suite, "components": components}
    return st.fixed_dictionaries(named, optional={"suite": like(_patterns.SUITE).map(flat)}) | st.fixed_dictionaries(
        named | suites
    )


@cache
def registries() -> st.SearchStrategy[Stack]:
    """How one image registry is reached."""
    return st.fixed_dictionaries(
        {},
        optional={
            "username": like(_patterns.REGISTRY_USER),
            "mirrors": st.lists(like(_patterns.SERVER_URL), max_size=2),
        },
    )


@cache
def taints() -> st.SearchStrategy[list[Stack]]:
    """Taints of a node."""
    taint = st.fixed_dictionaries(
        {
            "key": like(_patterns.LABEL_KEY),
            "effect": st.sampled_from(["NoSchedule", "PreferNoSchedule", "NoExecute"]),
        },
        optional={"value": like(_patterns.LABEL_VALUE)},
    )
    return st.lists(taint, max_size=2)


@cache
def sysctls() -> st.SearchStrategy[Stack]:
    """Settings of the kernel."""
    names = st.sampled_from(KERNEL_SETTINGS) | like(_patterns.SYSCTL)
    return st.dictionaries(names, like(_patterns.SYSCTL_VALUE) | st.integers(), max_size=3)


@cache
def hosts() -> st.SearchStrategy[Stack]:
    """One control plane, and workers."""
    free = like(_patterns.HOST_NAME).filter(lambda name: not re.fullmatch("[0-9.]+", name))
    names = st.lists(free | st.sampled_from(OF_ANOTHER_TYPE), min_size=1, max_size=4, unique=True)
    every = {
        "nodeIp": st.just("198.51.100.{number}"),
        "labels": st.dictionaries(like(_patterns.LABEL_KEY), like(_patterns.LABEL_VALUE), max_size=2),
        "sysctl": sysctls(),
    }
    worker = st.fixed_dictionaries({}, optional={**every, "taints": taints(), "gone": st.booleans()})
    workers = st.lists(worker, min_size=3, max_size=3)
    return st.tuples(names, st.fixed_dictionaries({}, optional=every), workers).map(_numbered)


def _numbered(drawn: tuple[list[str], Stack, list[Stack]]) -> Stack:
    names, control_plane, workers = drawn
    found: Stack = {}
    for number, (name, host) in enumerate(zip(names, [control_plane, *workers], strict=False), start=1):
        address = {"address": f"192.0.2.{number}", "hostKey": f"{KEY}{number}"}
        node_ip = {"nodeIp": f"198.51.100.{number}"} if "nodeIp" in host else {}
        found[name] = host | address | node_ip | {"role": "control-plane" if number == 1 else "worker"}
    return found


@cache
def clusters() -> st.SearchStrategy[Stack]:
    """kubeadm's settings, among them mappings whose keys and values are any text."""
    kubelet = {
        "maxPods": st.integers(1, 2**31 - 1),
        "serializeImagePulls": st.booleans(),
        "volumePluginDir": texts(),
        "systemReserved": st.dictionaries(texts(), texts(), max_size=2),
        "tlsCipherSuites": st.lists(texts(), max_size=2),
        "failSwapOn": st.booleans(),
    }
    api_server = {
        "extraArgs": st.dictionaries(st.text(LEGIBLE, min_size=1, max_size=9), texts(), max_size=3),
        "certSANs": st.lists(_following(_patterns.HOST_NAME), max_size=2),
    }
    rest = {
        "controlPlaneEndpoint": like(_patterns.ENDPOINT).filter(lambda found: not re.match("[0-9.x]+(:|$)", found)),
        "controlPlaneTaints": taints(),
        "certificateGeneration": st.integers(0, LARGEST),
        "ignorePreflightErrors": st.lists(like(_patterns.PREFLIGHT), max_size=2),
        "networking": st.fixed_dictionaries({}, optional={"dnsDomain": like(_patterns.HOST_NAME)}),
        "clusterConfiguration": st.fixed_dictionaries(
            {}, optional={"apiServer": st.fixed_dictionaries({}, optional=api_server)}
        ),
        "kubeletConfiguration": st.fixed_dictionaries({}, optional=kubelet),
        "kubeProxyConfiguration": st.fixed_dictionaries({}, optional={"metricsBindAddress": texts()}),
    }
    named = {
        "name": like(_patterns.DNS_LABEL) | st.sampled_from(OF_ANOTHER_TYPE),
        "kubernetesVersion": st.sampled_from(
            ["1.36.3", *(f"1.{minor}.{patch}" for minor, row in KUBERNETES.items() for patch in row.images)]
        ),
    }
    return st.fixed_dictionaries(named, optional=rest).map(_with_arguments_of_its_version)


def _with_arguments_of_its_version(cluster: Stack) -> Stack:
    """kubeadm has a mapping for them before v1beta4, and a list from there on."""
    api_server = cluster.get("clusterConfiguration", {}).get("apiServer", {})
    if "extraArgs" in api_server and kubeadm_api_version(cluster["kubernetesVersion"]).endswith("v1beta4"):
        api_server["extraArgs"] = [{"name": name, "value": value} for name, value in api_server["extraArgs"].items()]
    return cluster


@cache
def stacks() -> st.SearchStrategy[Stack]:
    """A whole stack file."""
    names = like(_patterns.IMAGE)
    containerd = {
        "package": like(_patterns.PACKAGE),
        "repository": repositories(),
        "pauseImage": names,
        "registries": st.dictionaries(like(_patterns.REGISTRY), registries(), max_size=3),
        "restrictOomScoreAdj": st.booleans(),
    }
    proxy = {
        "http": like(_patterns.PROXY),
        "https": like(_patterns.PROXY),
        "noProxy": st.lists(like(_patterns.DESTINATION), max_size=3),
    }
    system = {
        "sysctl": sysctls(),
        "modules": st.lists(like(_patterns.MODULE), max_size=2),
        "defaultTimeoutStopSec": st.integers(1, 600) | st.integers(1, LARGEST),
        "minimumFreeDiskMib": st.integers(0, LARGEST),
        "minimumMemoryMib": st.integers(0, LARGEST),
    }
    backup = {
        "everyHours": st.sampled_from([1, 2, 3, 4, 6, 8, 12, 24]),
        "keep": st.integers(1, 1000),
        "directory": like(_patterns.DIRECTORY),
    }
    rewritten = st.sampled_from(["registry.k8s.io", "docker.io"]) | like(_patterns.REGISTRY)
    return st.fixed_dictionaries(
        {"cluster": clusters(), "hosts": hosts()},
        optional={
            "packages": st.fixed_dictionaries({"repository": repositories()}),
            "containerd": st.fixed_dictionaries({}, optional=containerd),
            "images": st.fixed_dictionaries(
                {"rewrite": st.dictionaries(rewritten, like(_patterns.IMAGE_PREFIX), max_size=2)}
            ),
            "proxy": st.fixed_dictionaries({}, optional=proxy),
            "system": st.fixed_dictionaries({}, optional=system),
            "backup": st.fixed_dictionaries({}, optional=backup),
            "policy": st.fixed_dictionaries({}, optional={"drainTimeoutSeconds": st.integers(1, LARGEST)}),
        },
    )


def accepted_stacks(number: int) -> list[Settings]:
    """Settings of this many stacks that are not refused; always the same ones."""
    found: list[Settings] = []

    @hypothesis_settings(
        max_examples=number,
        phases=[Phase.generate],
        derandomize=True,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(stack=stacks())
    def accept(stack: Stack) -> None:
        settings = outcome(stack)
        assume(isinstance(settings, Settings))
        assert isinstance(settings, Settings)
        found.append(settings)

    accept()
    return found
