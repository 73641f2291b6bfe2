"""Templates of Helm charts, rendered by the Kubernetes provider: it contains Helm, and every stack has the provider."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import grpc  # type: ignore[import-untyped]
from google.protobuf import json_format, struct_pb2  # type: ignore[import-untyped]
from pulumi.runtime.proto import provider_pb2, provider_pb2_grpc

FUNCTION = "kubernetes:helm:template"
PROGRAM = "pulumi-resource-kubernetes"
LIMIT_SECONDS = 120
"""Time in which the provider has to start and to render; then it is ended."""
ZONES = ("Etc/GMT-14", "Etc/GMT+12")
"""Two time zones whose dates differ at any time. On a host without the time zone database Go takes both for UTC."""
NO_ENGINE = "127.0.0.1:1"
"""The provider logs to an engine, and goes on where none answers."""
CHANNEL = (
    ("grpc.enable_http_proxy", 0),  # http_proxy holds for 127.0.0.1, too
    ("grpc.max_receive_message_length", -1),  # definitions of large charts exceed the limit of 4 MiB
)


class HelmError(Exception):
    """An error of Helm, or of the provider, in words."""


@cache
def rendered(archive: bytes, options: str) -> list[Any]:
    """The documents that a chart makes of its values, without a look at a cluster.

    Args:
        archive: the chart as `helm package` makes it.
        options: JSON of the options of the provider's function, but for the path of the archive.

    Raises:
        HelmError: there is no provider; Helm refuses chart or values; the documents differ from run to run.
    """
    first = rendered_once(archive, options)
    time.sleep(1)  # a chart may print the time, in seconds
    second = _rendered_in(ZONES[1], archive, options)
    differing = [each for each in first if each not in second]
    if differing:
        raise HelmError(
            f"{_name(differing[0])}, which is another one at each run, as with a password, a certificate or a time that"
            " the chart makes up: each update would change it"
        )
    return first


@cache
def rendered_once(archive: bytes, options: str) -> list[Any]:
    """The documents of a single run of the chart; another run may make other documents.

    Raises:
        HelmError: there is no provider; Helm refuses chart or values.
    """
    return _rendered_in(ZONES[0], archive, options)


def _rendered_in(zone: str, archive: bytes, options: str) -> list[Any]:
    with tempfile.TemporaryDirectory() as scratch:
        chart = Path(scratch, "chart.tgz")
        chart.write_bytes(archive)
        with _provider(Path(scratch), zone) as provider:
            return _documents(provider, {**json.loads(options), "path": str(chart)})


def _documents(provider: Any, options: Mapping[str, Any]) -> list[Any]:
    arguments = json_format.ParseDict({"jsonOpts": json.dumps(options)}, struct_pb2.Struct())
    answer = _answer(provider.Invoke, provider_pb2.InvokeRequest(tok=FUNCTION, args=arguments))
    found: list[Any] = json_format.MessageToDict(getattr(answer, "return")).get("result") or []
    return found


def _answer(method: Callable[[Any], Any], request: Any) -> Any:
    try:
        return method(request)
    except grpc.RpcError as error:
        ended = error.code() == grpc.StatusCode.UNAVAILABLE
        details = f"{PROGRAM} that ended, or took {LIMIT_SECONDS} s" if ended else str(error.details())
        raise HelmError(details.removeprefix("failed to generate YAML for specified Helm chart: ")) from error


@contextmanager
def _provider(scratch: Path, zone: str) -> Iterator[Any]:
    """A provider in a time zone, until the end of the block; it has neither a kubeconfig nor files of its user."""
    environment = {"PATH": os.environ["PATH"], "HOME": str(scratch), "TMPDIR": str(scratch), "TZ": zone}
    with (
        (scratch / "errors").open("w+") as errors,
        subprocess.Popen(
            [_program(), NO_ENGINE], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=errors, env=environment
        ) as process,
    ):
        limit = threading.Timer(LIMIT_SECONDS, process.kill)
        limit.start()
        try:
            assert process.stdout, "it is a pipe"
            port = process.stdout.readline().decode().strip()
            if not port.isdigit():
                output = (scratch / "errors").read_text().strip() or "nothing"
                raise HelmError(f"{PROGRAM} does not start; it says {output[-400:]}")
            with grpc.insecure_channel(f"127.0.0.1:{port}", CHANNEL) as channel:
                provider = provider_pb2_grpc.ResourceProviderStub(channel)
                configuration = provider_pb2.ConfigureRequest(acceptSecrets=True, acceptResources=True)
                _answer(provider.Configure, configuration)
                yield provider
        finally:
            limit.cancel()
            process.kill()


def _program() -> str:
    """The provider that the engine runs: one in PATH comes first, as for the engine."""
    wanted = version("pulumi-kubernetes")
    home = Path(os.environ.get("PULUMI_HOME") or Path.home() / ".pulumi")
    installed = home / "plugins" / f"resource-kubernetes-v{wanted}" / PROGRAM
    found = shutil.which(PROGRAM) or shutil.which(installed)
    if not found:
        raise HelmError(
            f"no {PROGRAM}, which renders it; install it: pulumi plugin install resource kubernetes {wanted}"
        )
    return found


def _name(document: Any) -> str:
    metadata = document.get("metadata") or {}
    return f"{document.get('kind')} {metadata.get('name')}"
