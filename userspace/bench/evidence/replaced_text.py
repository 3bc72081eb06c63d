# SPDX-License-Identifier: MIT
"""Puts generated text in the place of the one that is there."""

import re


class NoPlace(Exception):
    pass


def replace(path, pattern, text):
    """The pattern has to match once, and what it matches is replaced."""
    before = path.read_text()
    found = re.findall(pattern, before, re.MULTILINE)
    if len(found) != 1:
        raise NoPlace(f"{path.name}: {len(found)} places, and not one, for '{text.splitlines()[0].strip()}'")
    path.write_text(re.sub(pattern, lambda _: text, before, flags=re.MULTILINE))
