"""A robot's loop: python3 examples/robot-loop/robot_loop.py [SERVER [STREAM]]. Replace `joints` and `camera` by your own."""
import math, pathlib, sys, time
sys.path.insert(0, str(pathlib.Path(__file__).parents[2] / "clients" / "python"))
import rendercast
WIDTH, HEIGHT = 320, 180
def joints(seconds):
    swing = math.sin(2 * seconds)
    return {"shoulder": round(70 * swing, 1), "gripper": "open" if swing > 0 else "closed"}
def camera(angle):
    pixels = bytearray(b"\x20\x24\x2c" * (WIDTH * HEIGHT))
    for step in range(120):
        x, y = WIDTH // 2 + round(step * math.sin(angle)), HEIGHT - 20 - round(step * math.cos(angle))
        pixels[3 * (y * WIDTH + x) : 3 * (y * WIDTH + x + 6)] = b"\xff\x8c\x28" * 6
    return memoryview(pixels).cast("B", (HEIGHT, WIDTH, 3))    # or a numpy array, a PIL image, JPEG or PNG bytes
with rendercast.Publisher(*sys.argv[1:]) as robot:
    while True:
        measured = joints(time.monotonic())
        robot.publish(camera(math.radians(measured["shoulder"])), measured)
        time.sleep(0.05)
