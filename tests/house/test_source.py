"""The house rules, read off the source: sizes, names, inheritance, and what must never be called."""

import ast
import re
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

from simulators.sensor import EFFECTS

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("catalogs", "simulators", "astrogan")
SOURCE = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))
OTHER = sorted(path for folder in ("tests", "benchmarks") for path in (ROOT / folder).rglob("*.py"))
MAX_FILE, MAX_FUNCTION = 300, 40
NUMPY_TYPES = {"Generator", "Philox", "SeedSequence"}
NO_GLOBAL_STATE = NUMPY_TYPES | {"default_rng"}
UNSAFE_MODULES = {"pickle", "cPickle", "dill", "cloudpickle", "joblib", "shelve", "marshal"}


def dotted(node):
    """``a.b.c`` of a chain of attributes, with numpy's nickname spelt out."""
    if isinstance(node, ast.Attribute):
        return f"{dotted(node.value)}.{node.attr}"
    return {"np": "numpy"}.get(node.id, node.id) if isinstance(node, ast.Name) else "?"


def functions(tree):
    """(name, lines without docstring and decorators) of every function."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            lines = node.end_lineno - node.lineno + 1
            if ast.get_docstring(node) is not None:
                lines -= node.body[0].end_lineno - node.body[0].lineno + 1
            yield node.name, lines


def bare_lines(node):
    """Lines of a class or function, those of the docstrings in it left out."""
    docs = [n.body[0] for n in ast.walk(node) if isinstance(n, ast.ClassDef | ast.FunctionDef) and ast.get_docstring(n)]
    return node.end_lineno - node.lineno + 1 - sum(doc.end_lineno - doc.lineno + 1 for doc in docs)


def effects(tree):
    """(name, lines) of every effect of a sensor, with the functions of its module that it calls."""
    helpers = {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}
    for node in tree.body:
        if isinstance(node, ast.ClassDef) and "Effect" in map(dotted, node.bases):
            whole = {node.name: node}
            for part in (names := [node.name]):
                found = {n.id for n in ast.walk(whole[part]) if isinstance(n, ast.Name)} & set(helpers) - set(whole)
                whole |= {name: helpers[name] for name in found}
                names.extend(found)
            yield node.name, sum(map(bare_lines, whole.values()))


def global_randomness(tree, allowed):
    """Uses of ``numpy.random`` other than the names in `allowed`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and dotted(node.value) == "numpy.random" and node.attr not in allowed:
            yield f"numpy.random.{node.attr}"
        if isinstance(node, ast.ImportFrom) and node.module in ("numpy.random", "random"):
            yield from (f"{node.module}.{alias.name}" for alias in node.names if alias.name not in allowed)
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in ("random", "numpy.random"))


