# SPDX-License-Identifier: GPL-3.0-or-later
"""`python3 publisher.py SERVER [--always]`: sends raw 480x270 frames at 20 fps, as Blender's publisher does.

It pauses without viewers, as Blender does, unless `--always` is given. It runs until it is killed.
"""

import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "blender"))

from rendercast.address import parse_address
from rendercast.frames import raw_frame
from rendercast.pacing import Ticks, ViewerPause
from rendercast.publisher import Publisher
from rendercast.status import StatusReader

WIDTH, HEIGHT = 480, 270

server = parse_address(sys.argv[1])
publisher = Publisher(server, "main")
reader = StatusReader(server, "main")
publisher.start()
reader.start()
pixels = bytes(range(256)) * (WIDTH * HEIGHT * 4 // 256)
ticks = Ticks(20, time.perf_counter)
pause = ViewerPause("--always" in sys.argv, time.monotonic)
while (status := publisher.status).state != "refused":
    time.sleep(ticks.due_in())
    ticks.take()
    if status.state == "live" and not pause.paused(reader.viewers, status.connections):
        publisher.send(raw_frame(pixels, WIDTH, HEIGHT, rows="bottom-up"))
        pause.shown(status.connections)
sys.exit(publisher.status.problem)
