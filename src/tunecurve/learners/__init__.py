"""What predicts and may be tuned."""

from tunecurve.learners.waiting import wait_asleep

wait_asleep()  # before any module in here imports torch
