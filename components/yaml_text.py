"""YAML for programs in Go, whose parsers take more texts for numbers and truth values than Python's."""

from __future__ import annotations

import re
from typing import Any

import yaml


class _Dumper(yaml.SafeDumper):
    """Puts a text in quotes where any parser would not find text."""


# resolve.go of gopkg.in/yaml.v2, which kubeadm and kubectl have, and of v3. PyYAML finds text in `y`, 1e3, 089, 0o17.
_Dumper.add_implicit_resolver(
    "tag:yaml.org,2002:not-text",
    re.compile(
        r"([yYnN]|[-+]?(\.[0-9_]+|[0-9][0-9_]*(\.[0-9_]*)?)([eE][-+]?[0-9_]+)?|[-+]?0([oO][0-7_]+|[bB][01_]+))\Z"
    ),
    list("yYnN-+.0123456789"),
)


def yaml_text(*documents: Any) -> str:
    """Documents of YAML, their keys in their own order."""
    return yaml.dump_all(documents, Dumper=_Dumper, sort_keys=False)
