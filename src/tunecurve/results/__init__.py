"""From trial folders to results: points, forecasts, findings. Nothing runs here and nothing is drawn."""
