"""The overview of the instance, for owners and admins."""

from edge.operation import Who, get
from edge.overview import Overview, OverviewAnswer


class OverviewRoutes:
    """/api/admin/overview."""

    def __init__(self, overview: Overview) -> None:
        self._overview = overview

    @get(
        "/api/admin/overview",
        "An overview of the instance: its size and load",
        {200: OverviewAnswer},
        who=Who.ADMINS,
    )
    async def get_overview(self) -> OverviewAnswer:
        return await self._overview.ask()
