import os
import signal
import subprocess
import sys

import pytest

CODE = """
from tunecurve.storage.kill_points import kill_point
for number in range(3):
    kill_point("after-claim")
    print(number, flush=True)
"""


@pytest.mark.parametrize(
    ("asked", "n_lines"),
    [(None, 3), ("", 3), ("after-claim", 0), ("after-claim@3", 2), ("after-claim@4", 3), ("after", 3)],
)
def test_a_process_ends_at_the_moment_that_is_named_and_at_no_other(asked, n_lines):
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    if asked is not None:
        environment["TUNECURVE_KILL_AT"] = asked
    done = subprocess.run([sys.executable, "-c", CODE], env=environment, capture_output=True, text=True, check=False)
    assert len(done.stdout.splitlines()) == n_lines, done.stderr
    assert done.returncode == (0 if n_lines == 3 else -signal.SIGKILL)
