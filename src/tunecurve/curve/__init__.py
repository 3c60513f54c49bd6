"""Learning curves: intervals, forecast, plateau, verdict."""
