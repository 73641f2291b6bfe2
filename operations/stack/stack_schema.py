"""JSON Schema of a stack file, for editors that complete and check while one types."""

from __future__ import annotations

from typing import Any

from components.settings import Settings

PREFIX = "kubeadm:"

Schema = dict[str, Any]

SECRET: Schema = {
    "description": "A secret of this stack; set it with `pulumi config set --secret NAME`",
    "type": "object",
    "properties": {"secure": {"type": "string"}},
    "required": ["secure"],
    "additionalProperties": False,
}

PULUMI_KEYS: Schema = {
    "encryptionsalt": {"type": "string", "description": "Written by Pulumi"},
    "encryptedkey": {"type": "string", "description": "Written by Pulumi"},
    "secretsprovider": {"type": "string", "description": "What encrypts the secrets of this stack"},
    "environment": {"description": "Environments of Pulumi ESC"},
}
"""Keys beside `config`: https://www.pulumi.com/docs/iac/concepts/projects/stack-settings-file/."""


def stack_schema() -> Schema:
    """JSON Schema of the whole of a Pulumi.STACK.yaml."""
    model = Settings.model_json_schema()
    definitions = model["$defs"]
    _name_follows_from_key(definitions["Host"])
    sections = model["properties"]
    schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Stack file of pulumi-kubeadm",
        "type": "object",
        "properties": {
            "config": {
                "type": "object",
                "properties": {PREFIX + name: section for name, section in sections.items()},
                # Any other name with our prefix is a secret, or a typo.
                "patternProperties": {f"^{PREFIX}(?!({'|'.join(sections)})$)": SECRET},
                "required": [PREFIX + name for name in model["required"]],
            },
            **PULUMI_KEYS,
        },
        "required": ["config"],
        "additionalProperties": False,
        "$defs": definitions,
    }
    _tidy(schema)
    return schema


def _name_follows_from_key(host: Schema) -> None:
    """Remove the field `name` of a host: the program takes the name from the key of the host."""
    host["required"].remove("name")
    del host["properties"]["name"]


def _tidy(node: Any) -> None:
    """Titles that only repeat a key are gone, and a map takes no key that its pattern refuses."""
    for each in node if isinstance(node, list) else node.values():
        if not isinstance(each, dict | list):
            continue
        if isinstance(each, dict):
            if isinstance(each.get("title"), str):
                del each["title"]
            if "patternProperties" in each and "properties" not in each:
                each["additionalProperties"] = False
        _tidy(each)
