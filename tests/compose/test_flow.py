"""The flow tests, through the HAProxy of docker-compose.yml and replicas in containers."""

from tests.flow.test_changing_messages import (  # noqa: F401
    test_a_reply_over_the_socket,
    test_devices_fold_what_history_gives,
)
from tests.flow.test_documented_calls import *  # noqa: F403
from tests.flow.test_membership import *  # noqa: F403
from tests.flow.test_repeats import *  # noqa: F403
from tests.flow.test_resume import *  # noqa: F403
from tests.flow.test_sessions import *  # noqa: F403
from tests.flow.test_talking import *  # noqa: F403
