# SPDX-License-Identifier: GPL-3.0-or-later
"""Packs the add-on: `python3 blender/build_zip.py [FILE.zip]`. Default: dist/rendercast-blender.zip.

The build is reproducible. Nothing is compressed, because compression libraries differ in their output.
"""

from __future__ import annotations

import sys
from pathlib import Path
from zipfile import ZipFile, ZipInfo

HERE = Path(__file__).resolve().parent
PACKAGE = HERE / "rendercast"
# The earliest date that a zip can hold.
TIMESTAMP = (1980, 1, 1, 0, 0, 0)


def build(target: Path) -> None:
    """Packs the package and its licence."""
    files = {f"rendercast/{path.relative_to(PACKAGE).as_posix()}": path for path in PACKAGE.rglob("*")}
    files["rendercast/LICENSE"] = HERE / "LICENSE"
    target.parent.mkdir(parents=True, exist_ok=True)
    with ZipFile(target, "w") as archive:
        for name, path in sorted(files.items()):
            if path.suffix not in (".py", ".toml", "") or not path.is_file():
                continue
            entry = ZipInfo(name, TIMESTAMP)
            entry.create_system = 3
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, path.read_bytes())


if __name__ == "__main__":
    file = Path(sys.argv[1]) if len(sys.argv) > 1 else HERE.parent / "dist" / "rendercast-blender.zip"
    build(file)
    print(f"rendercast: wrote {file}")
