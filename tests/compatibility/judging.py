"""Say what became of an example, from how its process ended."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass

from tests.compatibility.blocks import Block
from tests.compatibility.known import FAIL_AS_SHOWN, NEED, WRONG_THERE

RAN = "ran"
OUTSIDE = "outside"
LEFT_OUT = "left out"
MISSING = "not here"
FAILED = "fails"
KINDS = (RAN, OUTSIDE, LEFT_OUT, MISSING, FAILED)
NETWORK = "network"
IMAGES = "container images"

ERROR = re.compile(r"^(?P<type>[A-Za-z_][\w.]*(?:Error|Exception|Exit|Interrupt|Group|\b[A-Z]\w+))(?:: (?P<text>.*))?$")
UNREACHED = re.compile(
    r"name resolution|Name or service not known|ConnectError|Connection refused|getaddrinfo|ProxyError|git clone"
    r"|Could not resolve host|unable to access|Network is unreachable|403 Forbidden|Max retries exceeded|Errno 111",
    re.IGNORECASE,
)
NO_NAME = re.compile(r"name resolution|Name or service not known|Network is unreachable")
BY_DESIGN = (
    (re.compile(r"(?:image|build|push) cannot be used"), IMAGES),
    (re.compile(r"alisio\.(automations|events\.(?:actions|schemas|related|filters|clients))"), "automations"),
    (re.compile(r"alisio\._experimental"), "experimental parts"),
    (re.compile(r"webserver cannot be used"), "a runner's web server"),
    (re.compile(r"Deployment(?:Event|Compound|Metric|Sequence)Trigger|triggers"), "automations"),
    (re.compile(r"alisio\.(?:docker|infrastructure|workers)|DockerImage"), "infrastructure"),
    (re.compile(r"alisio\.blocks\.(?:notifications|webhook)|alisio\.cloud|_internal"), "notifications"),
)
"""What Alisio leaves out on purpose, or has no place for, and its name in the table."""

ABSENT = re.compile(r"no (?:deployment|block|flow run|variable|task run|named limit|limit|work pool)\b|NotFoundError")


@dataclass(frozen=True)
class Verdict:
    """What became of an example.

    Attributes:
        kind: One of `KINDS`.
        why: What it needs, what is not here or how it failed; for those that ran, how they ended if not plainly.
        lacks: The name that it uses and does not define.
    """

    kind: str
    why: str
    lacks: str | None

    @classmethod
    def of_fragment(cls, error: SyntaxError) -> Verdict:
        """It is a piece of code that no interpreter reads."""
        return cls(OUTSIDE, f"not a program: {error.msg}", None)


def judge(block: Block, file_name: str, source: str, code: int | None, output: str, ended: bool) -> Verdict:
    """Say what became of an example.

    Args:
        block: The example.
        file_name: The file that ran.
        source: What was in that file.
        code: How its process ended; None if it did not within its time.
        output: All that it wrote.
        ended: Whether it served, and was ended for that.
    """
    if ended or code == 0:
        return Verdict(RAN, "served" if ended else _how(block), None)
    if block.label in FAIL_AS_SHOWN:
        return Verdict(RAN, "fails as the page shows", None)
    if block.label in NEED:
        return Verdict(OUTSIDE, NEED[block.label], None)
    if block.label in WRONG_THERE:
        return Verdict(OUTSIDE, f"wrong on the page: {WRONG_THERE[block.label]}", None)
    if code is None:
        return Verdict(FAILED, "not ended in time", None)
    kind, text = _last_error(output)
    if kind == "":
        return Verdict(FAILED, f"exit code {code}", None)
    if kind == "NameError" and _frames(output)[-1:] and not _frames(output)[-1][0].endswith(file_name):
        return _failed(kind, text, output)  # the name is one of ours
    return _of_error(kind, text) or _of_its_own(kind, file_name, source, output) or _failed(kind, text, output)


def _how(block: Block) -> str:
    try:
        return "defines only" if block.only_defines else ""
    except SyntaxError:
        return ""


def _last_error(output: str) -> tuple[str, str]:
    """Give the type and the words of the exception that ended the program."""
    for line in reversed(output.splitlines()):
        if line and not line[0].isspace() and (match := ERROR.match(line)):
            return match["type"], match["text"] or ""
    return "", ""


def _of_error(kind: str, text: str) -> Verdict | None:
    """Judge an error whose words say what is lacking."""
    if missing := re.match(r"No module named '([\w.]+)'", text):
        name = missing[1]
        return _not_here(name) if name.split(".")[0] == "alisio" else Verdict(OUTSIDE, f"package {name}", None)
    if missing := re.match(r"cannot import name '(\w+)' from '(alisio[\w.]*)'", text):
        return _not_here(f"{missing[2]}.{missing[1]}")
    if missing := re.match(r"module '(alisio[\w.]*)' has no attribute '(\w+)'", text):
        return _not_here(f"{missing[1]}.{missing[2]}")
    if kind == "NameError" and (missing := re.match(r"name '(\w+)' is not defined", text)):
        return Verdict(OUTSIDE, f"a name of the reader's: {missing[1]}", missing[1])
    if found := next((name for pattern, name in BY_DESIGN if pattern.search(text)), None):
        return Verdict(LEFT_OUT, found, None)
    if "drawing needs Graphviz" in text:
        return Verdict(OUTSIDE, "program dot", None)
    if UNREACHED.search(f"{kind} {text}"):
        return Verdict(OUTSIDE, NETWORK, None)
    if ABSENT.search(f"{kind}: {text}"):
        return Verdict(OUTSIDE, "a record of the reader's (deployment, block, run)", None)
    return None


def _frames(output: str) -> list[tuple[str, str]]:
    """Give the file and the line of each place that a traceback names."""
    return re.findall(r'File "([^"]+)", line (\d+), in ', output)


def _not_here(name: str) -> Verdict:
    found = next((group for pattern, group in BY_DESIGN if pattern.search(name)), None)
    return Verdict(LEFT_OUT, found, None) if found else Verdict(MISSING, name, None)


def _of_its_own(kind: str, file_name: str, source: str, output: str) -> Verdict | None:
    """An example that raises where it says `raise`, or divides by zero, did what it shows."""
    frames = _frames(output)
    if not frames or not frames[-1][0].endswith(file_name):
        return None
    line = int(frames[-1][1])
    raises = any(
        isinstance(node, (ast.Raise, ast.Assert)) and node.lineno <= line <= (node.end_lineno or line)
        for node in ast.walk(ast.parse(source))
    )
    if raises or kind == "ZeroDivisionError":
        return Verdict(RAN, f"raises its own {kind}", None)
    return None


def _failed(kind: str, text: str, output: str) -> Verdict:
    if NO_NAME.search(output):  # what failed in the end follows from it
        return Verdict(OUTSIDE, NETWORK, None)
    return Verdict(FAILED, f"{kind}: {text}"[:200], None)
