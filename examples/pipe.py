"""Sends a command's output to a chat as it is written: `python pipe.py CHAT make test`. Exits with
the command's code.

Lines written together become one message, or as many as needed. See examples/README.md.
"""

import asyncio
import sys
from codecs import getincrementaldecoder

from hubbub_client import Client

MOMENT_SECONDS = 0.5
MAX_BYTES = 8_192  # of a message


async def moment(output: asyncio.StreamReader) -> bytes:
    """The output of the next moment; empty at the end."""
    pieces = [await output.read(MAX_BYTES)]
    try:
        async with asyncio.timeout(MOMENT_SECONDS):
            while pieces[-1] and sum(map(len, pieces)) < MAX_BYTES:
                pieces.append(await output.read(MAX_BYTES))
    except TimeoutError:
        pass
    return b"".join(pieces)


def end_of_message(text: str, *, is_over: bool) -> int:
    """The length of the next message: whole lines, except for one that is too long, or the last."""
    fitting = len(text.encode()[:MAX_BYTES].decode(errors="ignore"))
    if fitting == len(text) and is_over:
        return fitting
    return text.rfind("\n", 0, fitting) + 1 or (fitting if fitting < len(text) else 0)


async def main(chat: str, *command: str) -> int:
    process = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    assert process.stdout is not None
    decoder = getincrementaldecoder("utf-8")(errors="replace")
    async with Client.from_environment() as client:
        text, is_over = "", False
        while not is_over:
            said = await moment(process.stdout)
            is_over = not said
            text += decoder.decode(said, final=is_over).replace("\0", "")
            while end := end_of_message(text, is_over=is_over):
                if message := text[:end].strip():
                    await client.chat(chat).send(message)
                text = text[end:]
        code = await process.wait()
        await client.chat(chat).send(f"`{' '.join(command)}` ended with {code}")
    return code


if len(sys.argv) < 3:
    sys.exit("usage: python pipe.py CHAT COMMAND [ARGUMENT ...]")
sys.exit(asyncio.run(main(*sys.argv[1:])))
