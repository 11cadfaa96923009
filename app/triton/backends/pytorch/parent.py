"""Tell whether Triton still waits for the answer to a request.

Triton gives a request up where its instance, this process, has not set a flag in their shared memory for a second: on a
machine that is too busy or was suspended, or whose clock was put forward. It neither ends the instance nor forgets the
request: the late answer is taken for that to the next one, so that a visitor gets the picture of another, and memory
that was freed is read. No function of Triton's tells. But as long as it waits, there is nothing in the queue of the
instance's messages, and when it has given up there is a message.
"""

import mmap
import os
import struct
from pathlib import Path

# Of Triton 2.51 on x86-64. An instance's command line names the shared memory, and where in it the control block is.
REGION_ARGUMENT, CONTROL_ARGUMENT = 2, 7
OWNERSHIP = 16  # bytes of a count of owners before each thing in that memory
QUEUE = 88  # from the start of the control block, where the instance's queue is
STATE = struct.Struct("<Qqii")  # of a queue: its size, where its messages are, and its head and tail
STATE_AT = 104  # from the start of a queue, behind two semaphores and a mutex
SIZE = 1000  # of a queue, in messages


class Parent:
    """Triton's process, as its instance knows it.

    Args:
        arguments: the command line of the instance.
        folder: of the shared memory.

    Raises:
        RuntimeError: the shared memory is not as this Triton's is known to be.
    """

    def __init__(self, arguments: list[str], folder: Path = Path("/dev/shm")) -> None:
        with (folder / arguments[REGION_ARGUMENT]).open("rb") as region:
            self.memory = mmap.mmap(region.fileno(), 0, access=mmap.ACCESS_READ)
        control = int(arguments[CONTROL_ARGUMENT]) + OWNERSHIP
        (queue,) = struct.unpack_from("<q", self.memory, control + QUEUE)
        self.state_at = queue + OWNERSHIP + STATE_AT
        size, _, head, tail = STATE.unpack_from(self.memory, self.state_at)
        if size != SIZE or not (0 <= head < SIZE and 0 <= tail < SIZE):
            raise RuntimeError("the shared memory of this Triton is not laid out as that of Triton 2.51")

    def is_waiting(self) -> bool:
        """Return whether Triton waits for the answer to the request that is at work."""
        _, _, head, tail = STATE.unpack_from(self.memory, self.state_at)
        return bool(head == tail)


def read_command_line() -> list[str]:
    """Return the command line of this process, which Python does not know inside of Triton's instance."""
    return os.fsdecode(Path("/proc/self/cmdline").read_bytes()).split("\0")
