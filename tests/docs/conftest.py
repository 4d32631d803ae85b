"""A browser; and the demo page of the documentation, built for it."""

import importlib
import os
import shutil
import subprocess
from pathlib import Path

import pytest

DEMO = Path(__file__).parents[2] / "docs" / "demo"


def give_up(reason):
    """Skip what cannot be tested here; fail where SKDIGITS_REQUIRE_DEMO says that it must be."""
    (pytest.fail if os.environ.get("SKDIGITS_REQUIRE_DEMO") else pytest.skip)(reason)


@pytest.fixture(scope="session")
def module():
    """Import a module by its name."""

    def load(name):
        try:
            return importlib.import_module(name)
        except ModuleNotFoundError as error:
            give_up(f"{error.name} is not installed")

    return load


@pytest.fixture(scope="session")
def node():
    """Run a program in Node, from the folder of the demo; returns what it printed."""
    program = shutil.which("node")
    if program is None:
        give_up("Node is not installed")

    def run(*arguments, **options):
        done = subprocess.run([program, *arguments], cwd=DEMO, capture_output=True, text=True, timeout=120, **options)
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


@pytest.fixture(scope="session")
def demo_page(node, tmp_path_factory):
    """Path of the page, built."""
    if not (DEMO / "node_modules" / "onnxruntime-web").is_dir():
        give_up("the runtime of the demo is not installed: run npm ci in docs/demo")
    folder = tmp_path_factory.mktemp("demo")
    node("build.mjs", str(folder))
    return folder / "index.html"


@pytest.fixture(scope="session")
def open_chromium(module):
    """Start Chromium without a window, which reaches this machine only; closed with the last test."""
    webdriver = module("selenium.webdriver")
    binary, driver = shutil.which("chromium") or shutil.which("google-chrome"), shutil.which("chromedriver")
    if binary is None or driver is None:
        give_up("Chromium or its driver is not installed")
    started = []

    def start():
        options = webdriver.ChromeOptions()
        options.binary_location = binary
        for argument in (
            "headless=new", "no-sandbox", "disable-dev-shm-usage", "window-size=900,700",
            "host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
        ):  # fmt: skip
            options.add_argument(f"--{argument}")
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        started.append(webdriver.Chrome(options=options, service=webdriver.ChromeService(driver)))
        return started[-1]

    yield start
    for chromium in started:
        chromium.quit()


@pytest.fixture(scope="session")
def browser(open_chromium):
    """Chromium without any network at all."""
    chromium = open_chromium()
    chromium.set_script_timeout(60)
    chromium.execute_cdp_cmd("Network.enable", {})
    chromium.execute_cdp_cmd("Network.emulateNetworkConditions",
        {"offline": True, "latency": 0, "downloadThroughput": -1, "uploadThroughput": -1})  # fmt: skip
    return chromium
