import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from websockets.client import ClientProtocol
from websockets.frames import Frame
from websockets.protocol import State
from websockets.server import ServerProtocol
from websockets.uri import parse_uri

from backoffices.sockets import LinkSocket
from tests.backoffices.peers import MORE, PING, TEXT, accept_of, frame


class Transport(asyncio.Transport):
    """As much of a transport as a socket needs; keeps what is written."""

    def __init__(self):
        super().__init__()
        self.written = b""
        self.closing = False

    def write(self, data):
        assert not self.closing  # uvloop raises
        self.written += data

    def set_write_buffer_limits(self, high=None, low=None):
        pass

    def is_closing(self):
        return self.closing

    def get_write_buffer_size(self):
        return 0


class Owner:
    def __init__(self):
        self.heard = []

    def socket_text(self, text):
        self.heard.append(text)

    def socket_lost(self, error):
        self.heard.append(error)


def whole(text):
    return frame(TEXT, text.encode())


def fragmented(text):
    data = text.encode()
    middle = len(data) // 2
    return frame(TEXT, data[:middle], final=False) + frame(PING, b"p") + frame(MORE, data[middle:])


def long_form(text):
    """The same frame with a length field that is longer than needed."""
    data = text.encode()
    return b"\x81\x7f" + len(data).to_bytes(8, "big") + data


TEXTS = st.one_of(
    st.text(max_size=40), st.sampled_from(["x" * n for n in (125, 126, 127, 129, 65535, 65536)])
)
MESSAGES = st.lists(st.tuples(TEXTS, st.sampled_from([whole, whole, fragmented, long_form])), max_size=8)


async def shaken():
    """A socket whose handshake is done, and its transport."""
    socket = LinkSocket(ClientProtocol(parse_uri("ws://127.0.0.1/"), max_size=2**20), ping_interval=None)
    transport = Transport()
    socket.connection_made(transport)
    handshake = asyncio.ensure_future(socket.handshake())
    await asyncio.sleep(0)
    socket.data_received(accept_of(transport.written) + b"\r\n")
    await handshake
    transport.written = b""
    return socket, transport


async def received(chunks_of):
    """What a socket hands on when its peer's bytes arrive in these chunks."""
    socket = LinkSocket(
        ClientProtocol(parse_uri("ws://127.0.0.1/"), max_size=2**20),
        ping_interval=None,
    )
    transport, owner = Transport(), Owner()
    socket.connection_made(transport)
    handshake = asyncio.ensure_future(socket.handshake())
    await asyncio.sleep(0)
    for chunk in chunks_of(accept_of(transport.written) + b"\r\n"):
        socket.data_received(chunk)
    await handshake
    socket.hand_to(owner)
    return owner.heard


@settings(deadline=None, max_examples=150)
@given(messages=MESSAGES, cuts=st.lists(st.integers(min_value=1, max_value=400), max_size=20))
def test_however_the_bytes_arrive_every_message_arrives_once_and_in_order(messages, cuts):
    def chunks_of(handshake):
        stream = handshake + b"".join(write(text) for text, write in messages)
        for cut in cuts:
            if stream:
                yield stream[:cut]
            stream = stream[cut:]
        if stream:
            yield stream

    assert asyncio.run(received(chunks_of)) == [text for text, _ in messages]


@settings(deadline=None, max_examples=100)
@given(messages=MESSAGES)
def test_a_chunk_per_frame_takes_the_short_way_with_the_same_result(messages):
    def chunks_of(handshake):
        yield handshake
        yield from (write(text) for text, write in messages)

    assert asyncio.run(received(chunks_of)) == [text for text, _ in messages]


@pytest.mark.parametrize("size", [1, 125, 126, 300, 65536])
def test_a_slow_network_may_bring_each_byte_alone(size):
    text = "x" * size

    def chunks_of(handshake):
        yield handshake
        head, rest = whole(text)[:5], whole(text)[5:]
        yield from (bytes([byte]) for byte in head)
        if rest:
            yield rest

    assert asyncio.run(received(chunks_of)) == [text]


LOOKS_LIKE_A_FRAME = "\u00c1\x05abcde"
"""Cut after its first byte, the rest is a whole frame with the text "abcde"."""


@pytest.mark.parametrize("with_handshake", [True, False], ids=["begins with the handshake", "comes later"])
def test_the_rest_of_a_frame_is_not_taken_for_a_frame(with_handshake):
    stream = frame(TEXT, LOOKS_LIKE_A_FRAME.encode())
    first, rest = stream[:3], stream[3:]
    assert rest == frame(TEXT, b"abcde")

    def chunks_of(handshake):
        yield from [handshake + first] if with_handshake else [handshake, first]
        yield rest

    assert asyncio.run(received(chunks_of)) == [LOOKS_LIKE_A_FRAME]


def test_a_whole_text_between_fragments_is_not_taken():
    def chunks_of(handshake):
        yield handshake
        yield frame(TEXT, b"begin", final=False)
        yield frame(TEXT, b"whole")

    assert asyncio.run(received(chunks_of)) == []


async def written(texts):
    socket, transport = await shaken()
    for text in texts:
        socket.write_text(text)
    return transport.written


@settings(deadline=None, max_examples=100)
@given(texts=st.lists(TEXTS, max_size=4))
def test_a_server_reads_what_was_written(texts):
    server = ServerProtocol(state=State.OPEN, max_size=2**20)
    server.receive_data(asyncio.run(written(texts)))
    read = [event for event in server.events_received() if isinstance(event, Frame)]
    assert [(event.opcode, event.fin, bytes(event.data).decode()) for event in read] == [
        (TEXT, True, text) for text in texts
    ]


async def test_nothing_is_written_to_a_connection_that_is_being_closed():
    socket, transport = await shaken()
    socket.shut(1000, "")
    transport.written = b""
    socket.write_text("late")
    assert transport.written == b""


async def test_nothing_is_written_to_a_transport_that_was_aborted():
    socket, transport = await shaken()
    transport.closing = True
    socket.write_text("late")
    assert transport.written == b""
