"""What a run of schemathesis did, read from its NDJSON report."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self


@dataclass
class Report:
    """Counts of one run, or of several added up."""

    cases: int = 0
    checks: int = 0
    kinds: Counter[str] = field(default_factory=Counter[str])
    """How often each check was made."""
    failed: Counter[str] = field(default_factory=Counter[str])
    """How often each check failed."""
    accepted: Counter[str] = field(default_factory=Counter[str])
    """How many calls of an operation, named `METHOD /path`, were answered with success."""

    @classmethod
    def read(cls, path: Path) -> Report:
        """Read the events of one run."""
        report = cls()
        with path.open(encoding="utf-8") as lines:
            for line in lines:
                scenario = json.loads(line).get("ScenarioFinished")
                if scenario is not None:
                    report._add(scenario["recorder"])
        return report

    def __iadd__(self, other: Report) -> Self:
        self.cases += other.cases
        self.checks += other.checks
        self.kinds += other.kinds
        self.failed += other.failed
        self.accepted += other.accepted
        return self

    def _add(self, recorder: dict[str, dict[str, dict[str, object]]]) -> None:
        for case_id, interaction in recorder.get("interactions", {}).items():
            self.cases += 1
            response = interaction.get("response")
            case = recorder["cases"][case_id]["value"]
            if isinstance(response, dict) and isinstance(case, dict) and response["status_code"] < 400:
                self.accepted[f"{case['method']} {case['path']}"] += 1
        for checks in recorder.get("checks", {}).values():
            for check in checks:
                assert isinstance(check, dict)
                self.checks += 1
                self.kinds[check["name"]] += 1
                if check["status"] != "success":
                    self.failed[check["name"]] += 1
