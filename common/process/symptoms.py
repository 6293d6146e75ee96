"""Metrics that show that something is stuck, and their thresholds.

For the doctor on the machine, and for edge, which warns owners and admins.
"""

from typing import Final

CACHE_NODES_OUT: Final = "hubbub_edge_cache_nodes_out"
CANARY_SILENT_SECONDS: Final = "hubbub_realtime_canary_silent_seconds"
POLLING: Final = "hubbub_realtime_polling"
SEARCH_BEHIND_CHATS: Final = "hubbub_chats_search_behind_chats"
SEARCH_BEHIND_SECONDS: Final = "hubbub_chats_search_behind_seconds"
SEARCH_LACKS_WORDS: Final = "hubbub_chats_search_lacks_words"
CERTIFICATE_EXPIRES: Final = "hubbub_certificate_expires"
CREDENTIAL_REFUSED: Final = "hubbub_credential_refused"
OPEN_CIRCUIT: Final = "hubbub_open_circuit"
STORE_FAILING: Final = "hubbub_files_store_failing"

MOST_IN_DOUBT_SECONDS: Final = 10.0  # the resolver takes 3 to 4, at rest 8
MOST_UNPUBLISHED_SECONDS: Final = 10.0  # the sweep takes half a second, at rest two
MOST_SILENT_SECONDS: Final = 15.0  # a canary goes out every second, at rest every ten
LEAST_CERTIFICATE_SECONDS: Final = 14 * 86_400.0
MOST_BEHIND_SECONDS: Final = 30.0  # the search index is fed every 0.6 s
