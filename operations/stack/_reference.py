"""The configuration reference: every field of a stack file, as Markdown."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from textwrap import dedent
from typing import Any

from components.settings import WORDS
from operations.stack.stack_schema import PREFIX, Schema

INTRODUCTION = """\
# Configuration reference

Written by `make configuration` from `components/settings`; do not edit it here.

All that `Pulumi.STACK.yaml` may say, under `config:`. Each section below is a key of its own. Paths are those in the
file; `NAME` stands for a key that you choose, `[]` for an entry of a list. Everything that is wrong with a file is
reported at once, before anything is touched. Editors that know the YAML language server check it while you type: the
first line of a stack file names [stack.schema.json](stack.schema.json).

The examples are parts of one stack file, [stack.example.yaml](stack.example.yaml), below its `config:`.

Passwords are no part of a section. `pulumi config set --secret registryPassword` stores one encrypted, as a key of its
own.
"""

FORMATS = {"ipv4": "IPv4 address", "ipv4network": "IPv4 network", "path": "path of a file"}
REQUIRED = object()


@dataclass(frozen=True)
class Row:
    """One field: its path below the section, and its cells in the order of the table. Texts are Markdown."""

    path: str
    description: str
    type: str
    default: str
    allowed: str

    def __str__(self) -> str:
        """A row of a Markdown table."""
        cells = (f"`{self.path}`", self.description, self.type, self.default, self.allowed)
        return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


def reference(schema: Schema, example: str) -> str:
    """The whole reference.

    Args:
        schema: of a stack file.
        example: text of a stack file with each section.
    """
    config = schema["properties"]["config"]
    examples = dict(sections_of(example))
    parts = [INTRODUCTION]
    for key, section in config["properties"].items():
        needed = "Required." if key in config["required"] else "May be left out."
        parts.append(f"## `{PREFIX}{key.removeprefix(PREFIX)}`\n\n{section['description']}. {needed}\n")
        parts.append("| Path | What it is | Type | Default | Allowed |\n| --- | --- | --- | --- | --- |")
        rows = _Rows(schema["$defs"]).below(section, "", section.get("default", REQUIRED))
        parts.append("\n".join(str(row) for row in rows) + "\n")
        parts.append(f"```yaml\n{examples[key]}```\n")
    return "\n".join(parts)


def sections_of(example: str) -> Iterator[tuple[str, str]]:
    """Name and text of each section of a stack file, with its comments."""
    for section in re.split(rf"^(?=  {PREFIX})", example, flags=re.MULTILINE)[1:]:
        yield section.strip().partition(":\n")[0], dedent(section).strip() + "\n"


class _Rows:
    """Rows of everything below a place of the schema."""

    def __init__(self, definitions: Schema) -> None:
        self._definitions = definitions

    def below(self, node: Schema, path: str, default: Any) -> Iterator[Row]:
        """The fields of a model, or of the entries of a list or map; none for a plain value.

        Args:
            node: schema of the place.
            path: of the place, without a dot at its end; empty for a section.
            default: value of the place where the file does not say one.
        """
        for each in self._alternatives(node):
            if "properties" in each:
                required = each.get("required", ())
                for name, field in each["properties"].items():
                    own = REQUIRED if name in required else field.get("default", "")
                    known = isinstance(default, dict) and name in default
                    yield from self._field(field, f"{path}.{name}".lstrip("."), default[name] if known else own)
            elif "items" in each:
                yield from self.below(each["items"], f"{path}[]", REQUIRED)
            else:
                for entry in _entries(each):
                    yield from self.below(entry, f"{path}.NAME".lstrip("."), REQUIRED)

    def _field(self, field: Schema, path: str, default: Any) -> Iterator[Row]:
        inner = list(self.below(field, path, default))
        is_model = any("properties" in each for each in self._alternatives(field))
        shown = "see below" if is_model and isinstance(default, dict) else _default(default)
        yield Row(path, field["description"], self._type(field), shown, self._allowed_of(field))
        yield from inner

    def _alternatives(self, node: Schema) -> list[Schema]:
        """The schemas that a place allows, references followed; null, which stands for a field left out, is none."""
        if "$ref" in node:
            return [self._definitions[node["$ref"].rpartition("/")[2]]]
        found = [each for option in node.get("anyOf", [node]) for each in self._options(option, node)]
        return [each for each in found if each.get("type") != "null"]

    def _options(self, option: Schema, node: Schema) -> list[Schema]:
        return [node] if option is node else self._alternatives(option)

    def _type(self, node: Schema) -> str:
        return " or ".join(dict.fromkeys(self._name(each) for each in self._alternatives(node)))

    def _name(self, node: Schema) -> str:
        if "items" in node:
            return f"list of {self._plural(node['items'])}"
        for entry in _entries(node):
            return f"map to {self._plural(entry)}"
        if node.get("type") == "object":
            return "section" if "properties" in node else "mapping"
        return FORMATS.get(node.get("format", ""), str(node.get("type", "anything")))

    def _plural(self, node: Schema) -> str:
        return " or ".join(_plural(part) for part in self._type(node).split(" or "))

    def _allowed(self, node: Schema) -> str:
        if "enum" in node:
            return " ".join(f"`{value}`" for value in node["enum"])
        if "pattern" in node:
            return WORDS[node["pattern"]]
        if "minimum" in node or "maximum" in node:
            return f"{node['minimum']} to {node['maximum']}" if "maximum" in node else f"{node['minimum']} or more"
        if "items" in node:
            return self._allowed_of(node["items"])
        for pattern, entry in node.get("patternProperties", {}).items():
            values = self._allowed_of(entry)
            return f"keys: {WORDS[pattern]}{'; values: ' if values else ''}{values}"
        return ""

    def _allowed_of(self, node: Schema) -> str:
        return "; or ".join(dict.fromkeys(filter(None, map(self._allowed, self._alternatives(node)))))


def _entries(node: Schema) -> list[Schema]:
    """Schema of a map's values, as a list of one; empty for anything that is no map."""
    if "properties" in node:
        return []
    return list(node.get("patternProperties", {}).values())


def _plural(name: str) -> str:
    """The plural of a type: of its first word where the type is a list or a map."""
    first, of, rest = name.partition(" of ") if " of " in name else name.partition(" to ")
    return f"{first}{'es' if first.endswith('address') else 's'}{of}{rest}"


def _default(value: Any) -> str:
    if value is REQUIRED:
        return "**required**"
    if value is None:
        return "none"
    return f"`{json.dumps(value)}`" if value != "" else '`""`'
