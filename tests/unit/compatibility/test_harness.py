"""The harness that counts Prefect's examples, on a page of our own."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.compatibility.__main__ import counts, judged, table
from tests.compatibility.blocks import blocks_of, for_alisio, pages, program
from tests.compatibility.docstrings import page_of
from tests.compatibility.judging import FAILED, LEFT_OUT, MISSING, OUTSIDE, RAN

PAGE = """
# A page

```python hello.py
from prefect import flow

@flow
def hello(name="you"):
    return name

if __name__ == "__main__":
    raise RuntimeError("not for those who build upon it")
```

```python
assert "me" == hello("me")
```

- in a list:

    ```python
    @task
    def lonely(): ...
    ```

```bash
exit 1
```

```python
import no_such_package
```

```python
from prefect.no_such_part import thing
```

```python
from prefect.automations import Automation
```

```python
from prefect import flow
flow(no_such_option=1)(print)
```

```python
hello(
```

```python
import asyncio
await asyncio.sleep(0)
nobody_defines_this()
```

```python
raise ValueError("as shown")
```
"""

EXPECTED = [
    (RAN, "raises its own RuntimeError"),
    (RAN, ""),
    (RAN, "defines only"),
    (OUTSIDE, "package no_such_package"),
    (MISSING, "alisio.no_such_part"),
    (LEFT_OUT, "automations"),
    (FAILED, "TypeError: "),
    (OUTSIDE, "not a program: "),
    (OUTSIDE, "a name of the reader's: nobody_defines_this"),
    (RAN, "raises its own ValueError"),
]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with one page that has examples."""
    (tmp_path / "part").mkdir()
    (tmp_path / "part" / "page.md").write_text(PAGE)
    (tmp_path / "empty.mdx").write_text("No example.")
    return tmp_path


def test_page(folder: Path) -> None:
    """Each example of a page is judged by what became of it, and later ones build upon earlier ones."""
    ((page, blocks),) = pages(folder).items()
    found = judged(blocks, 30)
    assert "part/page" == page
    assert EXPECTED == [
        (verdict.kind, verdict.why[: len(why)]) for (_, verdict), (_, why) in zip(found, EXPECTED, strict=True)
    ]
    counted = counts(found, 4)
    assert {"ran": 4, "outside": 3, "left out": 1, "not here": 1, "fails": 1} == counted["total"]
    assert "| part | 10 | 4 | 3 | 1 | 1 | 1 |" in table(counted)


def test_only(folder: Path) -> None:
    """Pages are chosen by a part of their path."""
    assert {} == pages(folder, "another")
    assert ["part/page"] == list(pages(folder, "art/pa"))


def test_names() -> None:
    """Imports, settings and uses of the module are renamed; texts and names of classes stay."""
    told = "import prefect\nfrom prefect.futures import PrefectFuture\nfrom prefect_aws import S3\n"
    used = 'prefect.runtime.flow_run.id\nx = "prefect.flow-run.Completed"\nPREFECT_API_URL\n'
    assert (
        "import alisio\nfrom alisio.futures import PrefectFuture\nfrom prefect_aws import S3\n"
        'alisio.runtime.flow_run.id\nx = "prefect.flow-run.Completed"\nALISIO_API_URL\n'
    ) == for_alisio(told + used)


def test_session() -> None:
    """Of a session at the prompt, what was typed is kept."""
    assert "for n in 1, 2:\n    print(n)\n" == for_alisio(">>> for n in 1, 2:\n...     print(n)\n1\n2\n")


def test_await() -> None:
    """A program may await at its top level, and the functions that it defines stay at the top."""
    namespace = {"__name__": "x"}
    source = program("@staticmethod\ndef one(): return 1\nimport asyncio\nn = await asyncio.sleep(0, one())\n")
    exec(compile(source, "x", "exec"), namespace)
    assert 1 == namespace["n"]


def test_file_names() -> None:
    """A fence may name the file."""
    named, unnamed = blocks_of("p", "```python a/b.py {1}\n1\n```\n```python Async\n2\n```\n")
    assert ("b.py", "example_2.py") == (named.file_name, unnamed.file_name)


def test_docstrings() -> None:
    """Examples of docstrings are given what their own module defines."""
    source = 'class A:\n    """One.\n\n    ```python\n    A()\n    ```\n    """\n'
    assert "```python\nfrom prefect.a import A\nA()\n```" == page_of("prefect.a", source)
