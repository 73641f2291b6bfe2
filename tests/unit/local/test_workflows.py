"""What runs on a hosting service may do as little as it needs, and runs what anyone can run."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

REPOSITORY = Path(__file__).parents[3]
WORKFLOWS = sorted((REPOSITORY / ".github" / "workflows").iterdir())
PINNED = re.compile(r"uses: [\w-]+/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$")


def jobs(path: Path) -> dict[str, dict[str, Any]]:
    """Jobs of a workflow by name."""
    found: dict[str, dict[str, Any]] = yaml.safe_load(path.read_text())["jobs"]
    return found


def test_there_are_workflows() -> None:
    """The tests below look at each of them."""
    names = {path.stem for path in WORKFLOWS}
    assert names >= {"check", "drift", "preview", "public", "release", "support"}


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_a_workflow_has_no_permission_and_each_job_says_its_own(path: Path) -> None:
    """None may write to the repository."""
    assert yaml.safe_load(path.read_text())["permissions"] == {}
    for job in jobs(path).values():
        assert job["permissions"].get("contents") == "read"
        assert set(job["permissions"]) <= {"contents", "pull-requests"}


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_actions_are_pinned_and_hand_no_token_on(path: Path) -> None:
    """A tag may be moved; a commit may not. What a checkout leaves in .git, every later step may use."""
    uses = [line.strip(" -") for line in path.read_text().splitlines() if "uses:" in line]
    assert uses
    assert [line for line in uses if not PINNED.fullmatch(line)] == []
    checkouts = [step for job in jobs(path).values() for step in job["steps"] if "checkout" in step.get("uses", "")]
    assert [step["with"]["persist-credentials"] for step in checkouts] == [False] * len(jobs(path))


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_jobs_end_and_do_not_pile_up(path: Path) -> None:
    """Each within a stated time, and none twice for one commit or pull request."""
    assert "group" in yaml.safe_load(path.read_text())["concurrency"]
    limit = 60 if path.name == "public.yml" else 30  # it brings up machines
    assert all(job["timeout-minutes"] <= limit for job in jobs(path).values())


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_steps_run_targets_of_the_makefile_and_no_text_of_a_pull_request(path: Path) -> None:
    """A title or a branch that is put into a script is run as one; in a variable it is only text."""
    targets = re.findall(r"^([a-z-]+):", (REPOSITORY / "Makefile").read_text(), re.MULTILINE)
    for job in jobs(path).values():
        for script in (step["run"] for step in job["steps"] if "run" in step):
            assert "${{" not in script
            called = re.findall(r"\bmake (?:--silent )?([a-z-]+)", script)
            assert called
            assert set(called) <= set(targets)


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_secrets_reach_the_step_that_needs_them_only(path: Path) -> None:
    """Not the installation of anything, and not the other jobs."""
    for job in jobs(path).values():
        assert "secrets." not in str({key: value for key, value in job.items() if key != "steps"})
        assert not any("secrets." in str(step) for step in job["steps"][:-1])


SYSTEM = re.compile(r"(Ubuntu|Debian) (\d+(?:\.\d+)?)")
ARCHITECTURES = {"": "amd64", "-arm": "arm64"}


def systems_of_the_public_workflow() -> set[str]:
    """Systems and architectures of its jobs, such as `Debian 12 on arm64`."""
    found = set()
    for job in jobs(REPOSITORY / ".github" / "workflows" / "public.yml").values():
        matrix = job["strategy"]["matrix"]
        assert set(matrix) <= {"runner", "image"}
        for runner in matrix["runner"]:
            name, version, architecture = re.fullmatch(r"(ubuntu)-([\d.]+)(-arm)?", runner).groups(default="")  # type: ignore[union-attr]
            for image in matrix.get("image", [f"{name}:{version}"]):
                found.add(f"{image.replace(':', ' ').capitalize()} on {ARCHITECTURES[architecture]}")
    return found


def test_the_public_sources_are_tried_on_each_system_that_the_front_page_names() -> None:
    """The item of the front page and the matrix say the same."""
    items = (REPOSITORY / "README.md").read_text().split("\n- ")
    (text,) = (" ".join(item.split()) for item in items if "workflow `public`" in item)
    named = {f"{name} {version}" for name, version in SYSTEM.findall(text)}
    assert len(named) == 3
    assert all(architecture in text for architecture in ARCHITECTURES.values())
    both = {f"{system} on {architecture}" for system in named for architecture in ARCHITECTURES.values()}
    assert systems_of_the_public_workflow() == both


def test_nothing_else_passes_for_the_public_sources() -> None:
    """`make up` alone would take the local mirror, and a substitute of a plugin, without an error."""
    for job in jobs(REPOSITORY / ".github" / "workflows" / "public.yml").values():
        called = [name for step in job["steps"] for name in re.findall(r"\bmake ([a-z-]+)", step.get("run", ""))]
        assert called == ["public", "up", "status", "drift", "unchanged", "down"]


def test_a_container_of_a_job_has_an_image_and_what_local_machines_need_of_its_runner() -> None:
    """The runner ends a job whose image is empty; podman cannot lay an overlay on the overlay of the container."""
    containers = [job["container"] for path in WORKFLOWS for job in jobs(path).values() if "container" in job]
    assert containers
    for container in containers:
        assert container["image"] == "${{ matrix.image }}"
        assert "--privileged" in container["options"]
        assert {"/var/lib/containers", "/lib/modules"} <= {each.split(":")[1] for each in container["volumes"]}
    (job,) = (job for path in WORKFLOWS for job in jobs(path).values() if "container" in job)
    assert all(job["strategy"]["matrix"]["image"])


def test_a_pull_request_of_a_fork_gets_no_secret() -> None:
    """Its code is a stranger's."""
    for job in jobs(REPOSITORY / ".github" / "workflows" / "preview.yml").values():
        assert "secrets." not in str(job) or "head.repo.full_name == github.repository" in job["if"]


