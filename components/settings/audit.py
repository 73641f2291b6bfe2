"""The audit log of the API servers, and its policy."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml
from pydantic import Field, field_validator

from components.settings import _patterns
from components.settings._types import LARGEST, Model, TextFile

LEVELS = ("None", "Metadata", "Request", "RequestResponse")
STAGES = ("RequestReceived", "ResponseStarted", "ResponseComplete", "Panic")
SWITCH = "omitManagedFields"
POLICY_FIELDS = {"apiVersion", "kind", "metadata", "rules", "omitStages", SWITCH}
TEXTS = ("users", "userGroups", "verbs", "namespaces", "nonResourceURLs")
RULE_FIELDS = {"level", *TEXTS, "resources", "omitStages", SWITCH}
RESOURCE_FIELDS = {"group", "resources", "resourceNames"}
"""https://kubernetes.io/docs/reference/config-api/apiserver-audit.v1/. The API server passes over a field that it does
not know (LoadPolicyFromBytes of k8s.io/apiserver): a rule with `verb` for `verbs` holds for all of them."""


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
    yield from _unknown_fields("", found, POLICY_FIELDS)
    yield from _no_switch("", found)
    yield from _unknown_stages("omitStages", found)
    for number, rule in enumerate(rules):
        path = f"rules[{number}]"
        if not isinstance(rule, dict) or rule.get("level") not in LEVELS:
            yield f"{path}: expected a level of {', '.join(LEVELS)}, found {rule!r}"
        elif rule.get("resources") and rule.get("nonResourceURLs"):
            yield f"{path}: expected resources or nonResourceURLs, found both"
        else:
            yield from _problems_of_rule(path, rule)


def _problems_of_rule(path: str, rule: Mapping[str, Any]) -> Iterator[str]:
    yield from _unknown_fields(f"{path}.", rule, RULE_FIELDS)
    yield from _unknown_stages(f"{path}.omitStages", rule)
    yield from _no_switch(f"{path}.", rule)
    yield from _no_texts(path, rule, TEXTS)
    urls = rule.get("nonResourceURLs") or []
    for url in urls if isinstance(urls, list) else ():
        if url != "*" and not (str(url).startswith("/") and "*" not in str(url)[:-1]):
            yield f"{path}.nonResourceURLs: expected paths that begin with /, with * at their end alone, found {url!r}"
    resources = rule.get("resources") or []
    for each in resources if isinstance(resources, list) else [resources]:
        if not isinstance(each, dict) or not isinstance(resources, list):
            yield f"{path}.resources: expected a list of `{{group: ..., resources: [...]}}`, found {each!r}"
            continue
        yield from _unknown_fields(f"{path}.resources.", each, RESOURCE_FIELDS)
        yield from _no_texts(f"{path}.resources", each, ("resources", "resourceNames"))
        group = each.get("group") or ""
        if not isinstance(group, str) or not re.fullmatch(f"({_patterns.HOST_NAME[1:-1]})?", group):
            yield f"{path}.resources.group: expected an API group without its version, such as apps, found {group!r}"
        if each.get("resourceNames") and not each.get("resources"):
            yield f"{path}.resources: expected resources beside resourceNames, found {each!r}"


def _unknown_fields(path: str, content: Mapping[str, Any], known: Collection[str]) -> Iterator[str]:
    for field in (each for each in content if each not in known):
        yield f"{path}{field}: expected {', '.join(sorted(known))}; the API server would pass over it"


def _no_switch(path: str, content: Mapping[str, Any]) -> Iterator[str]:
    found = content.get(SWITCH)
    if not isinstance(found, bool | None):
        yield f"{path}{SWITCH}: expected true or false, found {found!r}"


def _no_texts(path: str, content: Mapping[str, Any], fields: Collection[str]) -> Iterator[str]:
    for field in fields:
        found = content.get(field)
        if found is not None and not (isinstance(found, list) and all(isinstance(each, str) for each in found)):
            yield f"{path}.{field}: expected a list of texts, found {found!r}"


def _unknown_stages(path: str, content: Mapping[str, Any]) -> Iterator[str]:
    stages = content.get("omitStages") or []
    unknown = [each for each in stages if each not in STAGES] if isinstance(stages, list) else [stages]
    if unknown:
        yield f"{path}: expected a list of {', '.join(STAGES)}, found {unknown!r}"
