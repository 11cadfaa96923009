"""A TCP proxy that breaks connections as networks do."""

import asyncio
import socket
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress

READ = 64 * 1024
Fault = Callable[["Link"], Awaitable[None]]


class Link:
    """A connection through the proxy.

    Attributes:
        client, server: streams to the two ends, (reader, writer) each.
        passes: cleared while data is held back.
        delay_s: of each piece of data.
        budget: bytes that the server may still send; None for all.
    """

    def __init__(self, client, server):
        self.client, self.server = client, server
        self.passes = asyncio.Event()
        self.passes.set()
        self.delay_s, self.budget = 0.0, None

    async def pump(self, source, target, is_answer):
        with suppress(ConnectionError, asyncio.CancelledError):
            while data := await source.read(READ):
                await self.passes.wait()
                await asyncio.sleep(self.delay_s)
                if is_answer and self.budget is not None:
                    data, self.budget = data[: self.budget], max(0, self.budget - len(data))
                target.write(data)
                await target.drain()
                if is_answer and self.budget == 0:
                    break
        with suppress(OSError, RuntimeError):
            target.close()

    def abort(self):
        """Reset both ends: they get RST instead of an orderly end."""
        for _, writer in (self.client, self.server):
            linger = (1).to_bytes(4, "little") + (0).to_bytes(4, "little")
            with suppress(OSError):
                writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            writer.transport.abort()


async def close(writer):
    """Close a connection that may be broken, and wait until its socket is free."""
    with suppress(OSError, RuntimeError):
        writer.close()
        await writer.wait_closed()


class FaultProxy:
    """A proxy that passes connections on to a port of this machine, with faults; its thread ends with it.

    Args:
        target: the port.
    """

    def __init__(self, target: int):
        self.target = target
        self.links: list[Link] = []
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="fault-proxy", daemon=True)
        self._thread.start()
        self._server = self._call(asyncio.start_server(self._serve, "127.0.0.1", 0))
        self.port = int(self._server.sockets[0].getsockname()[1])

    def _call(self, coroutine):
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(30)

    async def _serve(self, reader, writer):
        try:
            server = await asyncio.open_connection("127.0.0.1", self.target)
        except OSError:
            await close(writer)
            return
        link = Link((reader, writer), server)
        self.links.append(link)
        await asyncio.gather(
            link.pump(reader, server[1], False), link.pump(server[0], writer, True), return_exceptions=True
        )
        self.links.remove(link)
        await close(writer)
        await close(server[1])

    def apply(self, change: Callable[[Link], object]) -> int:
        """Change every open connection; return how many there were."""

        async def change_all():
            links = list(self.links)
            for link in links:
                change(link)
            return len(links)

        return int(self._call(change_all()))

    def reset(self) -> int:
        return self.apply(Link.abort)

    def truncate(self) -> int:
        """The server's answers end in the middle of one."""
        return self.apply(lambda link: setattr(link, "budget", 1000))

    def half_close(self) -> int:
        """The client's end is told that nothing more comes, though the connection stays open."""
        return self.apply(lambda link: link.client[1].write_eof())

    def stall(self) -> int:
        """Nothing passes any more, and nobody is told."""
        return self.apply(lambda link: link.passes.clear())

    def delay(self, seconds: float) -> int:
        return self.apply(lambda link: setattr(link, "delay_s", seconds))

    def close(self):
        async def end():
            self._server.close()
            for link in list(self.links):
                link.abort()
                link.passes.set()
            while len(asyncio.all_tasks()) > 1:
                await asyncio.sleep(0.01)
            await self._server.wait_closed()

        self._call(end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


@contextmanager
def fault_proxy(target: int) -> Iterator[FaultProxy]:
    proxy = FaultProxy(target)
    try:
        yield proxy
    finally:
        proxy.close()
