"""The code in README.md, and the examples."""

import os
import pathlib
import re
import runpy
import sys

import pytest

python = pathlib.Path(__file__).resolve().parent.parent
DOCUMENTS = [python / "README.md", python.parent / "README.md",
             *sorted((python.parent / "docs").glob("*.md"))]
CODE = {document: re.findall(r"^```python\n(.*?)^```$", document.read_text(), re.S | re.M)
        for document in DOCUMENTS}


@pytest.mark.parametrize("document", [name for name in CODE if CODE[name]], ids=lambda path: path.name)
def test_code(document, tmp_path, monkeypatch):
    """The blocks of one document are one program."""
    monkeypatch.chdir(tmp_path)
    names = {}
    for number, code in enumerate(CODE[document], 1):
        exec(compile(code, f"{document.name}, block {number}", "exec"), names)


def test_dataset(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["dataset.py", os.fspath(tmp_path / "samples.ikv")])
    runpy.run_path(python / "examples/dataset.py", run_name="__main__")
    assert capsys.readouterr().out == "1000 samples of shape (3, 4)\n"
