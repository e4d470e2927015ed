"""One constant a request over a socket: `alor_async/_contract/subscriptions.py` and `commands.py`."""

from __future__ import annotations

from collections.abc import Iterable

from codegen.ir import (
    Contract,
    Format,
    Many,
    Scalar,
    Signal,
    SocketCommand,
    SocketParameter,
    SocketRequest,
    Stream,
    Type,
)
from codegen.python.rendering import Module, render
from codegen.python.text import constant, sentence
from codegen.python.wire import answer_constant

__all__ = ["command_module", "subscription_module"]

_KINDS: dict[Type, str] = {
    Scalar.TEXT: "TEXT",
    Scalar.INTEGER: "INTEGER",
    Scalar.BOOLEAN: "FLAG",
    Many(Scalar.TEXT): "TEXTS",
}


def subscription_module(contract: Contract) -> Module:
    """Write the constants of /ws."""
    sockets = contract.sockets
    return _module(
        "subscriptions",
        "What is said over /ws: one constant a subscription, and what is said about subscriptions.",
        [_stream(stream) for stream in sockets.streams],
        [_signal(signal) for signal in sockets.signals.get("ws", ())],
        kind="StreamSpec[Any, Any]",
        what="subscription",
    )


def command_module(contract: Contract) -> Module:
    """Write the constants of /cws."""
    sockets = contract.sockets
    return _module(
        "commands",
        "What is said over /cws: one constant a command, and what opens the way for them.",
        [_command(command) for command in sockets.commands],
        [_signal(signal) for signal in sockets.signals.get("cws", ())],
        kind="CommandSpec[Any, Any]",
        what="command",
    )


def _module(
    name: str,
    doc: str,
    main: list[dict[str, object]],
    signals: list[dict[str, object]],
    *,
    kind: str,
    what: str,
) -> Module:
    names = [str(item["constant"]) for item in main]
    everything = f"{names[0]}," if len(names) == 1 else ", ".join(names)
    return Module(
        path=f"alor_async/_contract/{name}.py",
        doc=doc,
        code=render("sockets.py.j2", requests=[*main, *signals], kind=kind, what=what, everything=everything),
        exports=("ALL", *names, *(str(item["constant"]) for item in signals)),
    )


def _request(request: SocketRequest, spec: str, settings: Iterable[str]) -> dict[str, object]:
    return {
        "constant": constant(request.name),
        "summary": sentence(request.summary),
        "name": request.name,
        "opcode": request.opcode,
        "spec": spec,
        "settings": list(settings),
    }


def _stream(stream: Stream) -> dict[str, object]:
    settings = [
        f"data={answer_constant(stream.name, stream.data)}",
        f"reply={answer_constant(stream.name, stream.reply)}",
        f"record=Record.{stream.record.name}",
        f"parameters=({''.join(f'{_parameter(parameter)},' for parameter in stream.parameters)})",
    ]
    if stream.key:
        settings.append(f"key=({''.join(f'{name!r},' for name in stream.key)})")
    settings += [f"{word}=True" for word in ("has_snapshot_flag", "is_partial") if getattr(stream, word)]
    if stream.floors_ms:
        settings.append(f"floors_ms={{{', '.join(_floor(*floor) for floor in stream.floors_ms)}}}")
    return _request(stream, "StreamSpec", settings)


def _parameter(parameter: SocketParameter) -> str:
    arguments = [f'"{parameter.name}"', f'"{parameter.wire}"']
    if parameter.type is not Scalar.TEXT:
        arguments.append(f"ValueKind.{_KINDS[parameter.type]}")
    if parameter.required:
        arguments.append("required=True")
    if parameter.least:
        arguments.append(f"least={parameter.least}")
    if parameter.most is not None:
        arguments.append(f"most={parameter.most}")
    return f"StreamParameter({', '.join(arguments)})"


def _floor(format_: Format, milliseconds: int) -> str:
    return f"Format.{format_.name}: {milliseconds}"


def _signal(signal: Signal) -> dict[str, object]:
    settings = [f"reply={answer_constant(signal.name, signal.reply)}"]
    if signal.constants:
        settings.append(f"constants={dict(signal.constants)!r}")
    if not signal.has_token:
        settings.append("has_token=False")
    return _request(signal, "SignalSpec", settings)


def _command(command: SocketCommand) -> dict[str, object]:
    settings = [f"body={command.body}", f"reply={answer_constant(command.name, command.reply)}"]
    if command.has_order_id:
        settings.append("has_order_id=True")
    return _request(command, "CommandSpec", settings)
