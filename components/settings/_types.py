"""Types that several sections share."""

from __future__ import annotations

import re
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, StringConstraints
from pydantic.alias_generators import to_camel

from components.settings import _patterns

DnsLabel = Annotated[str, StringConstraints(pattern=_patterns.DNS_LABEL)]
HostName = Annotated[str, StringConstraints(pattern=_patterns.HOST_NAME, max_length=253)]


def no_address(value: str) -> str:
    """The name, unless machines resolve it to something else than the host."""
    labels = value.split(".")
    if all(re.fullmatch("[0-9]+|0x[0-9a-f]*", label) for label in labels):
        raise ValueError("inet_aton(3) reads this name as an address")
    if labels[-1] == "localhost" or labels[-2:] == ["localhost", "localdomain"]:
        raise ValueError("each machine takes this name for itself")
    return value


def is_of_no_machine(address: IPv4Address) -> bool:
    """True for an address that no network card has, or by which other machines find nobody."""
    kinds = (address.is_loopback, address.is_multicast, address.is_reserved)  # the broadcast address is reserved, too
    return any(kinds) or address in IPv4Network("0.0.0.0/8")


MachineName = Annotated[str, StringConstraints(pattern=_patterns.HOST_NAME, max_length=64), AfterValidator(no_address)]
"""HOST_NAME_MAX of Linux is 64."""
LARGEST = 2**31 - 1
"""The largest whole number that bash, systemd, kubeadm and Go's `int32` all take."""


def _no_server_of_docker_hub(value: str) -> str:
    if value.lower() in {"index.docker.io", "registry-1.docker.io", "registry.hub.docker.com", "hub.docker.com"}:
        raise ValueError("images of Docker Hub are those of docker.io; no image has another name of its servers")
    return value


Registry = Annotated[str, StringConstraints(pattern=_patterns.REGISTRY), AfterValidator(_no_server_of_docker_hub)]
ImageName = Annotated[str, StringConstraints(pattern=_patterns.IMAGE)]
ImagePrefix = Annotated[str, StringConstraints(pattern=_patterns.IMAGE_PREFIX)]
LabelKey = Annotated[str, StringConstraints(pattern=_patterns.LABEL_KEY, max_length=317)]
"""A prefix of 253 characters, a slash, and a name of 63."""
LabelValue = Annotated[str, StringConstraints(pattern=_patterns.LABEL_VALUE)]
UserName = Annotated[str, StringConstraints(pattern=_patterns.USER)]


def _type_and_key(value: str) -> str:
    found = re.search(r"(ssh|ecdsa)-[a-z0-9-]+[ \t]+[A-Za-z0-9+/=]+", value)
    assert found is not None, "the pattern has it"
    return " ".join(found[0].split())


HostKey = Annotated[str, StringConstraints(pattern=_patterns.HOST_KEY), AfterValidator(_type_and_key)]
"""Type and key, without the address and the comment beside them."""


def _with_server(value: str) -> str:
    try:
        _ = urlsplit(value).port
    except ValueError as error:  # an invalid IPv6 address, a port that is too high
        raise ValueError(f"no address of a server: {error}") from error
    return value


WITH_SERVER = AfterValidator(_with_server)
HttpUrl = Annotated[str, StringConstraints(pattern=_patterns.HTTP_URL), WITH_SERVER]
ServerUrl = Annotated[str, StringConstraints(pattern=_patterns.SERVER_URL), WITH_SERVER]
HttpsOrFileUrl = Annotated[str, StringConstraints(pattern=_patterns.HTTPS_OR_FILE_URL), WITH_SERVER]
ChartRepository = Annotated[str, StringConstraints(pattern=_patterns.CHART_REPOSITORY), WITH_SERVER]
Fingerprint = Annotated[
    str,
    StringConstraints(pattern=_patterns.FINGERPRINT),
    AfterValidator(lambda value: value.removeprefix("0x").replace(" ", "").upper()),
]
"""Digits for gpg, in capitals and without spaces; pages of owners have them in groups."""
Sha256 = Annotated[
    str,
    StringConstraints(pattern=_patterns.SHA256),
    AfterValidator(lambda value: value.removeprefix("sha256:")[:64].lower()),
]
"""Digits alone, in small letters."""
Directory = Annotated[
    str, StringConstraints(pattern=_patterns.DIRECTORY), AfterValidator(lambda value: value.rstrip("/"))
]


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


_PRIVATE_KEY = re.compile(r"-----BEGIN (?:[A-Z]+ )*PRIVATE KEY")


def _text_file(value: Path) -> Path:
    path = _existing_file(value)
    try:
        content = path.read_text(encoding="utf-8")
    except OSError as error:
        raise ValueError(f"the file cannot be read: {error.strerror}") from error
    except UnicodeDecodeError:
        content = "\0"
    if "\0" in content:  # no variable of bash holds one
        raise ValueError(
            "the file is no text in UTF-8; a keyring or a certificate as text: gpg --no-default-keyring"
            " --keyring ./FILE --export --armor, or openssl x509"
        )
    if _PRIVATE_KEY.search(content):
        raise ValueError("a private key is in the file, which reaches hosts and previews: give what is public alone")
    return path


FilePath = Annotated[Path, AfterValidator(_expanded)]
"""A path whose file need not exist before it is used."""
ExistingFile = Annotated[Path, AfterValidator(_existing_file)]
TextFile = Annotated[Path, AfterValidator(_text_file)]
"""A file whose content reaches hosts."""


class Model(BaseModel):
    """Unknown keys are errors, values do not change after validation, keys are camelCase as in Kubernetes."""

    model_config = ConfigDict(alias_generator=to_camel, extra="forbid", frozen=True, validate_by_name=True)
