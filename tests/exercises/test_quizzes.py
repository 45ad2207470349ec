"""Quizzes and glossary: every choice is answered with a reason, every term can be found."""

import pytest

from coursekit.exercises import answer, glossary, quiz
from coursekit.exercises.glossary import read_glossary
from coursekit.exercises.quizzes import quizzes, read_quiz
from coursekit.runtime import CourseError


@pytest.mark.parametrize("lesson", quizzes())
def test_every_choice_is_explained_and_exactly_one_is_right(lesson):
    questions = quiz(lesson)
    assert len(questions) >= 3
    for number, question in enumerate(questions.questions, start=1):
        verdicts = {letter: questions.judge(number, letter) for letter in question.choices}
        assert [letter for letter, text in verdicts.items() if text.startswith("✔")] == [question.right]
        explanations = [why for _, why in question.choices.values()]
        assert len(set(explanations)) == len(explanations) and all(len(why.split()) > 5 for why in explanations)
        assert all(max(map(len, text.split("\n"))) <= 96 for text in verdicts.values())


def test_why_the_head_is_thrown_away_cannot_be_guessed_from_the_lengths():
    question = quiz("03")[3]
    lengths = {letter: len(choice) for letter, (choice, _) in question.choices.items()}
    assert max(lengths.values()) < 1.15 * min(lengths.values())
    assert lengths[question.right] < max(lengths.values())
    everything = " ".join(text for pair in question.choices.values() for text in pair)
    assert "colour" in everything and "place" not in everything  # the lesson measures colour alone


@pytest.mark.parametrize("choice", ["?", "", " ", None, ...])
def test_an_open_question_is_not_wrong(choice, capsys):
    assert answer("03", 1, choice) is None
    out = capsys.readouterr().out
    assert "not answered yet" in out and "✘" not in out


def test_case_spaces_and_the_number_of_the_lesson_are_forgiven(capsys):
    answer("3", 1, " B ")
    assert capsys.readouterr().out.startswith("✔")


def test_a_choice_that_is_none_of_them(capsys):
    answer("03", 1, "z")
    answer("03", 1, 2)
    assert capsys.readouterr().out.count("is not one of") == 2


def test_questions_and_lessons_that_do_not_exist():
    with pytest.raises(CourseError, match="questions 1 to 3"):
        answer("03", 4, "a")
    with pytest.raises(CourseError, match="no quiz for lesson"):
        quiz("99")


GOOD = """
- question: Why?
  right: a
  choices:
    a: {says: This, because: So.}
    b: {says: That, because: No.}
"""


@pytest.mark.parametrize(
    "old, new, says",
    [
        ("right: a", "right: c", "question 1.*not among"),
        ("says: That", "say: That", "question 1.*says"),
        ("Why?", "7", "question 1, question: it should be a text"),
        ("question: Why?", "asked: Why?", "question 1.*question"),
        (GOOD, "a: 1", "should be a list"),
        ("choices:", "choices: [", "cannot be read"),
    ],
)
def test_a_quiz_that_is_wrong_is_refused_with_its_file_and_question(tmp_path, old, new, says):
    (tmp_path / "good.yaml").write_text(GOOD)
    assert read_quiz(tmp_path / "good.yaml").judge(1, "a").startswith("✔")
    (tmp_path / "bad.yaml").write_text(GOOD.replace(old, new))
    with pytest.raises(CourseError, match=f"(?s)bad.yaml.*{says}"):
        read_quiz(tmp_path / "bad.yaml")


@pytest.mark.parametrize("text", ["", "terms: {a: 1}\nalso: {}", "terms: {a: b}\nalso: {c: d}", "terms: ["])
def test_a_glossary_that_is_wrong_is_refused(tmp_path, text):
    (tmp_path / "words.yaml").write_text(text)
    with pytest.raises(CourseError, match="words.yaml"):
        read_glossary(tmp_path / "words.yaml")


def test_a_quiz_shows_all_its_questions_as_markdown():
    text = quiz("03")._repr_markdown_()
    assert text.count("**Question") == 3 and "**d**" in text
    assert "✔" not in text


def test_the_glossary_finds_terms_by_other_names_and_spelling():
    assert glossary(" nt-xent ").term == "InfoNCE"
    assert glossary("TEMPERATURE")._repr_markdown_().startswith("**temperature**: ")
    terms, also = read_glossary()
    assert len(terms) > 40 and all(glossary(term).meaning for term in (*terms, *also))


def test_the_glossary_lists_all_its_terms():
    listed = glossary()
    assert set(listed.terms) == set(read_glossary()[0]) and "backbone · " in listed._repr_markdown_()
    assert repr(listed).index("anchor") < repr(listed).index("COCO") < repr(listed).index("projector")


def test_an_unknown_term_gets_the_nearest_ones():
    with pytest.raises(CourseError, match="temperature"):
        glossary("temperatur")
