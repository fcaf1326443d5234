"""The servers that the hub is compared with, each as its own documentation writes it.

Every one of them takes `GET /burst/N`, and then sends N events to all its clients.
"""
