"""Documents of YAML as Kubernetes reads them: kubectl makes JSON of each, by the rules of Go's YAML."""

from __future__ import annotations

import json
import re
from functools import cache
from typing import Any

import yaml


# libyaml takes a tenth of the time; each preview parses several manifests.
class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """Reads a plain word as Go does, where YAML 1.1 has another value for it."""


def _text(_: _Loader, node: yaml.ScalarNode) -> str:
    return str(node.value)


def _number(loader: _Loader, node: yaml.ScalarNode) -> Any:
    if ":" in node.value:
        return node.value  # 12:30 is 750 in YAML 1.1
    if node.tag.endswith(":int"):
        return loader.construct_yaml_int(node)
    return loader.construct_yaml_float(node)


_Loader.add_constructor("tag:yaml.org,2002:timestamp", _text)
_Loader.add_constructor("tag:yaml.org,2002:value", _text)  # a `=`, as among the operators in a definition
_Loader.add_constructor("tag:yaml.org,2002:int", _number)
_Loader.add_constructor("tag:yaml.org,2002:float", _number)
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)[eE][-+]?[0-9]+$"), list("-+.0123456789")
)
_Loader.add_implicit_resolver("tag:yaml.org,2002:int", re.compile(r"[-+]?0o[0-7_]+$"), list("-+0"))


@cache
def documents_of(content: bytes) -> list[Any]:
    """The documents of YAML that are not empty; nobody changes them.

    Keys become texts, as in JSON: the key of `9000: shop/front` in a ConfigMap is no number.

    Raises:
        yaml.YAMLError: it is no YAML, or has what JSON does not have.
    """
    try:
        found = json.loads(json.dumps(list(yaml.load_all(content, _Loader)), allow_nan=False))
    except (TypeError, ValueError, RecursionError) as error:
        raise yaml.YAMLError(f"no JSON: {error}") from error
    return [document for document in found if document]
