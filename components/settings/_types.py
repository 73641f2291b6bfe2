"""What fields of several sections are made of."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, StringConstraints
from pydantic.alias_generators import to_camel

DNS_LABEL = r"^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$"
HOST_NAME = r"^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$"
REGISTRY = r"^[A-Za-z0-9.-]+(:[0-9]+)?$"
IMAGE = r"^[A-Za-z0-9._:/@-]+$"
LABEL_VALUE = r"^([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?$"
LABEL_KEY = r"^([a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$"
USER = r"^[a-z_][a-z0-9_-]*$"

DnsLabel = Annotated[str, StringConstraints(pattern=DNS_LABEL)]
HostName = Annotated[str, StringConstraints(pattern=HOST_NAME)]
Registry = Annotated[str, StringConstraints(pattern=REGISTRY)]
ImageName = Annotated[str, StringConstraints(pattern=IMAGE)]
LabelKey = Annotated[str, StringConstraints(pattern=LABEL_KEY)]
LabelValue = Annotated[str, StringConstraints(pattern=LABEL_VALUE)]
UserName = Annotated[str, StringConstraints(pattern=USER)]
HttpUrl = Annotated[str, StringConstraints(pattern=r"^https?://[^\s'\"]+$")]
HttpsOrFileUrl = Annotated[str, StringConstraints(pattern=r"^(https?|file)://[^\s'\"]+$")]
Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
OneLine = Annotated[str, StringConstraints(pattern=r"^[^\r\n]*$")]


def _expanded(value: Path) -> Path:
    try:
        return value.expanduser()
    except RuntimeError as error:
        raise ValueError(f"there is no such user: {error}") from error


def _existing_file(value: Path) -> Path:
    path = _expanded(value)
    try:
        found = path.is_file()
    except OSError as error:  # a directory that may not be entered, a name that is too long
        raise ValueError(f"the file cannot be looked for: {error.strerror}") from error
    if not found:
        raise ValueError("there is no such file; the path is relative to the directory of Pulumi.yaml")
    return path


FilePath = Annotated[Path, AfterValidator(_expanded)]
"""Not looked for before it is used."""
ExistingFile = Annotated[Path, AfterValidator(_existing_file)]


class Model(BaseModel):
    """Unknown keys are errors, values do not change after validation, keys are camelCase as in Kubernetes."""

    model_config = ConfigDict(alias_generator=to_camel, extra="forbid", frozen=True, validate_by_name=True)
