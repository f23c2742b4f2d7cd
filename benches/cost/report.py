"""The table of results, and the same as JSON."""

import json
import operator
from dataclasses import asdict, dataclass
from typing import Optional

COMPARE = {"<=": operator.le, ">=": operator.ge}


@dataclass
class Bound:
    """What a row has to keep: `of` is difference or ratio."""

    of: str
    compare: str
    value: float
    aim: Optional[float] = None

    def __str__(self):
        number = f"{self.value:+,.0f}" if self.of == "difference" else f"{self.value:.2f}"
        return f"{self.compare} {number}"


@dataclass
class Row:
    name: str
    stock: float
    module: float
    bound: Optional[Bound] = None
    # Of the ratio where it is the median of several: within this the true median lies, with 95%
    # certainty.
    ratio: Optional[float] = None
    spread: Optional[tuple] = None
    note: str = ""

    def __post_init__(self):
        if self.ratio is None and self.stock > 0:
            self.ratio = self.module / self.stock

    @property
    def difference(self):
        return self.module - self.stock

    def verdict(self):
        if not self.bound:
            return ""
        keeps = COMPARE[self.bound.compare]
        value = self.difference if self.bound.of == "difference" else self.ratio
        if self.spread and len({keeps(v, self.bound.value) for v in self.spread}) == 2:
            doubt = ", within the noise"
        else:
            doubt = ""
        if not keeps(value, self.bound.value):
            return "MISSED" + doubt
        if self.bound.aim is None:
            return "holds" + doubt
        return "holds" + ("" if keeps(value, self.bound.aim) else f", aim {self.bound.aim:+,.0f}")


class Report:
    def __init__(self, versions):
        self.versions = versions
        self.groups = []
        for name, version in versions.items():
            print(f"{name:8} {version}")

    def group(self, title, *notes, sides=("stock", "mod_realdoc")):
        """What the following rows are about."""
        self.groups.append({"title": title, "notes": notes, "sides": sides, "rows": []})
        print(f"\n{title}")
        for note in notes:
            print(f"  {note}")
        self.line("", *sides, "difference", "ratio", "bound", "")

    def add(self, row):
        self.groups[-1]["rows"].append(row)
        sizes = abs(row.stock), abs(row.module)
        digits = 0 if max(sizes) >= 1000 else 2 if min(sizes) < 1 else 1
        if float(row.stock).is_integer() and float(row.module).is_integer():
            digits = 0
        ratio = "" if row.ratio is None else f"{row.ratio:.4f}"
        if row.spread:
            ratio += " ({:.3f}-{:.3f})".format(*row.spread)
        end = "; ".join(filter(None, (row.verdict(), row.note)))
        self.line(
            row.name,
            f"{row.stock:,.{digits}f}",
            f"{row.module:,.{digits}f}",
            f"{row.difference:+,.{digits}f}",
            ratio,
            row.bound or "",
            end,
        )

    @staticmethod
    def line(name, stock, module, difference, ratio, bound, end):
        line = f"  {name:45} {stock:>13} {module:>13} {difference:>10}  {ratio:21} {bound!s:>9}  {end}"
        print(line.rstrip(), flush=True)

    def missed(self):
        rows = (row for group in self.groups for row in group["rows"])
        return [row.name for row in rows if row.verdict().startswith("MISSED")]

    def save(self, path):
        def plain(row):
            derived = {"difference": row.difference, "verdict": row.verdict()}
            return {**asdict(row), **derived}

        groups = [{**group, "rows": list(map(plain, group["rows"]))} for group in self.groups]
        path.write_text(json.dumps({"versions": self.versions, "groups": groups}, indent=2) + "\n")
