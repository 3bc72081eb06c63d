# SPDX-License-Identifier: MIT
"""Results of one machine, to be asked for rows."""

import json

# What answers and figures take for granted of a row.
MEMBERS = {"question": str, "program": str, "method": str, "pinned": bool, "parent": dict, "n": int, "p50": int,
           "return_p50": int, "ratio": dict}


class NoResults(Exception):
    pass


def is_result(root):
    return isinstance(root, dict) and isinstance(root.get("results"), list) and all(
        isinstance(row, dict) and all(isinstance(row.get(name), kind) for name, kind in MEMBERS.items())
        for row in root["results"])


# A start that several questions ask of, each in its own turns: the question, and what else it may vary.
ORDINARY = {"fds": 10, "rss_mib": 0, "env": 20, "threads": 1, "extra_mappings": 0}
ASKED_AGAIN = ("start", "fds", "rss", "env", "mappings", "threads", "template")


class Results:
    def __init__(self, root):
        self.environment = root.get("environment", {})
        self.rows = root["results"]
        self.not_measured = root.get("not_measured", [])
        self.stages = root.get("stages", [])
        self.profile = root.get("profile", [])
        self.images = root.get("images", [])
        self.skipped = root.get("skipped", [])
        self.parts = root.get("parts", [])

    @classmethod
    def read(cls, path):
        """None where there is no such machine."""
        if not path.exists():
            return None
        try:
            root = json.loads(path.read_text())
        except ValueError as error:
            raise NoResults(f"{path}: {error}") from None
        if not is_result(root):
            raise NoResults(f"{path} is not a result of the benchmark")
        return cls(root)

    def of_parts(self, name):
        """Of the environments of the parts that it is made of, what each says of this."""
        found = {part["name"]: part["environment"].get(name, self.environment.get(name)) for part in self.parts}
        return {part: value for part, value in found.items() if value is not None}

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

    def ends(self, question, member_name, method, **wanted):
        """The rows with the smallest and the largest value of what a question varies, or None."""
        rows = sorted(self.select(question, method=method, variant=None, **wanted),
                      key=lambda row: row["parent"][member_name])
        return (rows[0], rows[-1]) if len(rows) > 1 else None

    def of_the_same(self, method):
        """The medians of the same start of the smallest program, as several questions have them."""
        return [row["p50"] for question in ASKED_AGAIN
                for row in self.select(question, program="nolibc", method=method, variant=None, **ORDINARY)]

    def spread(self, method):
        """The largest of these, to the smallest: differences between questions say nothing up to here."""
        medians = self.of_the_same(method)
        return max(medians) / min(medians) if medians else 1

    def methods(self, question, **wanted):
        return list(dict.fromkeys(row["method"] for row in self.select(question, **wanted)))


def member(row, name):
    return row[name] if name in row else row["parent"].get(name)
