"""A real browser, driven over its debugging port: opens pages of a live server, runs scripts in them, takes pictures."""

import base64
import contextlib
import itertools
import json
import shutil
import subprocess
import time

from websockets.sync.client import connect

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


class Browser:
    """A tab; a context manager that leaves no process behind."""

    def __init__(self, folder, width=1100, height=1400):
        self._profile, self._size = folder / "profile", f"--window-size={width},{height}"
        self._numbers, self._open = itertools.count(1), contextlib.ExitStack()

    def __enter__(self):
        self._process = subprocess.Popen(
            [CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking",
             "--disable-sync", "--disable-component-update", "--hide-scrollbars",
             "--remote-debugging-port=0", f"--user-data-dir={self._profile}", self._size],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        place = self._profile / "DevToolsActivePort"
        self._wait(lambda: place.exists() and place.read_text().count("\n") == 1, "the browser does not start")
        port, path = place.read_text().split("\n")
        self._socket = self._open.enter_context(connect(f"ws://127.0.0.1:{port}{path}", max_size=None, proxy=None))
        target = self._send("Target.createTarget", {"url": "about:blank"})["targetId"]
        self._session = self._send("Target.attachToTarget", {"targetId": target, "flatten": True})["sessionId"]
        return self

    def __exit__(self, *error):
        self._open.close()
        self._process.kill()
        self._process.wait()

    def _send(self, method, values, session=None):
        number = next(self._numbers)
        self._socket.send(
            json.dumps(
                {"id": number, "method": method, "params": values, **({"sessionId": session} if session else {})}
            )
        )
        while True:
            told = json.loads(self._socket.recv(timeout=120))
            if told.get("id") == number:
                assert "error" not in told, told
                return told["result"]

    @staticmethod
    def _wait(is_so, why, seconds=300):
        end = time.monotonic() + seconds
        while not is_so():
            assert time.monotonic() < end, why
            time.sleep(0.1)

    def open(self, address):
        """Open an address."""
        self._send("Page.navigate", {"url": address}, self._session)

    def get(self, expression):
        """Return the value of an expression in the page; None while there is no page."""
        found = self._send(
            "Runtime.evaluate", {"expression": expression, "awaitPromise": True, "returnByValue": True}, self._session
        )
        return found["result"].get("value")

    def wait_for(self, expression, seconds=300):
        """Wait until an expression is true; return its value."""
        self._wait(lambda: self.get(expression), f"never: {expression}\n{self.get('document.body.innerText')}", seconds)
        return self.get(expression)

    def look(self, width, height=1000, is_dark=False):
        """Make the window so wide, and light or dark."""
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        self._send("Emulation.setDeviceMetricsOverride", size, self._session)
        colours = [{"name": "prefers-color-scheme", "value": "dark" if is_dark else "light"}]
        self._send("Emulation.setEmulatedMedia", {"features": colours}, self._session)

    def picture(self, path):
        """Write what is seen to a file."""
        path.write_bytes(
            base64.b64decode(self._send("Page.captureScreenshot", {"format": "png"}, self._session)["data"])
        )
