"""The course of `fab rent.run`, from `up` to the report; nothing stays that it does not say."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from freehold.errors import FreeholdError
from freehold.rent.audit import LEFT, clear, exit_code, lines
from freehold.rent.aws import Aws, AwsError
from freehold.rent.book import LeaseBook, Record
from freehold.rent.live import live
from freehold.rent.record import SLACK
from freehold.rent.regions import regions
from freehold.rent.report import RunReport
from freehold.rent.settle import regions_of
from freehold.rent.survey import survey
from freehold.rent.task import Task
from freehold.spec.model import Spec
from freehold.spec.server import Server
from freehold.weights.chosen import Chosen
from freehold.weights.open import stack_store
from playbooks.interrupts import Interrupts
from playbooks.nodes import stack_name, targets
from playbooks.pulumi_engine import run_engine
from playbooks.rent_task import (
    OtherTaskError,
    Outcome,
    Place,
    remove_task,
    run_here,
    run_there,
)
from playbooks.stack_id import stack_id

FAILED = 1


class Course:
    """One run of a task on what the stack rents."""

    def __init__(self, spec: Spec, task: Task, out: Path, is_kept: bool, is_local: bool) -> None:
        if spec.rented is None:
            raise ValueError("expected a stack that rents")
        self._spec, self._task, self._out = spec, task, out
        self._is_kept, self._is_local = is_kept, is_local
        self._book = LeaseBook(stack_store(spec).objects)
        self._chosen = Chosen.of(spec)
        self._deadline = datetime.now(UTC) + timedelta(hours=spec.rented.hours)
        self._record: Record | None = None
        self._ended: str | None = None  # an instance, as AWS says

    def last_words(self) -> str:
        """Of a run that leaves before its teardown is done."""
        at = f"{self._deadline.astimezone():%H:%M on %d %B}"
        return (
            "left before it was torn down: what is rented goes on billing until its switches end "
            f"it, at {at} at the latest\nHint: pulumi destroy ends it now"
        )

    def go(self, interrupts: Interrupts) -> int:
        """The exit code: the task's, else 1, or 128 and the number of the signal that ended it."""
        outcome, problem = None, None
        is_up = run_engine("up", stack_name(), interrupts) == 0
        try:
            self._look_into_ledger()
            if is_up and not interrupts.is_asked:
                outcome = self._carried_out(interrupts)
        except OtherTaskError:
            raise  # nor is the instance ours to end
        except FreeholdError as error:
            problem = error
        if outcome is not None and outcome.problem is not None:
            problem = outcome.problem
        if problem is not None and not interrupts.is_asked:
            print(problem, flush=True)
        if self._ended is not None:
            print(f"AWS says that {self._ended} has ended", flush=True)
        if not is_up:
            print("pulumi up failed: no task was run", flush=True)
        is_done = self._torn_down(outcome)
        self._report(outcome)
        if interrupts.is_asked:
            return interrupts.exit_code
        code = outcome.exit_code if outcome is not None and problem is None else None
        return FAILED if code is None else code or (0 if is_done else FAILED)

    def _carried_out(self, interrupts: Interrupts) -> Outcome:
        place = Place(lambda: targets()[0].host, self._is_over, self._server(), self._spec.model)
        if self._is_local:
            return run_here(self._task.line, place, self._out, interrupts)
        outcome = run_there(self._task, place, self._out, interrupts)
        if self._is_kept and not outcome.are_results_there:
            remove_task(place)
        return outcome

    def _server(self) -> Server:
        return self._spec.nodes[0].server

    def _look_into_ledger(self) -> None:
        records = self._book.open_records(stack_id())
        if records:
            self._record, self._deadline = records[-1], records[-1].deadline

    def _is_over(self) -> bool:
        """Whether the node will not come back: its switches have ended it, or AWS says it is none
        any more."""
        if datetime.now(UTC) >= self._deadline + SLACK:
            return True
        for rental in self._record.live if self._record else ():
            try:
                if live(Aws(), rental.region, rental.instance_id) is None:
                    self._ended = rental.instance_id
            except AwsError:
                continue
        return self._ended is not None

    def _torn_down(self, outcome: Outcome | None) -> bool:
        """Whether nothing is left, of what was looked at; what stays on purpose is said."""
        until = f"{self._deadline.astimezone():%H:%M on %d %B}"
        if self._is_kept:
            if self._record is not None:
                print(f"kept until {until}, when its switches end it; pulumi destroy ends it now")
            return True
        if outcome is not None and outcome.are_results_there:
            print(
                f"its results are on the node and not here: it stays until {until}\n"
                "Hint: the same command again brings them home; pulumi destroy ends it all"
            )
            return False
        try:
            is_done = self._destroyed()
        except FreeholdError as error:
            print(error, flush=True)
            is_done = False
        return self._audited() and is_done

    def _destroyed(self) -> bool:
        """A node that does not answer stops a destroy, and bills on: AWS ends it all the same."""
        if run_engine("destroy", stack_name()) == 0:
            return True
        if self._record is None:
            self._look_into_ledger()
        if self._record is None:
            return False
        print("pulumi destroy failed: what bills is ended first, then it is asked again")
        token, where = self._record.lease.token, regions_of(self._record)
        cleared = clear(Aws(), token, where, lambda step: print(step, flush=True))
        return not cleared.swept.left and run_engine("destroy", stack_name()) == 0

    def _audited(self) -> bool:
        if self._record is None:
            return True
        aws = Aws()
        try:
            found = survey(aws, regions(aws), self._record.lease.token)
        except AwsError as error:
            print(f"nobody looked at what is left: {error}")
            return False
        print("\n".join(lines(found, datetime.now(UTC))))
        return exit_code(found) != LEFT

    def _report(self, outcome: Outcome | None) -> None:
        if outcome is None:
            return
        token = self._record.lease.token if self._record else None
        record = self._book.record(token) if token else None
        path = outcome.home / "report.json"
        RunReport(
            command=self._task.line,
            where="here" if self._is_local else "node",
            model=self._spec.model.alias,
            chosen=self._chosen,
            began=outcome.began,
            ended=datetime.now(UTC),
            exit_code=outcome.exit_code,
            results=outcome.results,
            record=record,
            is_torn_down=bool(record and record.is_closed),
        ).write(path)
        cost = f", {record.cost_usd(datetime.now(UTC)):.2f} USD" if record else ""
        print(f"report: {path}{cost}", flush=True)
