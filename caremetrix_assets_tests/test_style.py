"""The rules of the house that no linter knows: sizes, no table name in code, nothing left to do, a test per table.

What ruff, mypy, import-linter and sqlfluff enforce is not repeated here.
"""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
TABLES = ROOT / "caremetrix_assets" / "tables"
CODE_FOLDERS = ("caremetrix_assets", "caremetrix_assets_tests", "benchmarks")
TEXT_SUFFIXES = {".py", ".sql", ".yml", ".yaml", ".toml", ".md", ".csv"}


def files_in(*folders: str) -> list[Path]:
    return sorted(path for folder in folders for path in (ROOT / folder).rglob("*") if path.is_file() and "__pycache__" not in path.parts)


PYTHON_FILES = [path for path in files_in(*CODE_FOLDERS) if path.suffix == ".py"]
PRODUCT_FILES = [path for path in PYTHON_FILES if "caremetrix_assets_tests" not in path.parts]
SQL_FILES = [path for path in files_in("caremetrix_assets") if path.suffix == ".sql"]
CONTRACT_FILES = [path for path in TABLES.rglob("*.yml") if path.parent != TABLES]


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


@cache
def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text(), filename=name_of(path))


def docstrings_of(tree: ast.Module) -> set[ast.Constant]:
    owners = [node for node in ast.walk(tree) if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)]
    firsts = [owner.body[0] for owner in owners if owner.body]
    return {first.value for first in firsts if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant)}


@pytest.mark.parametrize("path", SQL_FILES, ids=name_of)
def test_sql_file_fits_in_150_lines(path: Path):
    assert len(path.read_text().splitlines()) <= 150


@pytest.mark.parametrize("path", PYTHON_FILES, ids=name_of)
def test_module_fits_in_300_lines(path: Path):
    assert len(path.read_text().splitlines()) <= 300


@pytest.mark.parametrize("path", PYTHON_FILES, ids=name_of)
def test_functions_fit_in_40_lines(path: Path):
    functions = [node for node in ast.walk(tree_of(path)) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    lengths = {node.name: (node.end_lineno or node.lineno) - node.lineno + 1 for node in functions}
    assert {name: length for name, length in lengths.items() if length > 40} == {}


@pytest.mark.parametrize("path", PYTHON_FILES, ids=name_of)
def test_module_says_what_lives_in_it(path: Path):
    tree = tree_of(path)
    is_empty_package = path.name == "__init__.py" and not tree.body and "caremetrix_assets_tests" in path.parts
    assert is_empty_package or ast.get_docstring(tree)


@pytest.mark.parametrize("path", PRODUCT_FILES, ids=name_of)
def test_no_table_is_named_in_code(path: Path):
    tables = {contract.stem for contract in CONTRACT_FILES}
    tree = tree_of(path)
    docstrings = docstrings_of(tree)
    texts = [
        node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str) and node not in docstrings
    ]
    assert {word for text in texts for word in re.findall(r"\w+", text) if word in tables} == set()


def test_nothing_is_left_to_do():
    marker = re.compile(r"\b(TO" + r"DO|FIX" + r"ME|XX" + r"X)\b")
    texts = [
        path
        for path in [*files_in(*CODE_FOLDERS, ".ci"), *ROOT.glob("*")]
        if path.suffix in TEXT_SUFFIXES or path.name in {"run", "Makefile"}
    ]
    assert [name_of(path) for path in texts if marker.search(path.read_text())] == []


def test_every_computed_table_has_a_given_expect_test():
    tests = {path.stem.removeprefix("test_") for path in (ROOT / "caremetrix_assets_tests" / "tables").glob("test_*.py")}
    computed = {path.stem for path in SQL_FILES if TABLES in path.parents and path.with_suffix(".yml").exists()}
    assert computed - tests == set()


def test_every_table_test_names_a_table():
    tables = {contract.stem for contract in CONTRACT_FILES}
    tests = {path.stem.removeprefix("test_") for path in (ROOT / "caremetrix_assets_tests" / "tables").glob("test_*.py")}
    assert {test for test in tests if not any(test == table or test.startswith(f"{table}_") for table in tables)} == set()
