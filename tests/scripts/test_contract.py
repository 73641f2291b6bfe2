"""Scripts and program agree: on the variables of each step, and on the files that are staged for it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from components.host_files import apt, containerd, encryption, kubeadm
from components.settings import Settings
from components.settings.stack_file import parse_settings
from components.steps.last_update import LastUpdate
from components.steps.step import Step, StepName
from components.steps.wanted import wanted_steps
from tests.scripts.contract import (
    LIBRARIES,
    OF_EVERY_PREPARATION,
    PART_OF_OTHER_ROLE,
    PARTS,
    STEPS,
    Script,
    always_put,
    header,
    needed_by,
    needs,
    puts,
    values_of,
)
from tests.scripts.order import missed_by
from tests.unit.support.stacks import full, with_workers

EVERY_SCRIPT = [*LIBRARIES, *STEPS, *PARTS]

RUN_ELSEWHERE_WITH_THE_VALUES_OF = {"prepare": ("drift", "reclaim", "pod_network", "snapshot", "recover")}
"""`make drift`, `make repair`, `make snapshot` and `make recover` give a step's recorded values to another script."""

GIVEN_BESIDE = {
    "reclaim": {"CLUSTER_AUTHORITY", "CONTROL_PLANE_VERSION"},
    "pod_network": {"CALICO_ANNOTATIONS", "NODE_NAME"},
    "recover": {"OTHER_ADDRESSES"},
    "membership": {"RESULT_IS_PLAIN"},
    "leave": {"WORKER_NAME"},
}
"""Beside the values: operations/hosts/_machine.py and _node.py, operations/etcd/recover.py; by an older version."""
WITHOUT_A_STEP = {"steps/restore.sh"}
"""For machines of which nothing is recorded: tests/scripts/test_restore.py."""

KEY = "QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVowMTIzNDU="

NEVER_PUT = {
    "/etc/hosts": "merged into what the machine has, by parts/prepare/host_names.sh",
    "/etc/containerd/config.toml.1": "renamed by parts/prepare/containerd.sh where containerd reads this format",
    "/etc/containerd/config.toml.2": "likewise",
    "/etc/containerd/config.toml.1.4": "likewise",
    "/etc/apt/keyrings/kubernetes.asc": "named by KEYRINGS: parts/prepare/repositories.sh checks it, then puts it",
    "/etc/apt/keyrings/containerd.asc": "likewise",
    kubeadm.INVITATION_PATH: "written into kubeadm's discovery file by steps/join.sh",
    kubeadm.JOIN_AUTHORITY_PATH: "likewise",
    encryption.KEYS: "written into the API server's file by lib/encryption.sh",
}


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """A stack that stages every kind of file: registries with and without a login, proxy, keyrings, containerd 1.4."""
    directory = tmp_path_factory.mktemp("stack")
    stack = full(directory, "node2", version="1.24.3")
    (directory / "key.asc").write_text("key\n")
    repository = {"url": "https://example.com/apt", "keyring": str(directory / "key.asc"), "fingerprint": "A" * 40}
    stack["packages"] = {"repository": repository | {"username": "robot"}}
    stack["containerd"]["repository"] = repository | {"url": "https://example.com/containerd"}
    stack["proxy"] = {"https": "http://proxy.example.com:3128"}
    stack["cluster"] |= {"audit": {}, "encryption": {"keys": [{"name": "k1", "secret": "key"}]}}
    return parse_settings(stack)


def steps(settings: Settings) -> list[Step]:
    """Every step of these hosts, and of two control planes and a worker, with its secret files among the others."""
    passwords = dict.fromkeys(containerd.registries_with_password(settings), "secret")
    secret = {
        StepName.REPOSITORIES: apt.login_files(settings, {"example.com": "secret"}),
        StepName.IMAGES: containerd.credential_files(settings, passwords),
        StepName.JOIN: kubeadm.join_files("token", "certificate"),
        StepName.INIT: encryption.encryption_files(settings, {"k1": KEY}),
    }
    stack = with_workers("node2", "node3")
    stack["hosts"]["node2"]["role"] = "control-plane"
    found = [
        step
        for each in (settings, parse_settings(stack))
        for step in wanted_steps(each, LastUpdate(), [], "0123456789abcdef", "certificate").values()
    ]
    return [replace(step, files=[*step.files, *step.shared_files, *secret.get(step.name, [])]) for step in found]


def scripts_of(step: Step) -> list[str]:
    """What runs with the values of a step."""
    return [step.name, *filter(None, [step.undo]), *RUN_ELSEWHERE_WITH_THE_VALUES_OF.get(step.name, ())]


def test_each_script_is_run_by_some_step(settings: Settings) -> None:
    """Otherwise the tests below would prove nothing of it."""
    run = {script for step in steps(settings) for script in scripts_of(step)}
    assert {f"steps/{script}.sh" for script in run} == {step.path for step in STEPS} - WITHOUT_A_STEP


def test_each_variable_that_a_script_reads_is_given(settings: Settings) -> None:
    """An unbound variable would end the step on the machine."""
    for step in steps(settings):
        for script in scripts_of(step):
            read = values_of(script, str(step.values.get("ROLE", "")))
            assert read <= set(step.values) | GIVEN_BESIDE.get(script, set()), (step.key, script)


