"""The examples for GitLab CI and Gitea Actions: YAML, commands that run, and secrets out of a fork's reach."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import threading
import urllib.parse
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml

from local.paths import REPOSITORY

EXAMPLES = REPOSITORY / "docs" / "ci"
TOKEN = "canary-of-the-token"  # noqa: S105
TARGETS = re.findall(r"^([a-z-]+):", (REPOSITORY / "Makefile").read_text(), re.MULTILINE)


def gitlab() -> dict[str, dict[str, Any]]:
    """Jobs of the example for GitLab by name."""
    content = yaml.safe_load((EXAMPLES / "gitlab-ci.yml").read_text())
    return {name: job for name, job in content.items() if isinstance(job, dict) and "script" in job}


def gitea() -> dict[str, dict[str, Any]]:
    """Jobs of the example for Gitea by name."""
    jobs: dict[str, dict[str, Any]] = yaml.safe_load((EXAMPLES / "gitea-actions.yml").read_text())["jobs"]
    return jobs


SCRIPTS = {f"gitlab {name}": "\n".join(job["script"]) for name, job in gitlab().items()} | {
    f"gitea {name}": job["steps"][-1]["run"] for name, job in gitea().items()
}
PREVIEWS = {
    "gitlab preview-ci": {"CI_MERGE_REQUEST_IID": "7", "CI_MERGE_REQUEST_DIFF_BASE_SHA": "abc"},
    "gitlab preview-shop": {"CI_OPEN_MERGE_REQUESTS": "group/kubeadm!7,group/kubeadm!8"},
    "gitea ci": {"NUMBER": "7", "BASE": "abc"},
    "gitea shop": {"NUMBER": "7", "STACK": "shop"},
}


@contextmanager
def api() -> Iterator[tuple[str, list[tuple[str, str, str]]]]:
    """An API that takes comments: its address, and the path, the token and the body of each."""
    taken: list[tuple[str, str, str]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            content = self.rfile.read(int(self.headers["Content-Length"])).decode()
            token = str(self.headers.get("PRIVATE-TOKEN") or self.headers.get("Authorization"))
            taken.append((self.path, token, urllib.parse.parse_qs(content)["body"][0]))
            self.send_response(201)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/api", taken
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def run(name: str, directory: Path, make: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """The script of a job, with another program in place of make."""
    (directory / "make").write_text(f"#!/bin/bash\n{make}\n")
    (directory / "make").chmod(0o755)
    path = f"{directory}:{os.environ['PATH']}"
    command = ["bash", "-euo", "pipefail", "-c", SCRIPTS[name]]
    environment = {"PATH": path, "GITHUB_REPOSITORY": "group/kubeadm", "CI_PROJECT_ID": "5", **variables}
    return subprocess.run(command, cwd=directory, env=environment, capture_output=True, text=True, check=False)


def test_each_job_is_tried() -> None:
    """The tests below go through all of them."""
    assert set(SCRIPTS) == {*PREVIEWS, "gitlab drift", "gitea drift"}


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_script_calls_targets_of_the_makefile_and_puts_no_expression_into_a_shell(name: str) -> None:
    """The title of a pull request would be run as a command."""
    called = re.findall(r"\bmake ([a-z-]+)", SCRIPTS[name])
    assert called
    assert set(called) <= set(TARGETS)
    assert "${{" not in SCRIPTS[name]


@pytest.mark.parametrize("status", [0, 1])
@pytest.mark.parametrize("name", PREVIEWS)
def test_a_preview_becomes_a_comment_also_where_it_failed(tmp_path: Path, name: str, status: int) -> None:
    """The job ends as the preview did, and no argument of a program has the token."""
    recording = f'printf "%s\\n" "$@" >arguments\nexec {shutil.which("curl")} "$@"'
    (tmp_path / "curl").write_text(f"#!/bin/bash\n{recording}\n")
    (tmp_path / "curl").chmod(0o755)
    with api() as (address, taken):
        finished = run(
            name,
            tmp_path,
            f'echo "$*" >made; printf "Plan for é & co\\n"; exit {status}',
            GITHUB_API_URL=address,
            CI_API_V4_URL=address,
            TOKEN=TOKEN,
            COMMENT_TOKEN=TOKEN,
            **PREVIEWS[name],
        )
    assert finished.returncode == status, finished.stderr
    project = "/projects/5/merge_requests/7/notes" if "gitlab" in name else "/repos/group/kubeadm/issues/7/comments"
    assert taken == [(f"/api{project}", TOKEN if "gitlab" in name else f"token {TOKEN}", "Plan for é & co\n")]
    assert TOKEN not in (tmp_path / "arguments").read_text() + finished.stdout + finished.stderr
    stack = "shop" if "shop" in name else "ci"
    base = "" if "shop" in name else "--base abc"
    assert (tmp_path / "made").read_text().strip().removesuffix("ARGS=").strip() == (
        f"preview-comment STACK={stack} ARGS={base}".removesuffix("ARGS=").strip()
    )


@pytest.mark.parametrize("name", PREVIEWS)
def test_without_a_token_the_log_has_the_preview(tmp_path: Path, name: str) -> None:
    """As in the pipeline of a fork."""
    finished = run(name, tmp_path, "echo Plan", TOKEN="", **PREVIEWS[name])
    assert (finished.returncode, finished.stdout) == (0, "Plan\n")


@pytest.mark.parametrize("name", ["gitlab drift", "gitea drift"])
def test_the_key_of_the_hosts_is_in_an_agent_alone(tmp_path: Path, name: str) -> None:
    """What make runs has the agent, and neither the key nor a file with it."""
    key = tmp_path / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True)
    text = key.read_text()
    key.unlink()
    finished = run(name, tmp_path, 'ssh-add -l; echo "${SSH_PRIVATE_KEY-none} $1"', SSH_PRIVATE_KEY=text, STACK="shop")
    assert finished.returncode == 0, finished.stderr
    assert finished.stdout.splitlines()[0].endswith("(ED25519)")
    assert finished.stdout.splitlines()[1:] == ["none drift"]


def test_only_jobs_of_protected_branches_use_the_secrets_of_a_stack() -> None:
    """GitLab gives protected variables to these; a fork has none, and the job for `ci` needs none."""
    for name, job in gitlab().items():
        of_protected = all('$CI_COMMIT_REF_PROTECTED == "true"' in rule["if"] for rule in job["rules"])
        assert of_protected == (name != "preview-ci"), name


def test_no_job_of_a_fork_has_a_secret_and_no_job_of_a_pull_request_the_key_of_the_hosts() -> None:
    """Gitea starts the workflow of a pull request as the pull request has it: it gives no secrets to forks."""
    for name, job in gitea().items():
        assert ("secrets." in str(job)) == (name != "ci"), name
        assert ("SSH_PRIVATE_KEY" in str(job)) == (job["if"] == "github.event_name == 'schedule'"), name
        assert "secrets." not in str(job["steps"][:-1])
        assert set(job["permissions"]) <= {"contents", "pull-requests"}
        (checkout,) = [step for step in job["steps"] if "uses" in step]
        assert re.search(r"@[0-9a-f]{40}$", checkout["uses"])
        assert checkout["with"]["persist-credentials"] is False
