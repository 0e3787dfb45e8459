"""Each cases/NAME.yaml is refused with exactly the text of cases/NAME.txt."""

from pathlib import Path

import pytest

from freehold.spec import SpecError, load, syntax, wording

CASES = Path(__file__).parent / "cases"
FILES = sorted(CASES.glob("*.yaml"))


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_bad_file_is_refused_with_exactly_these_words(file: Path) -> None:
    with pytest.raises(SpecError) as refused:
        load(file, root=CASES)
    assert f"{refused.value}\n" == file.with_suffix(".txt").read_text(encoding="utf-8")


def test_every_case_has_its_words_and_all_words_have_a_case() -> None:
    assert {file.stem for file in CASES.glob("*.txt")} == {file.stem for file in FILES}


def _all_words() -> str:
    return "\n".join(file.read_text(encoding="utf-8") for file in CASES.glob("*.txt"))


@pytest.mark.parametrize("fallback", [syntax.FALLBACK, f"expected {wording.FALLBACK}"])
def test_no_known_case_needs_a_fallback(fallback: str) -> None:
    assert fallback not in _all_words()


@pytest.mark.parametrize("words", sorted(set(syntax.WORDS.values())))
def test_every_wording_of_a_syntax_error_has_a_case(words: str) -> None:
    assert words in _all_words()


@pytest.mark.parametrize("words", sorted(set(wording.EXPECTED.values())))
def test_every_wording_of_a_type_has_a_case(words: str) -> None:
    assert f": expected {words.partition('{')[0]}" in _all_words()


@pytest.mark.parametrize("phrase", ["Input should", "valid dictionary", "Field required", "Extra"])
def test_no_phrase_of_the_validation_library_is_shown(phrase: str) -> None:
    assert phrase not in _all_words()


def test_a_key_typed_in_by_mistake_is_never_shown() -> None:
    assert all("hunter2" in file.read_text() for file in CASES.glob("api_key_in*.yaml"))
    assert "hunter2" not in _all_words()
