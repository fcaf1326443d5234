"""Fuzzing of everything a client can send: guided by coverage, and drawn as whole conversations."""
