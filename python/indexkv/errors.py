"""Exceptions: what went wrong, and where."""

from __future__ import annotations

import os

from . import _indexkv


class Error(Exception):
    """An error of the library.

    code    the library's code, as in indexkv.h: below -1000, or a negated errno value
    file    the path as given, or None
    offset  in the file, or None
    key     int or bytes, or None
    """

    code: int
    file: str | None
    offset: int | None
    key: int | bytes | None


class CorruptError(Error):
    """Bytes of the file are damaged, or the file is too short."""


class FormatError(Error):
    """The file is not a store, is not complete, or has another key type."""


class DuplicateError(Error):
    """A key was added twice."""


class StoreOSError(Error, OSError):
    """A system call failed; `errno` says how."""


class StoreNotFoundError(StoreOSError, FileNotFoundError):
    """There is no such file."""


_TRUNCATED, _DUPLICATE = -1204, -1103


def _class_of(code: int) -> type[Error]:
    if code > -1000:
        return StoreNotFoundError if os.strerror(-code) == os.strerror(2) else StoreOSError
    if code == _TRUNCATED or -1399 <= code <= -1300:
        return CorruptError
    if -1299 <= code <= -1200:
        return FormatError
    return DuplicateError if code == _DUPLICATE else Error


def _make(code, message, file, offset, key):
    error = _class_of(code)(message)
    error.code, error.file, error.offset, error.key = code, file, offset, key
    if isinstance(error, OSError):
        error.errno, error.strerror = -code, message
    return error


_indexkv.set_error_factory(_make)
