"""A command's output into a chat, as it comes: `python pipe.py CHAT make test`. Exits as it does.

Lines of one moment are one message. See examples/README.md.
"""

import asyncio
import sys

from hubbub_client import Client

MOMENT_SECONDS = 0.5
MAX_BYTES = 4_000  # of a message


async def pieces(output: asyncio.StreamReader) -> list[str]:
    """The lines of the next moment; none at the end."""
    lines = [await output.readline()]
    try:
        async with asyncio.timeout(MOMENT_SECONDS):
            while lines[-1] and sum(map(len, lines)) < MAX_BYTES:
                lines.append(await output.readline())
    except TimeoutError:
        pass
    return [line.decode(errors="replace").replace("\0", "") for line in lines if line]


async def main(chat: str, *command: str) -> int:
    process = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    assert process.stdout is not None
    async with Client.from_environment() as client:
        while lines := await pieces(process.stdout):
            if text := "".join(lines).strip():
                await client.chat(chat).send(text)
        code = await process.wait()
        await client.chat(chat).send(f"`{' '.join(command)}` ended with {code}")
    return code


if len(sys.argv) < 3:
    sys.exit("usage: python pipe.py CHAT COMMAND [ARGUMENT ...]")
sys.exit(asyncio.run(main(*sys.argv[1:])))