def test_each_variable_that_is_given_is_read(settings: Settings) -> None:
    """What is there only to make the step run again is read by none, and says so."""
    for name in StepName:
        alike = [step for step in steps(settings) if step.name is name]
        read = {variable for step in alike for script in scripts_of(step) for variable in values_of(script)}
        assert {variable for step in alike for variable in step.values} - read == set(), name
        assert {variable for step in alike for variable in step.again_when} & read == set(), name


def test_each_staged_file_is_put_in_place(settings: Settings) -> None:
    """Or is excused with the reason."""
    staged = {(step.name, file.path) for step in steps(settings) for file in step.files}
    assert {script for script, _ in staged} == {"repositories", "prepare", "images", "init", "join"}
    assert {path for script, path in staged if not puts(script, path)} == set(NEVER_PUT)


LOOKED_AT_BEFORE = {"API_HOST", "OWN_LOAD_BALANCER", "VIP"}
"""Variables that a line reads without a default after another one has found a value."""


@pytest.mark.parametrize("script", ["prepare", "drift", "reset"])
def test_a_new_variable_of_a_recorded_preparation_has_a_default(script: str) -> None:
    """`make repair`, `make drift` and a removal run the scripts of today with what an older version recorded."""
    assert needed_by(script) - OF_EVERY_PREPARATION - LOOKED_AT_BEFORE == set(), "read it as ${NAME:-}"


def test_a_new_file_of_a_recorded_preparation_is_put_where_it_is_staged() -> None:
    """Likewise; these files every recorded preparation stages."""
    assert always_put("prepare") == {
        "/etc/crictl.yaml",
        "/etc/modules-load.d/kubernetes.conf",
        "/etc/systemd/system.conf.d/kubernetes.conf",
        "$KUBEADM_CONFIG",
        "$SYSCTLS",
    }, "put it behind `if is_staged`"


@pytest.mark.parametrize("script", EVERY_SCRIPT, ids=lambda script: script.path)
def test_each_script_says_what_it_needs(script: Script) -> None:
    """Variables of the step, and libraries; a script without the line needs nothing."""
    assert (needs(script) or "nothing") == header(script)


@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.path)
def test_each_step_sources_the_libraries_that_its_files_need(step: Script) -> None:
    """A part or a library may leave that to the step."""
    files = step.all_sources
    assert Script("lib/lib.sh") in files
    assert set[str]().union(*(file.libraries for file in files)) <= {file.path for file in files}


@pytest.mark.parametrize("role", PART_OF_OTHER_ROLE)
@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.path)
def test_each_line_finds_what_it_uses_sourced(step: Script, role: str) -> None:
    """And what the functions that it calls use: a file that a later line sources, or the other role, is too late."""
    assert missed_by(step, role) == set()


def test_what_a_line_uses_too_early_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """A function and a constant, also of a function that is called; a body that is not run yet uses nothing."""
    constant = next(iter(Script("lib/vip.sh").sets))
    text = f'early() {{\n  stop_vip "${constant}"\n}}\nearly\n. "$LIBRARY/lib/vip.sh"\nearly\n'
    monkeypatch.setattr(Script, "text", property(lambda script: text if script.path == "steps/x.sh" else ""))
    assert missed_by(Script("steps/x.sh"), "worker") == {("steps/x.sh", "stop_vip"), ("steps/x.sh", constant)}


def test_no_part_uses_a_function_of_its_step() -> None:
    """What several files share stands in a library."""
    of_steps = {name for step in STEPS for name in step.functions}
    of_libraries = {name for library in LIBRARIES for name in library.functions}
    for script in [*PARTS, *LIBRARIES]:
        assert script.calls & (of_steps - of_libraries) == set(), script.path


def test_contract_is_read_from_the_text_of_scripts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Variables in strings and in arithmetic, loops over parts, files that are put by constant or by directory."""
    for folder in ("lib", "steps", "parts/x"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "steps" / "x.sh").write_text(
        '# Needs: A_VALUE\n. "$LIBRARY/lib/y.sh"\nfor part in one; do\n  . "$LIBRARY/parts/x/$part.sh"\ndone\n'
        'OWN=1\necho "${A_VALUE:-} $OWN $CONSTANT" # $COMMENTED\n((1 < IN_ARITHMETIC))\n'
    )
    (tmp_path / "parts" / "x" / "one.sh").write_text("echo $OF_THE_PART\nput /etc/literal\n")
    (tmp_path / "lib" / "y.sh").write_text(
        'CONSTANT=/etc/constant\nDIRECTORY=/etc/directory\nput "$CONSTANT"\n'
        'for file in $(staged_below "$DIRECTORY"); do put "$file"; done\n'
    )
    monkeypatch.setattr("tests.scripts.contract.SCRIPTS", tmp_path)
    assert values_of("x") == {"A_VALUE", "IN_ARITHMETIC", "OF_THE_PART"}
    assert needs(Script("steps/x.sh")) == "A_VALUE"
    assert needed_by("x") == {"OF_THE_PART"}
    assert always_put("x") == {"/etc/literal", "$CONSTANT"}
    put = {"/etc/literal", "/etc/constant", "/etc/directory/file"}
    assert {path for path in (*put, "/etc/other") if puts("x", path)} == put
