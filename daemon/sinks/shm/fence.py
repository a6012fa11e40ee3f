"""An order of memory that every processor keeps to."""

from threading import Lock

_lock = Lock()


def fence() -> None:
    """What was stored or loaded before is done before what comes after, as seen from other processes too.

    Python has no fence. A release followed by an acquire is one: on x86 either is a locked instruction, which is a full
    barrier (and drains the streaming stores of a large memcpy); on ARMv8 a load-acquire stays behind a store-release.
    """
    for _ in range(2):
        _lock.acquire()
        _lock.release()
