# mypy: ignore-errors
"""The peer in Django: Channels with channels_redis on uvicorn (uvloop, httptools), one process.

Uses the pub/sub layer, the faster of the two that channels_redis has; its queues are made
large enough never to drop. argv: port, Valkey's port. Path /ws/N joins group roomN.
"""

import sys

import uvicorn
from django.conf import settings

port, valkey = map(int, sys.argv[1:3])
settings.configure(
    SECRET_KEY="bench",  # noqa: S106 - Django wants one; nothing is signed here
    CHANNEL_LAYERS={
        "default": {
            "BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer",
            "CONFIG": {"hosts": [f"redis://127.0.0.1:{valkey}"], "capacity": 10_000},
        }
    },
)

from channels.generic.websocket import AsyncWebsocketConsumer  # noqa: E402 - settings come first
from channels.routing import URLRouter  # noqa: E402
from django.urls import path  # noqa: E402


class Relay(AsyncWebsocketConsumer):
    async def connect(self):
        self.group = f"room{self.scope['url_route']['kwargs']['room']}"
        await self.channel_layer.group_add(self.group, self.channel_name)
        await self.accept()

    async def disconnect(self, code):
        await self.channel_layer.group_discard(self.group, self.channel_name)

    async def relay(self, event):
        await self.send(text_data=event["text"])


uvicorn.run(
    URLRouter([path("ws/<int:room>", Relay.as_asgi())]),
    host="127.0.0.1",
    port=port,
    backlog=4096,
    ws_per_message_deflate=False,
    log_level="error",
)
