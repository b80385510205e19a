"""Feedback: a questionnaire that is data, and the answers to it."""
