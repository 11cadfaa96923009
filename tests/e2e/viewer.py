"""A driver of the comparison, which reads the picture from the screen, pixel by pixel.

Its pictures are charts: red and green rise by STEP from column to column and from row to row, and start again at 256;
blue tells the state. So a picture that is drawn between the screen's pixels cannot be missed.
"""

import base64
import io

import numpy as np
from PIL import Image

from tests.support.files import png

STEP = 8
BLUE = 80  # from one state to the next
SIZE = (1200, 1600)
LABELS = ["Before", "After", "Clean"]
IS_STILL = """() => {
    const viewer = document.querySelector('din-compare').shadowRoot;
    return viewer.querySelector('output').textContent && !viewer.querySelector('.layer:not([data-picture])')
        && !viewer.getAnimations().length;
}"""


def chart(place):
    """One state as the page's server would tell it."""
    y, x = np.indices(SIZE)
    pixels = np.stack([x * STEP % 256, y * STEP % 256, np.full(SIZE, blue(place))], -1).astype(np.uint8)
    source = f"data:image/png;base64,{base64.b64encode(png(pixels)).decode()}"
    return {"label": LABELS[place], "src": source, "width": SIZE[1], "height": SIZE[0]}


def blue(place):
    """The blue of a state."""
    return (place + 1) * BLUE


def is_one_to_one(pixels):
    """From each of the screen's pixels to the next, the picture's column and row advance by one, exactly."""
    step = [np.diff(pixels[..., :2], axis=axis) for axis in (0, 1)]  # of uint8: modulo 256
    return (step[0] == (0, STEP)).all() and (step[1] == (STEP, 0)).all()


def off_by(value, place):
    """Return how far a red or green value is from that of a column or row."""
    return abs((int(value) // STEP - round(place) + 16) % 32 - 16)


class Viewer:
    """The comparison on a page, with points of its stage as shares of width and height."""

    def __init__(self, tab, states):
        self.tab = tab
        self.element = tab.locator("#comparison din-compare")
        self.stage = self.element.locator(".stage")
        self.divider = self.element.get_by_role("slider")
        self.show(states)
        self.stage.evaluate("stage => stage.scrollIntoView({ block: 'center', behavior: 'instant' })")

    def show(self, states):
        self.element.evaluate("(viewer, states) => Object.assign(viewer, { states, hidden: false })", states)
        self.tab.wait_for_function(IS_STILL)

    def tool(self, name):
        return self.element.get_by_role("button", name=name, exact=True)

    def zoom(self):
        return int(self.element.locator("output").inner_text().rstrip("%"))

    def at(self, x, y):
        """A point of the stage as one of the window."""
        box = self.stage.bounding_box()
        return box["x"] + x * box["width"], box["y"] + y * box["height"]

    def drag(self, start, end, steps=5):
        self.tab.mouse.move(*self.at(*start))
        self.tab.mouse.down()
        self.tab.mouse.move(*self.at(*end), steps=steps)
        self.tab.mouse.up()

    def screen(self):
        """The window as it is now, once nothing moves any more."""
        self.tab.wait_for_function(IS_STILL)
        return np.asarray(Image.open(io.BytesIO(self.tab.screenshot())).convert("RGB"))

    def seen(self, part=None):
        """The screen's pixels of a part, else the stage: uint8 (h, w, 3)."""
        box, ratio = (part or self.stage).bounding_box(), self.tab.evaluate("devicePixelRatio")
        left, top, width, height = (round(box[side] * ratio) for side in ("x", "y", "width", "height"))
        return self.screen()[top : top + height, left : left + width]

    def patch(self, x, y, size=60):
        """A square of the stage's pixels around a point."""
        seen = self.seen()
        top, left = int(y * len(seen)) - size // 2, int(x * seen.shape[1]) - size // 2
        return seen[top : top + size, left : left + size]

    def states(self, y=0.25):
        """The place of the state that is seen at each of the stage's pixels along a row, -1 where none is."""
        blue = self.seen()[..., 2]
        row = blue[int(y * len(blue))].astype(int)
        return np.where(row % BLUE == 0, row // BLUE - 1, -1)

    def is_parted_at(self, share):
        """Left of a share of the stage the first state is seen, right of it the second; a shadow lies between."""
        states = self.states()
        border, shadow = round(share * len(states)), 16 * round(self.tab.evaluate("devicePixelRatio"))
        left, right = states[4 : max(4, border - shadow)], states[border + shadow : -4]
        return (left == 0).all() and (right == 1).all()

    def covers_the_window(self):
        """Return whether it lies above all else."""
        return self.element.evaluate(
            """viewer => {
                const box = viewer.shadowRoot.querySelector('.viewer').getBoundingClientRect();
                const corners = [[2, 2], [innerWidth - 2, innerHeight - 2], [innerWidth - 2, 2]];
                return box.width === innerWidth && box.height === innerHeight
                    && corners.every(([x, y]) => document.elementFromPoint(x, y) === viewer);
            }"""
        )


class Fingers:
    """Touches of the glass, as shares of the stage."""

    def __init__(self, viewer):
        self.viewer = viewer
        self.chromium = viewer.tab.context.new_cdp_session(viewer.tab)

    def send(self, kind, *points):
        places = (self.viewer.at(*point) for point in points)
        touches = [{"x": x, "y": y, "id": number} for number, (x, y) in enumerate(places)]
        self.chromium.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": touches})

    def stroke(self, *lines, steps=6):
        """Fingers put down, moved along a line each, and lifted."""
        ways = [np.linspace(start, end, steps) for start, end in lines]
        for kind, *points in zip(["touchStart"] + ["touchMove"] * (steps - 1), *ways, strict=True):
            self.send(kind, *points)
        self.send("touchEnd")

    def tap(self, point):
        self.send("touchStart", point)
        self.send("touchEnd")
