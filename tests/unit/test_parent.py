"""Whether Triton waits for an answer is read in its shared memory."""

import struct

import psutil
import pytest

from tests.support.backend import load_part

CONTROL, QUEUE = 336, 496  # where Triton 2.51 has them


@pytest.fixture
def parent():
    """The module as Triton's stub loads it."""
    return load_part("parent")


@pytest.fixture
def connect(parent, tmp_path):
    """Connect to a shared memory; returns what changes the state of its queue and the connection."""

    def to(size, head, tail):
        region = tmp_path / "region"
        memory = bytearray(4096)
        struct.pack_into("<q", memory, CONTROL + 16 + 88, QUEUE)
        region.write_bytes(memory)

        def put(head, tail):
            with region.open("r+b") as file:
                file.seek(QUEUE + 16 + 104)
                file.write(struct.pack("<Qqii", size, 656, head, tail))

        put(head, tail)
        return put, parent.Parent(["stub", "model.pt", region.name, "", "", "", "", str(CONTROL)], tmp_path)

    return to


def test_triton_waits_as_long_as_it_has_sent_nothing_more(connect):
    put, triton = connect(1000, 2, 2)
    assert triton.is_waiting()
    put(3, 2)
    assert not triton.is_waiting()
    put(3, 3)
    assert triton.is_waiting()
    put(0, 999)  # around the end
    assert not triton.is_waiting()


@pytest.mark.parametrize("state", [(999, 0, 0), (1000, 1000, 0), (1000, 0, -1)])
def test_another_shared_memory_is_refused(connect, state):
    with pytest.raises(RuntimeError, match="not laid out as that of Triton 2.51"):
        connect(*state)


def test_the_command_line_is_that_of_this_process(parent):
    *arguments, end = parent.read_command_line()
    assert arguments == psutil.Process().cmdline()
    assert end == ""
