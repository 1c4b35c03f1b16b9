"""Named limits, and those on tasks with a tag, as methods of the public clients."""

from __future__ import annotations

from uuid import UUID

from alisio.client import filtering
from alisio.client.calls import limits
from alisio.client.operations import Steps, ask, operation, route, rows
from alisio.client.schemas.objects import ConcurrencyLimit, GlobalConcurrencyLimit
from alisio.contract.limits import ConcurrencyLimitCreate, ConcurrencyLimitPatch
from alisio.contract.tag_limits import TAG_PREFIX
from alisio.exceptions import ConflictError


class LimitOperations:
    """How many at once. A limit on the tasks with a tag is the named limit `tag:TAG`."""

    create_global_concurrency_limit = route(limits.create_limit)
    read_global_concurrency_limit_by_name = route(limits.read_limit)
    update_global_concurrency_limit = route(limits.change_limit)
    delete_global_concurrency_limit_by_name = route(limits.delete_limit)
    reset_global_concurrency_limit = route(limits.reset_limit)

    @operation
    def read_global_concurrency_limits(
        self, limit: int | None = None, offset: int = 0, prefix: str | None = None
    ) -> Steps[list[GlobalConcurrencyLimit]]:
        """List named limits, or those whose names begin with `prefix`."""
        return (yield from rows(lambda size, cursor: limits.list_limits(prefix, size, cursor), limit, offset))

    @operation
    def create_concurrency_limit(self, tag: str, concurrency_limit: int) -> Steps[UUID]:
        """Limit how many tasks with a tag run at once; a limit that is there already becomes this one.

        Args:
            tag: The tag.
            concurrency_limit: How many; 0: none.

        Returns:
            The limit's id.

        Raises:
            ValueError: The tag or the number cannot be used.
        """
        fields = {"name": TAG_PREFIX + tag, "limit": concurrency_limit}
        request = filtering.read(ConcurrencyLimitCreate, fields)
        try:
            return (yield from ask(limits.create_limit(request))).id
        except ConflictError as error:
            if error.code != "concurrency_limit_exists":
                raise
        patch = ConcurrencyLimitPatch(limit=concurrency_limit, active=True)
        return (yield from ask(limits.change_limit(request.name, patch))).id

    @operation
    def read_concurrency_limit_by_tag(self, tag: str) -> Steps[ConcurrencyLimit]:
        """Read the limit on tasks with a tag, with the task runs that hold its slots.

        Raises:
            ObjectNotFound: There is none.
        """
        return ConcurrencyLimit.of((yield from ask(limits.read_limit(TAG_PREFIX + tag))))

    @operation
    def read_concurrency_limits(self, limit: int | None = None, offset: int = 0) -> Steps[list[ConcurrencyLimit]]:
        """List the limits on tasks with tags, without those who hold their slots."""
        found = yield from rows(lambda size, cursor: limits.list_limits(TAG_PREFIX, size, cursor), limit, offset)
        return [ConcurrencyLimit.of(each) for each in found]

    @operation
    def reset_concurrency_limit_by_tag(self, tag: str) -> Steps[None]:
        """Give all slots of the limit on tasks with a tag back, though their holders go on.

        Raises:
            ObjectNotFound: There is none.
        """
        yield from ask(limits.reset_limit(TAG_PREFIX + tag))

    @operation
    def delete_concurrency_limit_by_tag(self, tag: str) -> Steps[None]:
        """Remove the limit on tasks with a tag.

        Raises:
            ObjectNotFound: There is none.
        """
        yield from ask(limits.delete_limit(TAG_PREFIX + tag))
