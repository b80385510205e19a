"""Doorstep: the open last-mile orchestration platform."""
