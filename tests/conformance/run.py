"""`make conformance`: schemathesis runs the three closed documents against a running sandbox.

    python -m tests.conformance.run PATH_OF_SCHEMATHESIS

Exit code 0 means: every document was run, enough cases were sent, every operation was answered with success in every
format, and no check failed; and, as a proof of the proof, runs in which one key of an answer was dropped, renamed or quoted
did fail, by the check of the answer's schema.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from alor_async.sandbox import Sandbox
from codegen.contract import load_document
from codegen.export import closed_document
from codegen.ir import FORMATS, Format
from tests.conformance.desk import Visitor, set_up
from tests.conformance.documents import Json, api_document, oauth_document, operations
from tests.conformance.mutations import MUTATIONS
from tests.conformance.report import Report
from tests.support.program import Place, alor_sandbox, place_of

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
SEED = 7
LEAST_CASES = 2_000
EXAMPLES = 20
"""Random cases of an operation, on top of those that its schemas lead to."""

SPOILED = "account.list_orders"
"""The operation whose answers are spoiled in the second part."""


class Conformance:
    """Runs of one schemathesis against one sandbox."""

    def __init__(self, schemathesis: Path, place: Place, scratch: Path) -> None:
        self._schemathesis = schemathesis
        self._scratch = scratch
        self._visitor = Visitor(place.api, place.oauth, place.refresh_token)
        self.place = place
        self.desk = set_up(self._visitor, place.login, place.portfolios)

    def run(self, document: Json, format: Format, url: str, *options: str, quiet: bool = False) -> tuple[int, Report]:
        """Run one document: the exit code of schemathesis, and what it did."""
        path, report = self._scratch / "document.json", self._scratch / "report.ndjson"
        path.write_text(json.dumps(document))
        report.unlink(missing_ok=True)
        command = [self._schemathesis, "run", path, "--url", url, "--report", "ndjson", "--report-ndjson-path", report]
        ended = subprocess.run(
            [*map(str, command), "--no-color", "--warnings", "off", *options],
            cwd=HERE,
            env=os.environ
            | {"ALOR_ACCESS_TOKEN": self._visitor.access_token, "ALOR_FORMAT": format.value.capitalize()},
            capture_output=True,
            text=True,
            check=False,
        )
        if not report.exists() or (ended.returncode and not quiet):
            print(ended.stdout, ended.stderr, sep="\n", file=sys.stderr)
        return ended.returncode, Report.read(report)


def main() -> int:
    """Run everything; the exit code is 0 only if all is well."""
    parser = argparse.ArgumentParser(prog="conformance", description=__doc__)
    parser.add_argument("schemathesis", type=Path, help="the program")
    schemathesis = parser.parse_args().schemathesis.absolute()
    contract = load_document(ROOT)
    with tempfile.TemporaryDirectory() as folder:
        scratch = Path(folder)
        total, problems = Report(), list[str]()
        for format in FORMATS:
            with alor_sandbox(seed=SEED) as place:
                problems += _one_format(Conformance(schemathesis, place, scratch), contract, format, total)
        print(f"{'in all':14} {total.cases:6} cases {total.checks:7} checks: {', '.join(sorted(total.kinds))}")
        if total.cases < LEAST_CASES:
            problems.append(f"{total.cases} cases are fewer than {LEAST_CASES}")
        with Sandbox(seed=SEED) as sandbox:
            problems += _proof_of_the_proof(Conformance(schemathesis, place_of(sandbox), scratch), contract, sandbox)
            sandbox.check()
    for problem in problems:
        print(f"FAILED: {problem}", file=sys.stderr)
    return 1 if problems else 0


def _one_format(conformance: Conformance, contract: Json, format: Format, total: Report) -> list[str]:
    """Run the closed document of one format, on both servers."""
    closed, desk, place = closed_document(contract, format), conformance.desk, conformance.place
    problems = list[str]()
    for server, document, url in (
        ("oauth", oauth_document(closed, desk), place.oauth),  # first: a code lives for a minute
        ("api", api_document(closed, desk), place.api),
    ):
        name = f"{format.value}, {server}"
        code, report = conformance.run(document, format, url, "--max-examples", str(EXAMPLES))
        print(
            f"{name:14} {report.cases:6} cases {report.checks:7} checks {report.failed.total():3} failures", flush=True
        )
        problems += [f"{name}: schemathesis ended with {code}"] if code or report.failed else []
        problems += [f"{name}: {one} was never answered with success" for one in _unanswered(document, report)]
        total += report
    return problems


def _unanswered(document: Json, report: Report) -> list[str]:
    named = [f"{method.upper()} {path}" for path, method, _ in operations(document)]
    return [name for name in named if not report.accepted[name]]


def _proof_of_the_proof(conformance: Conformance, contract: Json, sandbox: Sandbox) -> list[str]:
    """Spoil one key of an answer: the run must fail, and by that."""
    problems = list[str]()
    options = ("--include-operation-id", SPOILED, "--max-examples", "5", "--mode", "positive")
    for format in FORMATS:
        document = api_document(closed_document(contract, format), conformance.desk)
        for name, spoil in MUTATIONS.items():
            with sandbox.faults.http.body(spoil, operation=SPOILED, times=None):
                code, report = conformance.run(document, format, conformance.place.api, *options, quiet=True)
            is_noticed = code == 1 and set(report.failed) == {"response_schema_conformance"}
            print(f"{format.value:8} {name:8} key of {SPOILED}: {'noticed' if is_noticed else 'NOT NOTICED'}")
            problems += [] if is_noticed else [f"{format.value}: a {name} key goes unnoticed"]
    return problems


if __name__ == "__main__":
    sys.exit(main())
