"""gage runs a command so that the run can be trusted, found, scripted and restarted."""

__version__ = "0.1.0"
