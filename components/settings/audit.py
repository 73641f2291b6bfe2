"""The audit log of the API servers, and its policy."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml
from pydantic import Field, field_validator

from components.settings._types import LARGEST, Model, TextFile

LEVELS = ("None", "Metadata", "Request", "RequestResponse")
STAGES = ("RequestReceived", "ResponseStarted", "ResponseComplete", "Panic")
"""https://kubernetes.io/docs/reference/config-api/apiserver-audit.v1/."""


class Audit(Model):
    """The audit log of the API servers, in `/var/log/kubernetes/audit` of each control plane."""

    policy_file: TextFile | None = Field(
        None,
        description="Audit policy, a file beside Pulumi.yaml; by default one that logs no body",
    )
    max_age: int = Field(30, ge=1, le=LARGEST, description="Days for which a log is kept")
    max_backup: int = Field(10, ge=1, le=LARGEST, description="Number of old logs that are kept")
    max_size: int = Field(100, ge=1, le=LARGEST, description="MiB after which a new log begins")

    @field_validator("policy_file")
    @classmethod
    def _is_policy(cls, value: Path | None) -> Path | None:
        problems = list(problems_of_policy(value.read_text())) if value else []
        if problems:
            raise ValueError("; ".join(problems))
        return value


def problems_of_policy(text: str) -> Iterator[str]:
    """Problems of an audit policy with which the API server would not start."""
    try:
        policy = yaml.safe_load(text)
    except yaml.YAMLError as error:
        yield f"YAML, found {' '.join(str(error).split())}"
        return
    found = policy if isinstance(policy, dict) else {}
    for key, expected in {"apiVersion": "audit.k8s.io/v1", "kind": "Policy"}.items():
        if found.get(key) != expected:
            yield f"expected {key} {expected}, found {found.get(key)!r}"
    rules = found.get("rules")
    if not isinstance(rules, list) or not rules:
        yield f"expected rules, a list that is not empty, found {rules!r}"
        return
    yield from _unknown_stages("omitStages", found)
    for number, rule in enumerate(rules):
        if not isinstance(rule, dict) or rule.get("level") not in LEVELS:
            yield f"rules[{number}]: expected a level of {', '.join(LEVELS)}, found {rule!r}"
        elif rule.get("resources") and rule.get("nonResourceURLs"):
            yield f"rules[{number}]: expected resources or nonResourceURLs, found both"
        else:
            yield from _unknown_stages(f"rules[{number}].omitStages", rule)


def _unknown_stages(path: str, content: Mapping[str, Any]) -> Iterator[str]:
    stages = content.get("omitStages") or []
    unknown = [each for each in stages if each not in STAGES] if isinstance(stages, list) else [stages]
    if unknown:
        yield f"{path}: expected a list of {', '.join(STAGES)}, found {unknown!r}"
