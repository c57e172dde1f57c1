"""An SMTP server that takes everything and keeps nothing, as cheap as can be, so that a bench measures the sender.

Tells its port on the first line, and when its input is closed, how many messages it took.
"""

import asyncio
import sys


class Sink(asyncio.Protocol):
    """One connection. Lines until DATA, then words until the dot."""

    taken = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport, self.waiting, self.in_words = transport, b"", False
        transport.write(b"220 sink\r\n")

    def data_received(self, data: bytes) -> None:
        self.waiting += data
        while True:
            end, size = (b"\r\n.\r\n", 5) if self.in_words else (b"\r\n", 2)
            at = self.waiting.find(end)
            if at < 0:
                return
            line, self.waiting = self.waiting[:at], self.waiting[at + size :]
            self._answer(line[:4].upper())

    def _answer(self, verb: bytes) -> None:
        if self.in_words:
            self.in_words, answer = False, b"250 taken"
            Sink.taken += 1
        elif verb == b"EHLO":
            answer = b"250-sink\r\n250-8BITMIME\r\n250 SIZE 0"
        elif verb == b"DATA":
            self.in_words, answer = True, b"354 go on"
        elif verb == b"QUIT":
            answer = b"221 bye"
        else:
            answer = b"250 ok"
        self.transport.write(answer + b"\r\n")


async def main() -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Sink, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await loop.run_in_executor(None, sys.stdin.read)
    print(Sink.taken, flush=True)


if __name__ == "__main__":
    asyncio.run(main())
