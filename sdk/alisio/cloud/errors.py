"""The error of the cloud's commands."""

from __future__ import annotations

from alisio.exceptions import AlisioError


class CloudError(AlisioError):
    """The cloud, or a tool that leads to it, cannot be used as it is. Its text is one line: what, where, what to do.

    Attributes:
        code: A stable word for programs, such as `aws_credentials_missing`.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
