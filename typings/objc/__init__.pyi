"""What we use of PyObjC."""

from contextlib import AbstractContextManager

def autorelease_pool() -> AbstractContextManager[None]: ...
