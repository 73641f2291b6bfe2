"""Types that several sections share."""

from __future__ import annotations

from ipaddress import IPv4Network
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, StringConstraints
from pydantic.alias_generators import to_camel

from components.settings import _patterns

DnsLabel = Annotated[str, StringConstraints(pattern=_patterns.DNS_LABEL)]
HostName = Annotated[str, StringConstraints(pattern=_patterns.HOST_NAME, max_length=253)]
MachineName = Annotated[str, StringConstraints(pattern=_patterns.HOST_NAME, max_length=64)]
"""HOST_NAME_MAX of Linux is 64."""
Registry = Annotated[str, StringConstraints(pattern=_patterns.REGISTRY)]
ImageName = Annotated[str, StringConstraints(pattern=_patterns.IMAGE)]
LabelKey = Annotated[str, StringConstraints(pattern=_patterns.LABEL_KEY)]
LabelValue = Annotated[str, StringConstraints(pattern=_patterns.LABEL_VALUE)]
UserName = Annotated[str, StringConstraints(pattern=_patterns.USER)]


def _with_server(value: str) -> str:
    try:
        _ = urlsplit(value).port
    except ValueError as error:  # an IPv6 address that is none, a port that is too high
        raise ValueError(f"no address of a server: {error}") from error
    return value


WITH_SERVER = AfterValidator(_with_server)
HttpUrl = Annotated[str, StringConstraints(pattern=_patterns.HTTP_URL), WITH_SERVER]
HttpsOrFileUrl = Annotated[str, StringConstraints(pattern=_patterns.HTTPS_OR_FILE_URL), WITH_SERVER]
Fingerprint = Annotated[str, StringConstraints(pattern=_patterns.FINGERPRINT)]
Sha256 = Annotated[str, StringConstraints(pattern=_patterns.SHA256)]
OneLine = Annotated[str, StringConstraints(pattern=_patterns.ONE_LINE)]


def _with_length(value: Any) -> Any:
    if isinstance(value, str) and "/" not in value:
        raise ValueError(f"a network has a length, such as {value}/16")
    return value


Network = Annotated[IPv4Network, BeforeValidator(_with_length)]


def _expanded(value: Path) -> Path:
    try:
        return value.expanduser()
    except RuntimeError as error:
        raise ValueError(f"there is no such user: {error}") from error


def _existing_file(value: Path) -> Path:
    path = _expanded(value)
    try:
        found = path.is_file()
    except OSError as error:  # such as a directory without permission, or a name that is too long
        raise ValueError(f"the file cannot be checked: {error.strerror}") from error
    if not found:
        raise ValueError("there is no such file; the path is relative to the directory of Pulumi.yaml")
    return path


FilePath = Annotated[Path, AfterValidator(_expanded)]
"""A path whose file need not exist before it is used."""
ExistingFile = Annotated[Path, AfterValidator(_existing_file)]


class Model(BaseModel):
    """Unknown keys are errors, values do not change after validation, keys are camelCase as in Kubernetes."""

    model_config = ConfigDict(alias_generator=to_camel, extra="forbid", frozen=True, validate_by_name=True)
