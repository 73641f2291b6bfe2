"""A provider plugin as the engine runs it: a process with a gRPC server, which logs to a server of the engine."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import grpc  # type: ignore[import-untyped]
from google.protobuf import empty_pb2, json_format, struct_pb2  # type: ignore[import-untyped]
from pulumi.runtime.proto import engine_pb2, engine_pb2_grpc, provider_pb2, provider_pb2_grpc

COMMAND = "command:remote:Command"
NAME = "node1-step"
URN = f"urn:pulumi:stack::project::{COMMAND}::{NAME}"
SECRET = {"4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270"}
"""The mark of a secret value in a request."""
UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
ANSWER_SECONDS = 60

Values = Mapping[str, Any]


class ProviderError(Exception):
    """An error of the provider, with its text."""


class Engine(engine_pb2_grpc.EngineServicer):
    """The part of the engine that a provider logs to.

    Attributes:
        log: severity and text of each message, and whether the next one may take its place in a terminal.
    """

    def __init__(self) -> None:
        self.log: list[tuple[str, str, bool]] = []

    def logged(self, count: int) -> list[tuple[str, str, bool]]:
        """All messages, once there are as many: a provider does not wait until they arrive."""
        deadline = time.monotonic() + ANSWER_SECONDS
        while len(self.log) < count and time.monotonic() < deadline:
            time.sleep(0.05)
        return self.log

    def Log(self, request: engine_pb2.LogRequest, _: object) -> empty_pb2.Empty:  # noqa: N802  # the protocol names it
        """Keep a message."""
        severity = engine_pb2.LogSeverity.Name(request.severity).lower()
        self.log.append((severity, request.message, request.ephemeral))
        return empty_pb2.Empty()


class Call:
    """A call that runs."""

    def __init__(self, future: Any) -> None:
        self._future = future

    def ends_within(self, seconds: float) -> bool:
        """True where the provider answers, or fails, in time."""
        deadline = time.monotonic() + seconds
        while not self._future.done() and time.monotonic() < deadline:
            time.sleep(0.05)
        return bool(self._future.done())

    def result(self) -> Any:
        """The answer of the provider.

        Raises:
            ProviderError: the provider failed.
        """
        try:
            return self._future.result(timeout=ANSWER_SECONDS)
        except grpc.RpcError as error:
            raise ProviderError(self._future.details()) from error


class Plugin:
    """A provider that runs.

    Attributes:
        engine: where it logs.
    """

    def __init__(self, channel: grpc.Channel, engine: Engine) -> None:
        self.engine = engine
        self._stub = provider_pb2_grpc.ResourceProviderStub(channel)

    def check(self, inputs: Values) -> tuple[dict[str, Any], list[str]]:
        """Inputs as the state will have them, and their errors."""
        answer = self._call("Check", provider_pb2.CheckRequest(urn=URN, name=NAME, news=_struct(inputs))).result()
        return _values(answer.inputs), [f"{each.property}: {each.reason}" for each in answer.failures]

    def diff(self, state: Values, old: Values, new: Values) -> tuple[list[str], list[str]]:
        """Changed inputs, and those of them that replace the resource."""
        request = provider_pb2.DiffRequest(
            id="id", urn=URN, name=NAME, olds=_struct(state), old_inputs=_struct(old), news=_struct(new)
        )
        answer = self._call("Diff", request).result()
        replacing = {
            name
            for name, each in answer.detailedDiff.items()
            if provider_pb2.PropertyDiff.Kind.Name(each.kind).endswith("REPLACE")
        }
        return sorted(answer.detailedDiff), sorted({*answer.replaces, *replacing})

    def creating(self, inputs: Values, *, preview: bool = False, timeout: float = 0) -> Call:
        """A creation that runs."""
        request = provider_pb2.CreateRequest(
            urn=URN, name=NAME, type=COMMAND, properties=_struct(inputs), preview=preview, timeout=timeout
        )
        return self._call("Create", request)

    def create(self, inputs: Values, *, preview: bool = False, timeout: float = 0) -> tuple[str, dict[str, Any]]:
        """ID and state of a new resource."""
        answer = self.creating(inputs, preview=preview, timeout=timeout).result()
        return answer.id, _values(answer.properties)

    def update(self, state: Values, old: Values, new: Values, *, preview: bool = False) -> dict[str, Any]:
        """The state after an update."""
        request = provider_pb2.UpdateRequest(
            id="id",
            urn=URN,
            name=NAME,
            type=COMMAND,
            olds=_struct(state),
            old_inputs=_struct(old),
            news=_struct(new),
            preview=preview,
        )
        return _values(self._call("Update", request).result().properties)

    def delete(self, state: Values, inputs: Values) -> None:
        """Delete a resource."""
        request = provider_pb2.DeleteRequest(
            id="id", urn=URN, name=NAME, type=COMMAND, properties=_struct(state), old_inputs=_struct(inputs)
        )
        self._call("Delete", request).result()

    def read(self, state: Values, inputs: Values) -> dict[str, Any]:
        """The state after a refresh."""
        request = provider_pb2.ReadRequest(
            id="id", urn=URN, name=NAME, type=COMMAND, properties=_struct(state), inputs=_struct(inputs)
        )
        return _values(self._call("Read", request).result().properties)

    def cancel(self) -> None:
        """Send the request that the engine sends at Ctrl-C."""
        Call(self._stub.Cancel.future(empty_pb2.Empty())).result()

    def configure(self) -> None:
        """Configure the provider, as the engine does first."""
        request = provider_pb2.ConfigureRequest(acceptSecrets=True, acceptResources=True, args=_struct({}))
        self._call("Configure", request).result()

    def _call(self, name: str, request: Any) -> Call:
        return Call(getattr(self._stub, name).future(request))


@contextmanager
def running(binary: Path, environment: Mapping[str, str]) -> Iterator[Plugin]:
    """A plugin until the end of the block, where it is killed: a call may never end."""
    engine, server = Engine(), grpc.server(ThreadPoolExecutor(4))
    engine_pb2_grpc.add_EngineServicer_to_server(engine, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    with subprocess.Popen(
        [binary, f"127.0.0.1:{port}"], stdout=subprocess.PIPE, text=True, env=dict(environment)
    ) as process:
        try:
            assert process.stdout
            address = f"127.0.0.1:{int(process.stdout.readline())}"
            with grpc.insecure_channel(address) as channel:
                plugin = Plugin(channel, engine)
                plugin.configure()
                yield plugin
        finally:
            process.kill()
            server.stop(None).wait()


def secret(value: Any) -> dict[str, Any]:
    """A value that is marked as a secret."""
    return {**SECRET, "value": value}


def is_secret(value: Any) -> bool:
    """True where a value is marked as a secret."""
    return isinstance(value, dict) and SECRET.items() <= value.items()


def _struct(values: Values) -> struct_pb2.Struct:
    return json_format.ParseDict(dict(values), struct_pb2.Struct())


def _values(struct: struct_pb2.Struct) -> dict[str, Any]:
    return dict(json_format.MessageToDict(struct))
