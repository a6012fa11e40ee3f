"""The monitor: the preview picture and the status over HTTP."""
