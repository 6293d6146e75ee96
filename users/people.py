"""Users as others see them. Knows no SQL."""

from common.database.pool import Pool
from common.protocol.errors import not_found
from common.protocol.fields import wrong_with_text
from common.protocol.ids import is_id
from common.protocol.users import GetPerson, ListPeople, PeopleFound, Person, SearchPeople
from users.store import people as store

MAX_FOUND = 20


class People:
    """The calls about other users."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def get_person(self, request: GetPerson) -> Person:
        """Raises Refusal `not_found`."""
        found = (
            await store.find_person(self._pool, request.person) if is_id(request.person) else None
        )
        if not found:
            raise not_found()
        return found

    async def list_people(self, request: ListPeople) -> PeopleFound:
        """In the order of the ids, each once; unknown ones are left out."""
        people = list(filter(is_id, request.people))
        return PeopleFound(users=await store.list_people(self._pool, people))

    async def search_people(self, request: SearchPeople) -> PeopleFound:
        """At most 20, by name."""
        if wrong_with_text(request.prefix):
            return PeopleFound(users=[])
        return PeopleFound(users=await store.search_people(self._pool, request.prefix, MAX_FOUND))