def test_code_of_a_pull_request_has_no_environment_with_a_key_of_the_hosts() -> None:
    """A pull request may change the workflow, too: what protects the key is that its environment is another one."""
    environments: dict[str, set[str]] = {}
    for path in WORKFLOWS:
        content = yaml.safe_load(path.read_text())
        triggers = content[True]  # YAML 1.1 reads the key `on` so
        of_pull_requests = "pull_request" in triggers
        for job in jobs(path).values():
            if "environment" in job:
                environments.setdefault("pull request" if of_pull_requests else "own", set()).add(job["environment"])
            assert not (of_pull_requests and "SSH_PRIVATE_KEY" in str(job))
    assert environments["pull request"]
    assert environments["own"]
    assert not environments["pull request"] & environments["own"]


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_a_pipe_hides_no_failure(path: Path) -> None:
    """The shell of a step has `pipefail` only where the step names it."""
    piped = [each for job in jobs(path).values() for each in job["steps"] if " | " in each.get("run", "")]
    assert [each.get("shell") for each in piped] == ["bash"] * len(piped)


def hidden_failures(makefile: str) -> list[str]:
    """Lines of recipes that go on where a command in a pipe, or one whose output is an argument, fails."""
    recipes = [line for line in makefile.splitlines() if line.startswith("\t")]
    return [
        line for line in recipes if " | " in line or ("$$(" in line and not re.match(r"\t@\w+=\$\$\(.*?\) && ", line))
    ]


def test_no_recipe_hides_a_failure() -> None:
    """Without an answer of git no script would be looked at, and `make lint` would succeed."""
    assert hidden_failures((REPOSITORY / "Makefile").read_text()) == []
    assert hidden_failures(
        "\t@shellcheck $$(git ls-files)\n\t@make drift | tee file\n\t@all=$$(git ls-files) && lint $$all"
    ) == [
        "\t@shellcheck $$(git ls-files)",
        "\t@make drift | tee file",
    ]
