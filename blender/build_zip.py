# SPDX-License-Identifier: GPL-3.0-or-later
"""Packs the add-on for Blender: `python3 blender/build_zip.py [FILE.zip]`, dist/rendercast-blender.zip unless told.

The same sources make the same bytes, and so nothing is compressed: the libraries that do it differ.
"""

from __future__ import annotations

import sys
from pathlib import Path
from zipfile import ZipFile, ZipInfo

HERE = Path(__file__).resolve().parent
PACKAGE = HERE / "rendercast"
# The oldest that a zip can tell.
TIME = (1980, 1, 1, 0, 0, 0)


def build(target: Path) -> None:
    """Packs the package's folder, and the licence with it."""
    files = {f"rendercast/{path.relative_to(PACKAGE).as_posix()}": path for path in PACKAGE.rglob("*")}
    files["rendercast/LICENSE"] = HERE / "LICENSE"
    target.parent.mkdir(parents=True, exist_ok=True)
    with ZipFile(target, "w") as archive:
        for name, path in sorted(files.items()):
            if path.suffix not in (".py", ".toml", "") or not path.is_file():
                continue
            entry = ZipInfo(name, TIME)
            entry.create_system = 3
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, path.read_bytes())


if __name__ == "__main__":
    file = Path(sys.argv[1]) if len(sys.argv) > 1 else HERE.parent / "dist" / "rendercast-blender.zip"
    build(file)
    print(f"rendercast: wrote {file}")
