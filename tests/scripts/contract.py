"""Facts in the text of scripts: variables that they read, functions that they call, files that they put in place."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property

from components.steps.scripts import SCRIPTS

OF_EVERY_RUN = {"MACHINE_PROXY", "HOST_NAME", "STEP", "MODE", "PLACE", "LIBRARY", "STAGING", "STATE"}
"""Set by run.sh, or given to each step."""
OF_EVERY_PREPARATION = {
    *("CGROUP_V1_IS_REFUSED", "CLUSTER_ID", "CLUSTER_NAME", "CONTAINERD_PACKAGE", "KEYRINGS", "KUBERNETES_VERSION"),
    *("MINIMUM_FREE_DISK_MIB", "MINIMUM_MEMORY_MIB", "MODULES", "NODE_IP", "NODE_LEAVES_FIRST", "OLDEST_CONTAINERD"),
    *("PROXY_VARIABLES", "ROLE"),
}
"""Variables that every recorded preparation has, also that of the first version that a state knows."""
OF_BASH = {"BASHPID", "BASH_COMMAND", "BASH_SOURCE", "BASH_SUBSHELL", "LINENO"}
OF_AWK = {"NF"}
OF_EVERY_STEP = {"lib/lib.sh", "lib/marks.sh"}
"""Libraries that each step sources first, so that no line `# Needs:` has them."""

READ = re.compile(r"\$\{?([A-Z][A-Z0-9_]+)")
ARITHMETIC = re.compile(r"\(\((.*?)\)\)")
NAME = re.compile(r"(?<![\w$])[A-Z][A-Z0-9_]+\b")
SET = re.compile(r"(?:^|[\s;(])(?:export |local )?([A-Z][A-Z0-9_]+)\+?=(?!\.\.\.)")  # STACK=... is advice in a message
FUNCTION = re.compile(r"^([a-z_0-9]+)\(\)", re.MULTILINE)
COMMAND = r"(?:^|[;(){|&!`]|\b(?:if|then|else|do|while|until)\b)\s*([a-z_0-9]+)\b(?![=-])"
CALL = re.compile(COMMAND + r"|\b([a-z]+_[a-z_0-9]+)\b", re.MULTILINE)
"""A word where a command stands; of a name with "_" also where it is an argument, as of wait_for."""
SOURCE = re.compile(r'\. "\$LIBRARY/(\S+\.sh)"')
WITHOUT_DEFAULT = re.compile(r"\$(?:([A-Z][A-Z0-9_]+)|\{([A-Z][A-Z0-9_]+)(?!:?[-+]|[A-Z0-9_]))")
ALWAYS_PUT = re.compile(r'^put "?([^\s";]+)', re.MULTILINE)
"""A call that is behind no condition; a line in a condition begins with a space."""
OF_ROLE = "${NODE_ROLE//-/_}"
ROLES = {"control_plane", "worker"}
"""A script may source a part that has the name of a role."""
PART_OF_OTHER_ROLE = {"worker": "parts/join/control_plane.sh", "control-plane": "parts/join/worker.sh"}
LOOP = re.compile(r"for part in ([a-z_ \\\n]+); do")
PUT = re.compile(r'\bput(?:_for_containerd)? "?([^\s";]+)')
STAGED_BELOW = re.compile(r'staged_below "?([^\s")]+)')
CONSTANT = re.compile(r'^([A-Z_]+)="?(/[^\s"]+)', re.MULTILINE)


@dataclass(frozen=True)
class Script:
    """A file of scripts/."""

    path: str

    @cached_property
    def text(self) -> str:
        """The text of the file."""
        return (SCRIPTS / self.path).read_text()

    @cached_property
    def code(self) -> str:
        """The text without comments."""
        return re.sub(r"(^|\s)#(?!\?).*", r"\1", self.text, flags=re.MULTILINE)

    @cached_property
    def functions(self) -> set[str]:
        """Functions that the file defines."""
        return set(FUNCTION.findall(self.code))

    @cached_property
    def sets(self) -> set[str]:
        """Variables that the file assigns."""
        return set(SET.findall(self.code))

    @cached_property
    def reads(self) -> set[str]:
        """Variables that the file reads and does not assign."""
        in_arithmetic = {name for inside in ARITHMETIC.findall(self.code) for name in NAME.findall(inside)}
        return (set(READ.findall(self.code)) | in_arithmetic) - self.sets - OF_EVERY_RUN - OF_BASH - OF_AWK

    @cached_property
    def sources(self) -> list[Script]:
        """Files that the file sources itself."""
        found = []
        paths = [path.replace(OF_ROLE, role) for path in SOURCE.findall(self.code) for role in sorted(ROLES)]
        for path in dict.fromkeys(paths):
            names = LOOP.search(self.code)
            parts = names[1].replace("\\", " ").split() if names and "$part" in path else [""]
            found += [Script(path.replace("$part", part)) for part in parts]
        return found

    @cached_property
    def all_sources(self) -> set[Script]:
        """The file, and all files that it sources, directly or not."""
        return {self}.union(*(each.all_sources for each in self.sources))

    @cached_property
    def calls(self) -> set[str]:
        """Words that may be functions of another file."""
        return {first or second for first, second in CALL.findall(self.code)} - self.functions

    @cached_property
    def libraries(self) -> set[str]:
        """Libraries of which this file uses a function or a constant."""
        others = (library for library in LIBRARIES if library != self and library.path not in OF_EVERY_STEP)
        return {other.path for other in others if other.functions & self.calls or other.sets & self.reads}

    @cached_property
    def values(self) -> set[str]:
        """Variables that neither this file nor a library sets."""
        return self.reads.difference(*(library.sets for library in LIBRARIES))


LIBRARIES = [Script(str(path.relative_to(SCRIPTS))) for path in sorted((SCRIPTS / "lib").glob("*.sh"))]
STEPS = [Script(str(path.relative_to(SCRIPTS))) for path in sorted((SCRIPTS / "steps").glob("*.sh"))]
PARTS = [Script(str(path.relative_to(SCRIPTS))) for path in sorted((SCRIPTS / "parts").rglob("*.sh"))]


def values_of(step: str, role: str = "") -> set[str]:
    """Variables that a step reads, its parts and libraries included, and that the program has to give it.

    A host of the given role runs no part of the other role.
    """
    files = _files_of(Script(f"steps/{step}.sh"), PART_OF_OTHER_ROLE.get(role, ""))
    return set[str]().union(*(file.reads for file in files)).difference(*(file.sets for file in files))


def needed_by(step: str) -> set[str]:
    """Those of the variables of a step without which its script would end: a shell refuses a name without a value."""
    code = "\n".join(each.code for each in _files_of(Script(f"steps/{step}.sh"), ""))
    return {first or second for first, second in WITHOUT_DEFAULT.findall(code)} & values_of(step)


def always_put(step: str) -> set[str]:
    """Staged files that a step puts in place under no condition, by path or constant."""
    return {path for each in Script(f"steps/{step}.sh").all_sources for path in ALWAYS_PUT.findall(each.code)}


def _files_of(script: Script, skipped: str) -> set[Script]:
    sources = (each for each in script.sources if each.path != skipped)
    return {script}.union(*(_files_of(each, skipped) for each in sources))


def puts(step: str, path: str) -> bool:
    """True where a step puts a staged file in place."""
    code = "\n".join(file.code for file in Script(f"steps/{step}.sh").all_sources)
    constants = dict(CONSTANT.findall(code))

    def resolved(word: str) -> str:
        return str(constants.get(word.removeprefix("$"), word))

    directories = [resolved(word) for word in STAGED_BELOW.findall(code)]
    return path in {resolved(word) for word in PUT.findall(code)} or any(
        path.startswith(f"{directory}/") for directory in directories
    )


def header(script: Script) -> str:
    """The right line `# Needs:` of a script."""
    needed = [" ".join(sorted(script.values)), " ".join(sorted(script.libraries))]
    return "; ".join(part for part in needed if part) or "nothing"


def needs(script: Script) -> str | None:
    """The line `# Needs:` in the script; None without such a line."""
    found = re.search(r"^# Needs: (.*(?:\n#   .*)*)", script.text, re.MULTILINE)
    return re.sub(r"\n#   ", " ", found[1]) if found else None
