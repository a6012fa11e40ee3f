"""Who is connected when ports come and go: a stand-in for JACK in which each step is one call."""

from daemon.audio.hosts.jack import JackTap


class JackError(Exception):
    pass


class Port:
    def __init__(self, world, name):
        self._world, self.name = world, name

    def is_connected_to(self, port):
        assert isinstance(port, str)
        return (port, self.name) in self._world.wires


class Ports:
    def __init__(self, world):
        self._world = world

    def register(self, name):
        return Port(self._world, f"latentd:{name}")


class Client:
    """A JACK client, and with it the server: `appear` and `vanish` are what others do."""

    name, samplerate = "latentd", 48_000

    def __init__(self):
        self.inports, self.outputs, self.active, self.wires = Ports(self), [], set(), set()
        self._on_port = None

    def set_process_callback(self, callback): ...

    def set_shutdown_callback(self, callback): ...

    def set_port_registration_callback(self, callback):
        self._on_port = callback

    def activate(self): ...

    def get_ports(self, *, is_audio, is_output):
        assert is_audio
        assert is_output
        return [Port(self, name) for name in self.outputs]

    def connect(self, source, port):
        if source not in self.active or (source, port.name) in self.wires:
            raise JackError
        self.wires.add((source, port.name))

    def disconnect(self, source, port):
        self.wires.remove((source, port.name))

    def appear(self, *names, told=True, active=True):
        for name in names:
            self.outputs.append(name)
            if active:
                self.active.add(name)
            if told:
                self.tell(name)

    def tell(self, name):
        self._on_port(Port(self, name), True)

    def vanish(self, name):
        self.outputs.remove(name)
        self.active.discard(name)
        self.wires = {wire for wire in self.wires if wire[0] != name}


class Jack:
    JackError = JackError


LEFT, RIGHT = ("a:1", "latentd:in_1"), ("a:2", "latentd:in_2")


def tap(*outputs):
    client = Client()
    client.outputs, client.active = list(outputs), set(outputs)
    return JackTap(Jack, client, "a"), client


def test_what_is_there_is_connected_at_once():
    _, client = tap("a:1", "a:2", "a:3", "b:1")
    assert client.wires == {LEFT, RIGHT}


def test_a_port_that_came_before_its_sibling_leaves_the_other_side_to_it():
    tap_, client = tap()
    client.appear("a:1", told=False)
    tap_._look()
    assert client.wires == {LEFT, ("a:1", "latentd:in_2")}
    client.tell("a:1")  # late news of it
    client.appear("a:2")
    tap_._look()
    assert client.wires == {LEFT, RIGHT}


def test_ports_of_a_client_that_is_not_active_yet_are_tried_again():
    tap_, client = tap()
    client.appear("a:1", "a:2", active=False)
    tap_._look()
    assert client.wires == set()
    client.active = {"a:1", "a:2"}
    tap_._look()
    assert client.wires == {LEFT, RIGHT}


def test_a_port_that_went_and_came_between_two_looks_is_connected_again():
    tap_, client = tap("a:1", "a:2")
    client.vanish("a:1")
    client.vanish("a:2")
    client.appear("a:1", "a:2")
    tap_._look()
    assert client.wires == {LEFT, RIGHT}


def test_what_was_disconnected_by_hand_stays_so_until_it_comes_anew():
    tap_, client = tap("a:1", "a:2")
    client.wires.remove(LEFT)
    client.appear("b:1")
    tap_._look()
    assert client.wires == {RIGHT}
    client.vanish("a:1")
    tap_._look()
    client.appear("a:1")
    client.outputs.sort()
    tap_._look()
    assert client.wires >= {LEFT}


def test_a_client_that_goes_is_said_once():
    tap_, client = tap("a:1")
    client.vanish("a:1")
    for _ in range(3):
        tap_._look()
    (note,) = [message.payload.decode() for message in tap_._heard]
    assert note.startswith("no JACK client or port is named 'a' now; there are none with outputs")
