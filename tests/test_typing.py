"""Type hints: every public name has them, and the package says so. Whether they are true is for mypy to tell."""

import inspect
import pkgutil
from importlib import import_module, resources

import pytest

import skdigits


def public_modules():
    names = [module.name for module in pkgutil.iter_modules(skdigits.__path__) if not module.name.startswith("_")]
    return [skdigits, *(import_module(f"skdigits.{name}") for name in names)]


def public_functions():
    """Functions, and methods of classes as far as they are written in this package, by name."""
    for module in public_modules():
        for name in getattr(module, "__all__", []):
            thing = getattr(module, name)
            if inspect.isclass(thing):
                for method in [*(n for n in dir(thing) if not n.startswith("_")), "__init__"]:
                    function = inspect.unwrap(getattr(thing, method))
                    if inspect.isroutine(function) and getattr(function, "__module__", "").startswith("skdigits"):
                        yield f"{name}.{method}", function
            elif inspect.isroutine(thing):
                yield name, inspect.unwrap(thing)


FUNCTIONS = dict(public_functions())


@pytest.mark.parametrize("name", ["MLPDigitClassifier.fit", "DigitCenterer.transform", "fetch_mnist"])
def test_search_finds_public_functions(name):
    assert name in FUNCTIONS


@pytest.mark.parametrize("name", FUNCTIONS)
def test_public_function_has_type_hints(name):
    signature = inspect.signature(FUNCTIONS[name])
    missing = [
        parameter.name
        for parameter in signature.parameters.values()
        if parameter.annotation is parameter.empty and parameter.name not in ("self", "cls")
    ]
    assert missing == []
    assert signature.return_annotation is not signature.empty


def test_package_says_that_it_has_type_hints():
    assert resources.files("skdigits").joinpath("py.typed").is_file()
