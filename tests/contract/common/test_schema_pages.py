"""The pages in docs/schema/ are current."""

import pytest

from docs.reference.schema import describe_schema, page_of


@pytest.mark.parametrize("role", ["users", "chats"])
async def test_the_page_of_a_database_is_fresh(role: str, database_url: str) -> None:
    """`make docs` would change nothing."""
    assert page_of(role).read_text() == await describe_schema(role, database_url), "run make docs"
