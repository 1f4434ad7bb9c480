"""A server that is far away: a TCP proxy in a process of its own, which is late by so much.

`python -m tests.support.distant PORT SECONDS` prints its own port. Each piece comes so many
seconds later, each way; how many are on the way at once makes no difference.
"""

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress


@contextmanager
def far_away(port: int, seconds: float) -> Iterator[int]:
    """A port from which that port of this machine is so many seconds away, each way."""
    command = [sys.executable, "-m", "tests.support.distant", str(port), str(seconds)]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            yield int(process.stdout.readline())
        finally:
            process.stdin.close()
            process.wait(10)


async def _serve(upstream: int, seconds: float) -> None:
    loop = asyncio.get_running_loop()

    async def forward(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            while piece := await reader.read(1 << 16):
                loop.call_later(seconds, writer.write, piece)
        loop.call_later(seconds, writer.close)

    async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        theirs, ours = await asyncio.open_connection("127.0.0.1", upstream)
        await asyncio.gather(forward(reader, ours), forward(theirs, writer))

    server = await asyncio.start_server(converse, "127.0.0.1", 0)
    sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await loop.run_in_executor(None, sys.stdin.read)  # until whoever started it is gone


if __name__ == "__main__":
    asyncio.run(_serve(int(sys.argv[1]), float(sys.argv[2])))
