"""The lease ledger: what is written is read back, by however many, killed wherever."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import pytest

from freehold.custody.ledger import who
from freehold.rent.book import LeaseBook
from freehold.rent.book_error import LeaseBookError, LeaseEndingError, LeaseOpenError, MovedOnError
from freehold.rent.lease import TOKEN, Lease
from freehold.rent.note import Act
from freehold.rent.reach import Reach
from freehold.weights.folder import FolderObjects
from freehold.weights.objects import StoreError, TakenError
from tests.rent.leases import NOON, STACK, Clock, Interrupted, KilledError, killed_at, lease, rental

REACH = Reach("i-0123456789abcdef0", "us-east-1", "192.0.2.7", "ubuntu", ("ssh-ed25519 AAAA",))
ANOTHER = "0123456789abcdef"


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def book(tmp_path: Path, clock: Clock) -> LeaseBook:
    return LeaseBook(FolderObjects(tmp_path), clock)


def reread(folder: Path) -> LeaseBook:
    """As another process has it."""
    return LeaseBook(FolderObjects(folder))


def test_an_empty_ledger_has_no_leases(book: LeaseBook) -> None:
    assert book.records() == book.open_records(STACK) == []
    assert book.spent_usd(STACK, NOON) == 0


def test_a_lease_is_read_back_as_it_was_intended(book: LeaseBook, tmp_path: Path) -> None:
    for wanted in (lease(), lease(stack="other/lab", budget_usd=None)):
        begun = book.begin(wanted)
        found = reread(tmp_path).record(wanted.token)
        assert found == begun
        assert found.lease == wanted
        assert (found.notes[0].time, found.notes[0].who) == (NOON, who())


def test_notes_are_read_back_in_their_order(book: LeaseBook, clock: Clock, tmp_path: Path) -> None:
    token = book.begin(lease()).lease.token
    clock.at += timedelta(seconds=90)
    book.note(token, Act.TRIED, client_token=f"{token}-1")
    book.made(token, rental())
    book.reached(token, REACH)
    found = reread(tmp_path).record(token)
    acts = [note.act for note in found.notes]
    assert acts == [Act.INTENT, Act.TRIED, Act.MADE, Act.REACHED]
    assert found.notes[1].time == NOON + timedelta(seconds=90)
    assert found.live == (rental(),)
    assert found.reach == REACH
    assert found.open_tries == ()


def test_what_ended_is_counted_until_then_and_not_reached_any_more(book: LeaseBook) -> None:
    token = book.begin(lease()).lease.token
    book.made(token, rental(root_gib=0))
    book.reached(token, REACH)
    book.ended(token, rental().instance_id, rental().launched_at + timedelta(hours=2))
    record = book.record(token)
    assert (record.live, record.reach) == ((), None)
    # Two hours of the machine and of its address.
    assert record.cost_usd(NOON + timedelta(days=9)) == pytest.approx(2 * (55.04 + 0.005))


def test_the_ledger_has_one_name_whoever_asks_first(tmp_path: Path) -> None:
    names = {reread(tmp_path).ledger_id() for _ in range(3)}
    assert len(names) == 1
    assert TOKEN.fullmatch(names.pop())


def test_a_stack_has_one_open_lease_and_others_have_theirs(book: LeaseBook) -> None:
    first = book.begin(lease())
    with pytest.raises(LeaseOpenError) as refused:
        book.begin(lease())
    assert refused.value.record == first
    assert f"fab lease.show --token {first.lease.token}" in str(refused.value)
    book.begin(lease(stack="freehold/other"))
    assert [record.lease for record in book.open_records(STACK)] == [first.lease]
    assert len(book.records()) == 2


def test_after_a_close_the_stack_may_rent_again(book: LeaseBook, tmp_path: Path) -> None:
    tokens = []
    for _ in range(3):
        token = book.begin(lease()).lease.token
        book.note(token, Act.CLOSED)
        tokens.append(token)
    assert [record.lease.token for record in reread(tmp_path).records_of(STACK)] == tokens
    assert book.open_records(STACK) == []


def test_what_all_leases_cost_is_summed_over_the_stack_alone(book: LeaseBook) -> None:
    for number, stack in enumerate((STACK, STACK, "freehold/other")):
        token = book.begin(lease(stack=stack)).lease.token
        made = rental(instance_id=f"i-{number}", root_gib=0)
        book.made(token, made)
        book.ended(token, made.instance_id, made.launched_at + timedelta(hours=number + 1))
        book.note(token, Act.CLOSED)
    assert book.spent_usd(STACK, NOON) == pytest.approx(3 * 55.045)


def test_an_instance_that_was_made_after_the_close_opens_the_lease_again(book: LeaseBook) -> None:
    """Its maker was slower than who closed: what bills is never hidden."""
    token = book.begin(lease()).lease.token
    book.note(token, Act.CLOSED)
    book.made(token, rental())
    assert [record.lease.token for record in book.open_records(STACK)] == [token]
    with pytest.raises(LeaseOpenError, match=rental().instance_id):
        book.begin(lease())
    book.ended(token, rental().instance_id, NOON)
    assert book.open_records(STACK) == []


@pytest.mark.parametrize("last", [Act.ENDING, Act.CLOSED])
@pytest.mark.parametrize("act", [Act.TRIED, Act.RENEWING])
def test_nothing_is_begun_once_the_teardown_has(book: LeaseBook, last: Act, act: Act) -> None:
    token = book.begin(lease()).lease.token
    book.note(token, last)
    with pytest.raises(LeaseEndingError):
        book.note(token, act, deadline=NOON + timedelta(hours=9))
    assert book.record(token).notes[-1].act is last


def test_what_was_decided_by_an_old_record_is_not_written(book: LeaseBook, tmp_path: Path) -> None:
    record = book.begin(lease())
    reread(tmp_path).note(record.lease.token, Act.TRIED)
    with pytest.raises(MovedOnError):
        book.append(record, Act.RENEWING, deadline=NOON)
    assert [note.act for note in book.record(record.lease.token).notes] == [Act.INTENT, Act.TRIED]


@pytest.mark.parametrize(
    ("act", "details"),
    [
        (Act.MADE, {"instance_id": "i-1"}),
        (Act.ENDED, {"instance_id": "i-1", "ended_at": "soon"}),
        (Act.RENEWED, {"deadline": "2027-01-01T00:00:00Z"}),
        (Act.RENEWING, {"deadline": 5}),
        (Act.REACHED, {"instance_id": "i-1", "host_keys": []}),
        (Act.AUDITED, {"left": {1, 2}}),
        (Act.AUDITED, {"usd": float("nan")}),
        (Act.INTENT, {}),
    ],
)
def test_a_note_that_could_not_be_read_back_is_not_written(
    book: LeaseBook, act: Act, details: dict[str, object]
) -> None:
    token = book.begin(lease()).lease.token
    with pytest.raises(ValueError, match=r"\w"):
        book.note(token, act, **details)
    assert len(book.record(token).notes) == 1


def test_several_who_write_at_once_lose_nothing(tmp_path: Path) -> None:
    token = reread(tmp_path).begin(lease()).lease.token

    def write(writer: int) -> None:
        own = reread(tmp_path)
        for number in range(5):
            own.note(token, Act.AUDITED, writer=writer, number=number)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(write, range(4)))
    notes = reread(tmp_path).record(token).notes[1:]
    assert [note.sequence for note in notes] == list(range(2, 22))
    for writer in range(4):
        own = [note.details["number"] for note in notes if note.details["writer"] == writer]
        assert own == list(range(5))


def test_of_many_who_begin_at_once_one_does(tmp_path: Path) -> None:
    def begin(wanted: Lease) -> str | None:
        try:
            return reread(tmp_path).begin(wanted).lease.token
        except LeaseOpenError as refused:
            return f"not {refused.record.lease.token}"

    with ThreadPoolExecutor(6) as pool:
        said = list(pool.map(begin, [lease() for _ in range(6)]))
    (winner,) = [token for token in said if token and not token.startswith("not")]
    assert sorted(said) == sorted([winner, *[f"not {winner}"] * 5])  # type: ignore[type-var]
    assert [record.lease.token for record in reread(tmp_path).open_records(STACK)] == [winner]


@pytest.mark.parametrize("where", range(3))
@pytest.mark.parametrize("side", ["before", "after"])
def test_who_is_overtaken_anywhere_in_a_begin_withdraws(
    tmp_path: Path, side: str, where: int
) -> None:
    """Another begins, and is done, between any two writes."""
    overtaking = lease()

    def other(number: int) -> None:
        if number == where:
            with suppress(LeaseOpenError):
                reread(tmp_path).begin(overtaking)

    own = lease()
    outcome = None
    with suppress(LeaseOpenError):
        outcome = LeaseBook(Interrupted(tmp_path, **{side: other})).begin(own)
    (opened,) = reread(tmp_path).open_records(STACK)
    assert opened.lease == (overtaking if outcome is None else own)
    begun = {record.lease.token: record for record in reread(tmp_path).records()}
    assert [token for token, record in begun.items() if record.is_begun] == [opened.lease.token]


@pytest.mark.parametrize("where", range(2))
@pytest.mark.parametrize("side", ["before", "after"])
def test_who_is_killed_anywhere_in_a_begin_leaves_one_lease_or_none(
    tmp_path: Path, side: str, where: int
) -> None:
    killed = lease()
    with pytest.raises(KilledError):
        LeaseBook(Interrupted(tmp_path, **{side: killed_at(where)})).begin(killed)
    left = reread(tmp_path).open_records(STACK)
    assert [record.lease for record in left] == ([killed] if (side, where) == ("after", 1) else [])
    if left:
        with pytest.raises(LeaseOpenError):
            reread(tmp_path).begin(lease())
    else:
        again = reread(tmp_path).begin(lease())
        assert reread(tmp_path).open_records(STACK) == [again]
        states = {r.lease.token: r.is_begun for r in reread(tmp_path).records()}
        assert states == {again.lease.token: True} | ({killed.token: False} if where else {}) | (
            {killed.token: False} if (side, where) == ("after", 0) else {}
        )


class AnswerLost(FolderObjects):
    """Its puts are carried out, and then repeated by a client that got no answer."""

    def put(self, name: str, content: bytes, *, is_new: bool = False) -> None:
        super().put(name, content, is_new=is_new)
        super().put(name, content, is_new=is_new)


def test_a_write_whose_answer_was_lost_is_known_for_ones_own(tmp_path: Path) -> None:
    book = LeaseBook(AnswerLost(tmp_path), Clock())
    token = book.begin(lease()).lease.token
    book.note(token, Act.TRIED, client_token="t")
    assert [note.act for note in book.record(token).notes] == [Act.INTENT, Act.TRIED]
    with pytest.raises(TakenError):  # what the test rests on
        AnswerLost(tmp_path).put("leases/x", b"", is_new=True)


def paths(folder: Path, token: str) -> list[Path]:
    return sorted((folder / "leases" / token).iterdir())


def damaged(folder: Path) -> str:
    """A ledger of one running lease; its token."""
    book = reread(folder)
    token = book.begin(lease()).lease.token
    book.note(token, Act.TRIED)
    book.made(token, rental())
    return token


DAMAGE = {
    "nothing": b"",
    "no text": b"\xff\xfe\x00",
    "no JSON": b"{",
    "null": b"null\n",
    "a list": b"[]\n",
    "lists in lists": b"[" * 100_000,
    "another mapping": b'{"sequence":1}\n',
}


@pytest.mark.parametrize("what", DAMAGE)
@pytest.mark.parametrize("number", [1, 2, 3])
def test_a_damaged_note_is_named_and_never_taken_for_no_lease(
    tmp_path: Path, what: str, number: int
) -> None:
    token = damaged(tmp_path)
    paths(tmp_path, token)[number - 1].write_bytes(DAMAGE[what])
    place = f"{tmp_path}/leases/{token}/{number:06d}.json: "
    book = reread(tmp_path)
    for ask in (
        book.records,
        lambda: book.open_records(STACK),
        lambda: book.record(token),
        lambda: book.spent_usd(STACK, NOON),
        lambda: book.begin(lease()),
        lambda: book.note(token, Act.ENDING),
    ):
        with pytest.raises(LeaseBookError) as caught:
            ask()
        assert str(caught.value).startswith(place)


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        (b'"version":1', b'"version":2', "a later Freehold wrote it: version 2"),
        (b'"act":"tried"', b'"act":"bought"', "'bought' is not a valid Act"),
        (b'"sequence":2', b'"sequence":3', "expected this note, got 3"),
        (b'"act":', b'"act": ', "one spelling"),
        (b'"details":{}', b'"details":{"n":NaN}', "expected a number, got NaN"),
    ],
)
def test_a_note_that_was_changed_is_named(
    tmp_path: Path, before: bytes, after: bytes, words: str
) -> None:
    token = damaged(tmp_path)
    path = paths(tmp_path, token)[1]
    content = path.read_bytes()
    assert before in content
    path.write_bytes(content.replace(before, after))
    with pytest.raises(LeaseBookError, match=f"{token}/000002.json: .*{words}"):
        reread(tmp_path).record(token)


def test_a_note_of_another_lease_in_its_place_is_named(tmp_path: Path) -> None:
    token, other = damaged(tmp_path), reread(tmp_path).begin(lease(stack="a/b")).lease.token
    paths(tmp_path, token)[0].write_bytes(paths(tmp_path, other)[0].read_bytes())
    with pytest.raises(LeaseBookError, match=f"000001.json: expected this note, got 1 of {other}"):
        reread(tmp_path).record(token)


@pytest.mark.parametrize("number", [1, 2])
def test_a_note_that_is_missing_is_named(tmp_path: Path, number: int) -> None:
    token = damaged(tmp_path)
    paths(tmp_path, token)[number - 1].unlink()
    with pytest.raises(LeaseBookError, match=f"{number:06d}.json: a note is missing here"):
        reread(tmp_path).open_records(STACK)
    with pytest.raises(LeaseBookError):
        reread(tmp_path).records()


def test_a_lease_that_is_missing_whole_is_named(tmp_path: Path) -> None:
    token = damaged(tmp_path)
    for path in paths(tmp_path, token):
        path.unlink()
    for ask in (reread(tmp_path).records, lambda: reread(tmp_path).open_records(STACK)):
        with pytest.raises(LeaseBookError, match=token):
            ask()


@pytest.mark.parametrize("name", ["notes.txt", f"{ANOTHER}/1.json", "turns/lab/000001"])
def test_what_is_no_note_is_named(tmp_path: Path, name: str) -> None:
    damaged(tmp_path)
    path = tmp_path / "leases" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"\n")
    with pytest.raises(LeaseBookError, match=f"{name}: expected nothing but notes"):
        reread(tmp_path).records()


@pytest.mark.parametrize("content", [b"", b"0123\n", b"0123456789abcdef", b"\xff" * 16])
def test_a_turn_that_names_no_lease_is_named(tmp_path: Path, content: bytes) -> None:
    damaged(tmp_path)
    (tmp_path / "leases/turns" / STACK / "000001").write_bytes(content)
    with pytest.raises(LeaseBookError, match="turns/freehold/lab/000001: expected a token"):
        reread(tmp_path).open_records(STACK)


def test_a_damaged_lease_of_another_stack_stops_nobody_else(tmp_path: Path) -> None:
    token = damaged(tmp_path)
    paths(tmp_path, token)[0].write_bytes(b"")
    other = reread(tmp_path).begin(lease(stack="freehold/other"))
    assert reread(tmp_path).open_records("freehold/other") == [other]


@pytest.mark.parametrize("token", ["", "x", "../../etc", "0" * 17])
def test_what_is_no_token_is_said_to_be_none(book: LeaseBook, token: str) -> None:
    with pytest.raises(LeaseBookError, match="expected a token of 16 digits"):
        book.record(token)


def test_a_lease_that_was_never_begun_is_not_found(book: LeaseBook) -> None:
    with pytest.raises(LeaseBookError, match=f"{ANOTHER}: expected a lease, found nothing"):
        book.record(ANOTHER)


@pytest.mark.parametrize("stack", ["", "lab", "a/b/c", "../lab", ".a/b"])
def test_a_stack_has_a_project_and_a_name(book: LeaseBook, stack: str) -> None:
    with pytest.raises(LeaseBookError, match='expected a stack as "project/stack"'):
        book.begin(lease(stack=stack))


def test_a_store_that_cannot_be_listed_is_an_error_and_not_an_empty_ledger(tmp_path: Path) -> None:
    (tmp_path / "leases").write_bytes(b"")
    book = reread(tmp_path)
    for ask in (book.records, lambda: book.open_records(STACK), lambda: book.begin(lease())):
        with pytest.raises(StoreError):
            ask()
