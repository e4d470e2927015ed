"""OpenAPI Overlay 1.0: what the real server does differently, laid over the contract.

Each action names its targets with a JSONPath (RFC 9535) and either updates or removes them. Stricter than the
standard on purpose: an action without a match, without a reason or with an unknown key is an error, so that a rename in
the contract cannot quietly switch a correction off.
"""

from __future__ import annotations

import copy

from jsonpath_rfc9535 import JSONPathEnvironment, JSONPathError, JSONPathNode

from codegen.node import Json, Node, is_list, is_mapping

__all__ = ["STANDINGS", "apply_overlay"]

STANDINGS = frozenset({"documented", "observed", "assumed"})
"""How sure a correction is: the broker says so, somebody saw it, or nobody knows better."""


def apply_overlay(document: Json, overlay: Json) -> Json:
    """Return a copy of the document with every action of the overlay applied, in order.

    Raises:
        CodegenError: An action is malformed or matches nothing.
    """
    result = copy.deepcopy(document)
    root = Node(overlay, "overlay")
    version = root.take("overlay", str)
    if not version.startswith("1.0."):
        raise root.fail(f"expected Overlay 1.0, got {version}")
    info = root.node("info")
    info.take("title", str)
    info.take("version", str)
    info.ignore("description", "summary")
    info.done()
    for index, raw in enumerate(root.items("actions")):
        _apply(result, Node(raw, f"overlay.actions[{index}]"))
    root.ignore("extends")
    root.done()
    return result


def _apply(document: Json, action: Node) -> None:
    target = action.take("target", str)
    if not action.take("description", str).strip():
        raise action.fail("the reason is empty")
    standing = action.take("x-standing", str)
    if standing not in STANDINGS:
        raise action.fail(f"x-standing: expected one of {sorted(STANDINGS)}, got {standing!r}")
    remove = action.flag("remove")
    update = action.maybe("update", object)
    action.done()
    if remove == (update is not None):
        raise action.fail("expected either `update` or `remove: true`")
    nodes = _find(document, target, action)
    if not nodes:
        raise action.fail(f"{target} matches nothing")
    # From the last to the first: removing an element of a list must not move the ones still to be removed.
    for node in reversed(nodes):
        if remove:
            _remove(node, action)
        else:
            _update(node.value, update, action)


def _find(document: Json, target: str, action: Node) -> list[JSONPathNode]:
    try:
        return list(JSONPathEnvironment().find(target, document))
    except JSONPathError as error:
        raise action.fail(f"{target}: {error}") from error


def _remove(node: JSONPathNode, action: Node) -> None:
    if node.parent is None:
        raise action.fail("cannot remove the whole document")
    parent, step = node.parent.value, node.location[-1]
    if is_mapping(parent):
        del parent[str(step)]
    elif is_list(parent):
        del parent[int(step)]


def _update(target: object, update: object, action: Node) -> None:
    """Merge as the standard says: mappings key by key, a list grows by the update's items, the rest is replaced."""
    if is_list(target) and not is_list(update):
        target.append(copy.deepcopy(update))
    elif is_mapping(target) and is_mapping(update):
        _merge(target, update)
    else:
        raise action.fail("`update` must be a mapping for a mapping, or an item for a list")


def _merge(target: dict[str, object], update: dict[str, object]) -> None:
    for key, value in update.items():
        present = target.get(key)
        if is_mapping(present) and is_mapping(value):
            _merge(present, value)
        elif is_list(present) and is_list(value):
            present.extend(copy.deepcopy(value))
        else:
            target[key] = copy.deepcopy(value)
