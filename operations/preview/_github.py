"""One comment per stack on a pull request, made or brought up to date through GitHub's REST API."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from http.client import HTTPException
from typing import Any

from problem import StepError

PAGE = 100
"""Comments per request, the most that the API gives."""

TIMEOUT_SECONDS = 30


@dataclass(frozen=True)
class PullRequest:
    """A pull request that comments are written on.

    Attributes:
        api: address of the REST API, which is https://api.github.com for GitHub itself.
        graphql: address of the GraphQL API, which is https://api.github.com/graphql for GitHub itself.
        repository: owner and name.
        number: of the pull request.
        token: may write comments on pull requests; never shown.
    """

    api: str
    graphql: str
    repository: str
    number: int
    token: str = field(repr=False)

    def write(self, marker: str, body: str) -> str:
        """Write the comment that begins with the marker, as the login of the token; a missing comment is created.

        Comments of other authors are not used: their authors could edit the plan afterwards.

        Returns:
            URL of the comment.

        Raises:
            StepError: the API refuses, or cannot be reached.
        """
        own = self._login()
        try:
            comments = (each for each in self._comments() if _is_by(own, each) and _begins_with(marker, each))
            existing = next(comments, None)
            if existing:
                answer = self._request("PATCH", f"{self._issues}/comments/{existing['id']}", {"body": body})
            else:
                answer = self._request("POST", f"{self._issues}/{self.number}/comments", {"body": body})
            return str(answer["html_url"])
        except (LookupError, TypeError, AttributeError) as error:
            seen = f"an answer of another form: {type(error).__name__}: {error}"
            raise self._error(seen, f"see whether {self.api} is GitHub's API") from error

    @property
    def _issues(self) -> str:
        return f"{self.api}/repos/{self.repository}/issues"

    def _login(self) -> str:
        """Login of the token. REST's /user refuses the token of a job, which is that of an app."""
        answer = self._request("POST", self.graphql, {"query": "query { viewer { login } }"})
        try:
            return str(answer["data"]["viewer"]["login"])
        except (LookupError, TypeError) as error:
            next_command = f"see whether $GITHUB_TOKEN is valid, and {self.graphql} the API of its server"
            raise self._error(f"no login of the token: {str(answer)[:300]}", next_command) from error

    def _comments(self) -> Iterator[dict[str, Any]]:
        page = 1
        while found := self._request("GET", f"{self._issues}/{self.number}/comments?per_page={PAGE}&page={page}"):
            yield from found
            if len(found) < PAGE:
                return
            page += 1

    def _request(self, method: str, url: str, content: dict[str, str] | None = None) -> Any:
        request = urllib.request.Request(  # noqa: S310  # the address is the runner's own
            url,
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
            seen = f"status {error.code}"
            with error, suppress(OSError, HTTPException):  # the status is known even if the body is not received
                seen += f": {error.read(300).decode(errors='replace')}"
            next_command = "see that the job has `permissions: pull-requests: write`; docs/pull-requests.md"
            raise self._error(seen, next_command) from error
        except (OSError, HTTPException, ValueError) as error:  # an incomplete answer, or the page of a proxy
            seen = str(error) or type(error).__name__
            raise self._error(seen, f"see whether {self.api} can be reached from here, and is GitHub's API") from error

    def _error(self, seen: str, next_command: str) -> StepError:
        step = f"comment on pull request {self.number} of {self.repository}"
        return StepError(step, expected=f"{self.api} to take it", seen=seen, next_command=next_command)


def _is_by(login: str, comment: dict[str, Any]) -> bool:
    return bool((comment.get("user") or {}).get("login") == login)


def _begins_with(marker: str, comment: dict[str, Any]) -> bool:
    return bool((comment.get("body") or "").startswith(marker))
