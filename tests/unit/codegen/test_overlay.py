"""The overlay is applied as the standard says, and refused wherever it could be misread."""

import pytest

from codegen.errors import CodegenError
from codegen.node import Json
from codegen.overlay import apply_overlay


def overlay(*actions: Json) -> Json:
    return {
        "overlay": "1.0.0",
        "info": {"title": "T", "version": "1"},
        "actions": [{"description": "Why.", "x-standing": "observed", **action} for action in actions],
    }


def test_mappings_are_merged_and_lists_grow() -> None:
    document: Json = {"a": {"b": {"x": 1, "list": [1]}}}
    update: Json = {"x": 2, "y": {"z": 3}, "list": [2]}
    result = apply_overlay(document, overlay({"target": "$.a.b", "update": update}))
    assert result == {"a": {"b": {"x": 2, "y": {"z": 3}, "list": [1, 2]}}}
    assert document == {"a": {"b": {"x": 1, "list": [1]}}}


def test_an_item_is_appended_to_a_list() -> None:
    assert apply_overlay({"a": [1]}, overlay({"target": "$.a", "update": 2})) == {"a": [1, 2]}


def test_every_match_is_updated() -> None:
    document: Json = {"a": {"one": {"kind": "k"}, "two": {"kind": "k"}, "three": {"kind": "other"}}}
    result = apply_overlay(document, overlay({"target": "$.a[?@.kind == 'k']", "update": {"seen": True}}))
    assert [key for key, value in result["a"].items() if "seen" in value] == ["one", "two"]  # type: ignore[attr-defined]


def test_every_match_is_removed_from_lists_and_mappings() -> None:
    document: Json = {"a": [1, 2, 3, 4], "b": {"x": 1, "y": 2}}
    result = apply_overlay(
        document, overlay({"target": "$.a[?@ > 1]", "remove": True}, {"target": "$.b.x", "remove": True})
    )
    assert result == {"a": [1], "b": {"y": 2}}


def test_actions_build_on_each_other() -> None:
    actions = overlay({"target": "$.a", "update": {"b": {}}}, {"target": "$.a.b", "update": {"c": 1}})
    assert apply_overlay({"a": {}}, actions) == {"a": {"b": {"c": 1}}}


@pytest.mark.parametrize(
    ("action", "problem"),
    [
        ({"target": "$.missing", "update": {}}, r"\$\.missing matches nothing"),
        ({"target": "$.a[", "update": {}}, r"\$\.a\["),
        ({"target": "$", "remove": True}, "cannot remove the whole document"),
        ({"target": "$.a", "update": {}, "copy": "$.b"}, "unknown or unused: copy"),
        ({"target": "$.a"}, "either `update` or `remove: true`"),
        ({"target": "$.a", "update": {}, "remove": True}, "either `update` or `remove: true`"),
        ({"target": "$.a", "update": []}, "must be a mapping for a mapping"),
        ({"target": "$.a", "update": 1}, "must be a mapping for a mapping"),
        ({"target": "$.a", "update": {}, "x-standing": "rumoured"}, "x-standing"),
        ({"target": "$.a", "update": {}, "description": " "}, "the reason is empty"),
    ],
)
def test_a_doubtful_action_is_an_error_that_names_its_place(action: Json, problem: str) -> None:
    with pytest.raises(CodegenError, match=problem) as caught:
        apply_overlay({"a": {}}, overlay(action))
    assert caught.value.place == "overlay.actions[0]"


def test_another_version_of_the_standard_is_refused() -> None:
    with pytest.raises(CodegenError, match=r"expected Overlay 1\.0"):
        apply_overlay({}, {"overlay": "2.0.0", "info": {}, "actions": []})
