"""The version, apart from everything that it takes to import the package."""

__version__ = "0.1.0"
