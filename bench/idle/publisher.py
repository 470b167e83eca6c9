# SPDX-License-Identifier: GPL-3.0-or-later
"""`python3 publisher.py SERVER`: pushes pixels of 480x270 as Blender does, twenty times a second, until it is killed."""

import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "blender"))

from rendercast.address import parse_address
from rendercast.pacing import Ticks
from rendercast.publisher import Publisher, raw_frame

WIDTH, HEIGHT = 480, 270

publisher = Publisher(parse_address(sys.argv[1]), "main")
publisher.start()
pixels = bytes(range(256)) * (WIDTH * HEIGHT * 4 // 256)
ticks = Ticks(20, time.perf_counter)
while publisher.status.state != "refused":
    time.sleep(ticks.due_in())
    ticks.take()
    publisher.send(raw_frame(pixels, WIDTH, HEIGHT, rows="bottom-up"))
sys.exit(publisher.status.problem)
