"""One comment per stack on a pull request, made or brought up to date through GitHub's REST API."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from problem import Problem, StepError

PAGE = 100
"""Comments per request, the most that the API gives."""

TIMEOUT_SECONDS = 30


@dataclass(frozen=True)
class PullRequest:
    """A pull request that comments are written on.

    Attributes:
        api: address of the REST API, which is https://api.github.com for GitHub itself.
        repository: owner and name.
        number: of the pull request.
        token: may write comments on pull requests; never shown.
    """

    api: str
    repository: str
    number: int
    token: str

    def write(self, marker: str, body: str) -> str:
        """The comment that begins with the marker has this body; it is made if there is none.

        Returns:
            Its address for people.

        Raises:
            StepError: the API refuses, or cannot be reached.
        """
        existing = next((each for each in self._comments() if each["body"].startswith(marker)), None)
        if existing:
            answer = self._request("PATCH", f"/issues/comments/{existing['id']}", {"body": body})
        else:
            answer = self._request("POST", f"/issues/{self.number}/comments", {"body": body})
        return str(answer["html_url"])

    def _comments(self) -> Iterator[dict[str, Any]]:
        page = 1
        while found := self._request("GET", f"/issues/{self.number}/comments?per_page={PAGE}&page={page}"):
            yield from found
            if len(found) < PAGE:
                return
            page += 1

    def _request(self, method: str, path: str, content: dict[str, str] | None = None) -> Any:
        request = urllib.request.Request(  # noqa: S310  # the address is the runner's own
            f"{self.api}/repos/{self.repository}{path}",
            method=method,
            data=None if content is None else json.dumps(content).encode(),
            headers={
                "Authorization": f"Bearer {self.token}",
                "Accept": "application/vnd.github+json",
                "Content-Type": "application/json",
                "X-GitHub-Api-Version": "2022-11-28",
            },
        )
        try:
            with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS) as answer:  # noqa: S310
                return json.load(answer)
        except urllib.error.HTTPError as error:
            with error:
                seen = f"status {error.code}: {error.read(300).decode(errors='replace')}"
            next_command = "see that the job has `permissions: pull-requests: write`; docs/pull-requests.md"
            raise self._error(seen, next_command) from error
        except OSError as error:
            raise self._error(str(error), f"see whether {self.api} can be reached from here") from error

    def _error(self, seen: str, next_command: str) -> StepError:
        step = f"comment on pull request {self.number} of {self.repository}"
        return StepError(Problem(step, expected=f"{self.api} to take it", seen=seen, next_command=next_command))
