"""The page of errors as Markdown: the states that steps and connections expect, collected from the code."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from components.settings import Host, Ssh
from components.steps.explain import advice_by_sign
from components.steps.scripts import SCRIPTS
from operations.stack._markdown import table

INTRODUCTION = """\
# Errors

Written by `make configuration` from `components/steps/explain.py` and `scripts`; do not edit it here.

Each error has one form. It stops the update; what is done stays done, and the next `pulumi up` goes on from there:

```
HOST: STEP: expected STATE,
  saw WHAT THE MACHINE HAS OR SAYS
  Next: COMMAND, OR EDIT OF THE STACK FILE
```

[Troubleshooting](troubleshooting.md) begins with symptoms. Here are the expected states, and the code that asks for
them; names in capitals stand for values.
"""
CONNECTIONS = """\
## Connections

The words are those of Pulumi's command provider, of OpenSSH, sudo or bash; the first row that fits counts.
"""
STEPS = """\
## Steps

The files are below `scripts`; those in `lib` are part of several steps.
"""
FAIL = re.compile(r'(?:^|[|;{] ?|\s)(?:fail|wait_for (?:\w+|"\$\w+")) "((?:[^"\\$]|\\.|\$\{[^}]*\}|\$\w+|\$\*)+)"')
"""A failure of a script, or a wait that may end in one, with the expected state."""
VARIABLE = re.compile(r"\$\{#?(\w+)[^}]*\}|\$(\w+|\*)")


def errors_page() -> str:
    """The whole page."""
    advice = advice_by_sign(
        Host(name="node1", address="192.0.2.11"), Ssh(user="debian", private_key_file="/home/you/.ssh/id_ed25519")
    )
    signs = ((f"`{sign}`", _cell(expected), _cell(command)) for sign, (expected, command) in advice.items())
    return "\n".join(
        [
            INTRODUCTION,
            CONNECTIONS,
            table(("Words", "Expected", "Next"), signs),
            STEPS,
            table(("Expected", "File"), dict.fromkeys(expected_states(SCRIPTS))),
        ]
    )


def expected_states(scripts: Path) -> Iterator[tuple[str, str]]:
    """States that scripts demand of a machine or a cluster, each with its file."""
    for path in sorted(scripts.rglob("*.sh")):
        code = path.read_text().replace("\\\n", "")
        for text in FAIL.findall(code):
            words = VARIABLE.sub(_named, text).replace('\\"', '"')
            yield _cell(words), f"`{path.relative_to(scripts)}`"


def _named(variable: re.Match[str]) -> str:
    """The name of a variable of a shell in capitals; an argument of a function has none."""
    name = variable[1] or variable[2]
    return name.upper() if name.isidentifier() else "…"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "&lt;")
