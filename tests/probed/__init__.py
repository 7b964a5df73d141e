"""Models the probe is tried on: healthy ones, broken ones, and ones it was never tuned on.

Data only: each file lists `Case`s, and the tests decide what must hold for them.
"""
