"""Order groups: links between orders that already exist, kept by the broker."""

from __future__ import annotations

from dataclasses import dataclass, replace
from random import Random
from uuid import UUID

from alor_async.sandbox.core.accounts import Account
from alor_async.sandbox.core.assumptions import Assumptions
from alor_async.sandbox.core.clock import to_datetime
from alor_async.sandbox.core.commands import CreateGroup, DeleteGroup, GroupMember, GroupRefused, UpdateGroup
from alor_async.sandbox.core.entities import OrderGroup
from alor_async.sandbox.core.enums import ExecutionPolicy, GroupStatus, OrderStatus, OrderType
from alor_async.sandbox.core.journal import Journal
from alor_async.sandbox.core.matching import Matching
from alor_async.sandbox.core.orders import LiveOrder, LiveStop
from alor_async.sandbox.core.stops import Stops
from alor_async.sandbox.core.timeline import Timeline

Member = LiveOrder | LiveStop


@dataclass(slots=True)
class _Group:
    """A group with the orders themselves; `view` is what the outside sees."""

    view: OrderGroup
    members: list[Member]


class Groups:
    """Every order group.

    * `OnExecuteOrCancel`: the first member that is executed, cancelled or replaced ends the group; the others are cancelled.
    * `IgnoreCancel`: the first execution ends it; a member that is cancelled or replaced just leaves.
    * `TriggerBracketOrders`: when the limit order is filled the dormant stops wake up, and from then on the first of
      them to be executed cancels the others. Cancelling the limit order before that cancels the stops.

    A partial fill is not an execution: an order is executed when all of it is, unless the assumption `group_execution`
    takes the first fill for it.
    """

    def __init__(
        self,
        matching: Matching,
        stops: Stops,
        journal: Journal,
        timeline: Timeline,
        *,
        seed: int,
        assumptions: Assumptions,
    ) -> None:
        """Start with none."""
        self._counts_first_fill = assumptions.group_execution == "first_fill"
        self._matching = matching
        self._stops = stops
        self._journal = journal
        self._timeline = timeline
        self._rng = Random(f"{seed}:groups")
        self._groups: dict[UUID, _Group] = {}

    def list_of(self, login: str) -> tuple[OrderGroup, ...]:
        """The groups of a login, oldest first."""
        return tuple(group.view for group in self._groups.values() if group.view.login == login)

    def find(self, login: str, group_id: UUID) -> OrderGroup | None:
        """One group, if it is the login's."""
        group = self._groups.get(group_id)
        return group.view if group is not None and group.view.login == login else None

    # -- commands

    def create(self, command: CreateGroup, accounts: dict[str, Account]) -> OrderGroup | GroupRefused:
        """Link working orders. `accounts` are those of the login, by portfolio."""
        members = self._members(command.members, accounts)
        if isinstance(members, GroupRefused):
            return members
        unfit = _unfit(members, command.policy)
        if unfit is not None:
            return unfit
        view = OrderGroup(
            group_id=UUID(int=self._rng.getrandbits(128), version=4),
            login=command.login,
            order_ids=tuple(str(member.number) for member in members),
            policy=command.policy,
            status=GroupStatus.ACTIVE,
            created_at=to_datetime(self._timeline.now_us),
            closed_at=None,
        )
        self._groups[view.group_id] = _Group(view, members)
        self._journal.record(self._timeline.now_us, "group_created", group=view)
        return view

    def update(self, command: UpdateGroup, accounts: dict[str, Account]) -> OrderGroup | GroupRefused | None:
        """Give a group other members or another policy; `None` when there is no such group."""
        group = self._groups.get(command.group_id)
        if group is None or group.view.login != command.login:
            return None
        if group.view.status is not GroupStatus.ACTIVE:
            return GroupRefused(f"Order group ({command.group_id}) is closed")
        members = group.members if command.members is None else self._members(command.members, accounts)
        if isinstance(members, GroupRefused):
            return members
        unfit = _unfit(members, command.policy)
        if unfit is not None:
            return unfit
        group.members = members
        order_ids = tuple(str(member.number) for member in members)
        group.view = replace(group.view, order_ids=order_ids, policy=command.policy)
        self._journal.record(self._timeline.now_us, "group_updated", group=group.view)
        return group.view

    def delete(self, command: DeleteGroup) -> bool:
        """Forget a group; its orders live on."""
        if self.find(command.login, command.group_id) is None:
            return False
        del self._groups[command.group_id]
        self._journal.record(self._timeline.now_us, "group_deleted", group_id=command.group_id)
        return True

    def _members(self, named: tuple[GroupMember, ...], accounts: dict[str, Account]) -> list[Member] | GroupRefused:
        """The orders that were named; all must be the login's own, and working."""
        members: list[Member] = []
        for name in named:
            account = accounts.get(name.portfolio.upper())
            finder = self._stops if name.order_type.is_conditional else self._matching
            found = finder.find(account, name.order_id) if account is not None else None
            if found is None:
                return GroupRefused(f"Forbidden attempt to modify an order ({name.order_id}) not owned by the user")
            if not found.is_working:
                return GroupRefused(f"Order ({name.order_id}) is not working")
            members.append(found)
        if not members:
            return GroupRefused("An order group needs at least one order")
        return members

    # -- reactions

    def see(self, member: Member) -> None:
        """React to the end of an order, or to its first fill where that counts as an execution."""
        for group in list(self._groups.values()):
            if group.view.status is GroupStatus.ACTIVE and member in group.members:
                self._react(group, member)

    def _is_executed(self, member: Member) -> bool:
        begun = self._counts_first_fill and isinstance(member, LiveOrder) and member.filled > 0
        return begun or member.status is OrderStatus.FILLED

    def _react(self, group: _Group, ended: Member) -> None:
        executed = self._is_executed(ended)
        policy = group.view.policy
        if policy is ExecutionPolicy.TRIGGER_BRACKET_ORDERS and isinstance(ended, LiveOrder):
            stops = [member for member in group.members if isinstance(member, LiveStop) and member.is_working]
            if not executed or not stops:
                self._close(group, GroupStatus.FILLED if executed else GroupStatus.CANCELED, ended)
            for stop in stops:
                if stop.is_working and not stop.is_active:
                    self._stops.activate(stop)
        elif executed:
            self._close(group, GroupStatus.FILLED, ended)
        elif policy is ExecutionPolicy.ON_EXECUTE_OR_CANCEL or not any(item.is_working for item in group.members):
            self._close(group, GroupStatus.CANCELED)

    def _close(self, group: _Group, status: GroupStatus, executed: Member | None = None) -> None:
        """End a group and cancel what still works in it, but for the member whose execution ended it."""
        group.view = replace(group.view, status=status, closed_at=to_datetime(self._timeline.now_us))
        self._journal.record(self._timeline.now_us, f"group_{status.value.lower()}", group_id=group.view.group_id)
        for member in group.members:
            if not member.is_working or member is executed:
                continue
            if isinstance(member, LiveStop):
                self._stops.cancel(member)
            else:
                self._matching.cancel(member)


def _unfit(members: list[Member], policy: ExecutionPolicy) -> GroupRefused | None:
    """Why these orders cannot be a bracket; other policies take any."""
    if policy is not ExecutionPolicy.TRIGGER_BRACKET_ORDERS:
        return None
    limits = [member for member in members if isinstance(member, LiveOrder)]
    if len(limits) != 1 or limits[0].order_type is not OrderType.LIMIT:
        return GroupRefused("A bracket needs exactly one limit order")
    return None
