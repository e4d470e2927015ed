"""Requests over HTTP: described, sent, judged, decoded."""
