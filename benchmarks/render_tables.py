"""Write the tables in results/ and in the README anew from what has been measured, after a change of their form."""

import json
import re
import runpy
from pathlib import Path

import _results

HERE = Path(__file__).parent


def render(path):
    """The table for a file of measurements, as its program makes it."""
    program = runpy.run_path(str(HERE / f"bench_{path.stem}.py"))
    return program.get("render", _results.render_sides)(json.loads(path.read_text()))


def put_in(page, name, table):
    """A page with a table in the place that is marked for it, if there is one."""
    place = rf"(<!-- results/{name}.md -->\n).*?(<!-- end -->)"
    return re.sub(place, lambda marks: marks[1] + table + marks[2], page, flags=re.DOTALL)


def main():
    readme = HERE.parent / "README.md"
    page = readme.read_text()
    for path in sorted((HERE / "results").rglob("*.json")):
        table = render(path)
        path.with_suffix(".md").write_text(table)
        if path.parent.name == "results":  # and not of another machine
            page = put_in(page, path.stem, table)
    readme.write_text(page)


if __name__ == "__main__":
    main()