def unsafe(tree):
    """Imports and calls that can run code found in data."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name.split(".")[0] in UNSAFE_MODULES)
        elif isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] in UNSAFE_MODULES:
            yield from (alias.name for alias in node.names if not alias.name.endswith("Error"))
        elif isinstance(node, ast.Call):
            yield from unsafe_call(dotted(node.func), {key.arg: key.value for key in node.keywords})


def unsafe_call(name, keywords):
    """The name, if a call of it with these keywords is refused."""

    def is_true(key):
        return isinstance(keywords.get(key), ast.Constant) and keywords[key].value is True

    if name in (
        "eval",
        "exec",
        "compile",
        "__import__",
        "os.system",
        "yaml.load",
        "yaml.unsafe_load",
        "yaml.full_load",
    ):
        yield name
    if name == "torch.load" and not is_true("weights_only"):
        yield "torch.load without weights_only=True"
    if is_true("allow_pickle") or is_true("shell"):
        yield f"{name} with allow_pickle or shell"


def class_bases(trees):
    """Class name -> names of its bases, for all classes of the project."""
    nodes = [node for tree in trees for node in ast.walk(tree) if isinstance(node, ast.ClassDef)]
    return {node.name: [dotted(getattr(base, "value", base)) if isinstance(base, ast.Subscript) else dotted(base)
                        for base in node.bases] for node in nodes}  # fmt: skip


def inheritance_faults(bases):
    """Classes with two bases of the project, a base that has one itself, or a base that is not abstract."""
    own = {name: [base.split(".")[-1] for base in parents if base.split(".")[-1] in bases]
           for name, parents in bases.items()}  # fmt: skip
    for name, parents in own.items():
        if len(parents) > 1:
            yield f"{name} has two parents"
        for parent in parents:
            if own[parent]:
                yield f"{name} is a grandchild of {own[parent][0]}"
            if not {"ABC", "abc.ABC", "Protocol", "ValueError", "Exception", "RuntimeError"} & set(bases[parent]):
                yield f"{name} inherits from {parent}, which is not abstract"


TREES = {path.relative_to(ROOT): ast.parse(path.read_text(encoding="utf-8")) for path in SOURCE}
NAMES = [str(path) for path in TREES]


def test_there_is_source_to_judge():
    assert {path.parts[0] for path in TREES} == set(PACKAGES)


@pytest.mark.parametrize("path", [str(path.relative_to(ROOT)) for path in SOURCE + OTHER])
def test_sizes(path):
    text = (ROOT / path).read_text(encoding="utf-8")
    assert len(text.splitlines()) <= MAX_FILE
    too_long = {name: lines for name, lines in functions(ast.parse(text)) if lines > MAX_FUNCTION}
    assert not too_long


def test_an_effect_of_a_sensor_is_short_over_its_kernel():
    found = dict(pair for path, tree in TREES.items() if path.parts[1] == "sensor" for pair in effects(tree))
    assert set(found) == {kind.__name__ for kind in EFFECTS}
    assert not {name: lines for name, lines in found.items() if lines > MAX_FUNCTION}


@pytest.mark.parametrize("path", NAMES)
def test_nothing_unsafe_and_no_global_randomness(path):
    tree = TREES[Path(path)]
    assert not list(unsafe(tree))
    allowed = NO_GLOBAL_STATE if path.startswith("astrogan") else NUMPY_TYPES
    assert not list(global_randomness(tree, allowed))


def test_one_inheritance_level_and_bases_are_abstract():
    assert not list(inheritance_faults(class_bases(TREES.values())))


@pytest.mark.parametrize(("package", "budget"), [("catalogs", 8), ("simulators", 30), ("astrogan", 20)])
def test_public_names(package, budget):
    module = __import__(package)
    assert 0 < len(module.__all__) <= budget
    assert len(set(module.__all__)) == len(module.__all__)
    for name in module.__all__:
        assert getattr(module, name) is not None


@pytest.mark.parametrize("path", [path for path in NAMES if not path.endswith(("__init__.py", "__main__.py"))])
def test_every_module_says_what_is_public(path):
    tree = TREES[Path(path)]
    assert ast.get_docstring(tree), "no module docstring"
    targets = [node.targets[0] for node in tree.body if isinstance(node, ast.Assign)]
    private = "_kernels" in path  # used within simulators only
    assert private or "__all__" in [target.id for target in targets if isinstance(target, ast.Name)]


def distribution(requirement):
    """Name of the distribution that a requirement asks for."""
    return re.match(r"[A-Za-z0-9._-]+", requirement).group().lower().replace("_", "-")


def test_every_import_is_a_declared_dependency():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = [line for name, lines in project["optional-dependencies"].items() if name != "dev" for line in lines]
    declared = {distribution(line) for line in project["dependencies"] + extras}
    homes = packages_distributions()
    for path, tree in TREES.items():
        for node in ast.walk(tree):
            modules = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            modules += [node.module] if isinstance(node, ast.ImportFrom) else []
            for top in {module.split(".")[0] for module in modules} - set(sys.stdlib_module_names) - set(PACKAGES):
                assert declared & {distribution(home) for home in homes.get(top, [top])}, f"{path} imports {top}"


@pytest.mark.parametrize(
    ("code", "finds"),
    [
        ("import pickle", unsafe),
        ("from dill import loads", unsafe),
        ("eval('1')", unsafe),
        ("yaml.load(f)", unsafe),
        ("torch.load(p)", unsafe),
        ("torch.load(p, weights_only=False)", unsafe),
        ("np.load(p, allow_pickle=True)", unsafe),
        ("subprocess.run(c, shell=True)", unsafe),
        ("np.random.normal()", lambda tree: global_randomness(tree, NO_GLOBAL_STATE)),
        ("np.random.default_rng()", lambda tree: global_randomness(tree, NUMPY_TYPES)),
        ("from numpy.random import default_rng", lambda tree: global_randomness(tree, NUMPY_TYPES)),
        ("import random", lambda tree: global_randomness(tree, NO_GLOBAL_STATE)),
        ("class A(ABC): ...\nclass B(A): ...\nclass C(B): ...", lambda tree: inheritance_faults(class_bases([tree]))),
        ("class A: ...\nclass B(A): ...", lambda tree: inheritance_faults(class_bases([tree]))),
        (
            "class A(ABC): ...\nclass D(ABC): ...\nclass B(A, D): ...",
            lambda tree: inheritance_faults(class_bases([tree])),
        ),
    ],
)
def test_the_rules_find_what_they_forbid(code, finds):
    assert list(finds(ast.parse(code)))


@pytest.mark.parametrize(
    "code",
    [
        "model.eval()",
        "torch.load(p, weights_only=True)",
        "def f(g: np.random.Generator): ...",
        "from pickle import UnpicklingError",
        "class A(ABC): ...\nclass B(A): ...",
        "class A(nn.Module): ...",
    ],
)
def test_the_rules_let_good_code_pass(code):
    tree = ast.parse(code)
    assert not [*unsafe(tree), *global_randomness(tree, NUMPY_TYPES), *inheritance_faults(class_bases([tree]))]


def test_length_leaves_the_docstring_out():
    body = "\n".join(f"    x = {i}" for i in range(39))
    assert dict(functions(ast.parse(f'def f():\n    """a\n\n    b\n    """\n{body}\n'))) == {"f": 40}


def test_an_effect_counts_with_what_it_calls():
    code = 'class A(Effect):\n    """a\n\n    b\n    """\n\n    def f(self):\n        """c"""\n        g()\n'
    helpers = 'def g():\n    h()\n    h()\n\n\ndef h():\n    """d"""\n    return 1\n\n\ndef i():\n    return 2\n'
    assert dict(effects(ast.parse(f"{code}\n\n{helpers}"))) == {"A": 9}
