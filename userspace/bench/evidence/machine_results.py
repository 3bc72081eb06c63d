# SPDX-License-Identifier: MIT
"""Results of one machine, to be asked for rows."""

import json


class Results:
    def __init__(self, root):
        self.environment = root.get("environment", {})
        self.rows = root["results"]
        self.not_measured = root.get("not_measured", [])
        self.stages = root.get("stages", [])
        self.profile = root.get("profile", [])
        self.skipped = root.get("skipped", [])

    @classmethod
    def read(cls, path):
        """None where there is no such machine."""
        return cls(json.loads(path.read_text())) if path.exists() else None

    def select(self, question, pinned=False, **wanted):
        """Rows of a question; a wanted member is looked for in the row, then in its parent."""
        return [row for row in self.rows
                if row["question"] == question and row["pinned"] == pinned
                and all(member(row, name) == value for name, value in wanted.items())]

    def one(self, question, **wanted):
        """The first of them, or None."""
        return next(iter(self.select(question, **wanted)), None)

    def p50(self, question, **wanted):
        row = self.one(question, **wanted)
        return row["p50"] if row else None

    def methods(self, question, **wanted):
        return list(dict.fromkeys(row["method"] for row in self.select(question, **wanted)))


def member(row, name):
    return row[name] if name in row else row["parent"].get(name)
