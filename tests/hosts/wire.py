"""A slow wire between a host and the bridge: `python -m tests.hosts.wire PORT PLUG SECONDS`.

Frames from the host reach its plug after so many seconds; frames to it arrive at once. Replaces
`tc netem`, which not every kernel has. Runs in the bridge's namespace, as root. Links must not
offload: a frame passed on here must have its final size and checksum.
"""

import asyncio
import ctypes
import fcntl
import socket
import struct
import sys
from contextlib import suppress
from typing import Final

ETH_P_ALL: Final = 0x0003
OUTGOING: Final = 4  # PACKET_OUTGOING of packet(7)
MAX_FRAME_BYTES: Final = 65_536
SIOCETHTOOL: Final = 0x8946
# ETHTOOL_STXCSUM, ETHTOOL_SSG, ETHTOOL_STSO, ETHTOOL_SGSO, ETHTOOL_SGRO of linux/ethtool.h
OFFLOADS: Final = (0x17, 0x19, 0x1F, 0x24, 0x2C)
READY: Final = "the wire is slow"


def stop_offloading(interface: str) -> None:
    """For frames sent over this link."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        for offload in OFFLOADS:
            setting = ctypes.create_string_buffer(struct.pack("II", offload, 0), 8)
            request = struct.pack("16sP8x", interface.encode(), ctypes.addressof(setting))
            fcntl.ioctl(any_socket, SIOCETHTOOL, request)


def _open(interface: str) -> socket.socket:
    raw = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
    raw.bind((interface, ETH_P_ALL))
    raw.setblocking(False)
    return raw


def _pass(source: socket.socket, target: socket.socket, seconds: float) -> None:
    """Reads all frames that wait at the source."""
    loop = asyncio.get_running_loop()
    with suppress(BlockingIOError):
        while True:
            frame, (_, _, kind, *_) = source.recvfrom(MAX_FRAME_BYTES)
            if kind == OUTGOING:  # a frame that was sent from here
                continue
            if seconds:
                loop.call_later(seconds, _send, target, frame)
            else:
                _send(target, frame)


def _send(target: socket.socket, frame: bytes) -> None:
    with suppress(OSError):  # lost, as on a wire
        target.send(frame)


async def carry(port: str, plug: str, seconds: float) -> None:
    """Runs until cancelled."""
    loop = asyncio.get_running_loop()
    near, far = _open(port), _open(plug)
    loop.add_reader(near, _pass, near, far, seconds)
    loop.add_reader(far, _pass, far, near, 0.0)
    print(READY, flush=True)
    await loop.create_future()


if __name__ == "__main__":
    asyncio.run(carry(sys.argv[1], sys.argv[2], float(sys.argv[3])))
