"""Types of the command line's arguments: the ends of each range, and what every verb refuses before it does anything."""

import argparse

import pytest

from coursekit import arguments, cli

GOOD = {
    "whole": {"0": 0, "12": 12},
    "count": {"1": 1, "300": 300},
    "seed": {"0": 0, str(2**31 - 1): 2**31 - 1},
    "image_size": {"8": 8, "640": 640},
    "rate": {"1e-5": 1e-5, "3": 3.0},
    "decay": {"0": 0.0, "0.05": 0.05},
    "share": {"0": 0.0, "0.25": 0.25, "1": 1.0},
    "amount": {"32": 32, "0.1": 0.1, "1.0": 1.0},
    "path": {"runs/a": "runs/a", " x": " x"},
    "name": {"first": "first", "a b.c": "a b.c"},
}
BAD = {
    "whole": ["-1", "1.5", "x", ""],
    "count": ["0", "-3", "1e3", "nan"],
    "seed": ["-1", str(2**31), "0.5"],
    "image_size": ["1", "7", "32px"],
    "rate": ["0", "-1", "nan", "inf", "fast"],
    "decay": ["-0.1", "nan", "inf"],
    "share": ["-0.1", "1.1", "25", "nan"],
    "amount": ["0", "1.5", "0.0", "-4", "nan", "²"],
    "path": ["", "  ", "a\0b"],
    "name": ["", ".", "..", "../x", "/x", "a/b", "a\\b"],
}


@pytest.mark.parametrize("kind", GOOD)
def test_what_fits_becomes_its_value(kind):
    for text, value in GOOD[kind].items():
        found = getattr(arguments, kind)(text)
        assert found == value and type(found) is type(value)


@pytest.mark.parametrize(("kind", "text"), [(kind, text) for kind, texts in BAD.items() for text in texts])
def test_what_does_not_fit_is_named(kind, text):
    with pytest.raises(argparse.ArgumentTypeError) as refusal:
        getattr(arguments, kind)(text)
    assert repr(text) in str(refusal.value)


PRETRAIN = ("pretrain", "simclr", "--encoder", "resnet_micro")


def options(verb: str) -> list[tuple[str, argparse.Action]]:
    """Every argument of a verb and of the actions below it, each with the words that lead to it."""

    def walk(parser, only=None):
        for action in parser._actions:
            if isinstance(action, argparse._SubParsersAction):
                for name, below in action.choices.items():
                    yield from walk(below) if only in (None, name) else ()
            else:
                yield parser.prog, action

    return list(walk(cli.build_parser(verb), only=verb))


@pytest.mark.parametrize("verb", cli.VERBS)
def test_no_number_is_left_to_pythons_own_types_and_no_folder_may_be_nameless(verb):
    unchecked = [
        f"{words} {'/'.join(action.option_strings) or action.dest}"
        for words, action in options(verb)
        if action.type in (int, float) or (action.metavar in ("DIR", "RUN", "FILE", "PATH") and action.type is None)
    ]
    assert not unchecked, unchecked


@pytest.mark.parametrize(
    ("words", "option"),
    [
        ([*PRETRAIN, "--out", ""], "--out"),
        ([*PRETRAIN, "--images", "", "--out", "x"], "--images"),
        ([*PRETRAIN, "--image-size", "1", "--out", "x"], "--image-size"),
        ([*PRETRAIN, "--lr", "-1", "--out", "x"], "--lr"),
        ([*PRETRAIN, "--weight-decay", "nan", "--out", "x"], "--weight-decay"),
        (["evaluate", "runs/a", "--images", ""], "--images"),
        (["recipes", "--out", ""], "--out"),
        (["detect", "--data", "x.yaml", "--out", ""], "--out"),
        (["detect", "--data", "x.yaml", "--name", "../x"], "--name"),
        (["detect", "--data", "x.yaml", "--predict", ""], "--predict"),
        (["detect", "--data", "x.yaml", "--lr0", "nan"], "--lr0"),
        (["detect", "--data", "x.yaml", "--predict", "x.jpg", "--conf", "25"], "--conf"),
        (["predict", "runs/a", "x.jpg", "--conf", "nan"], "--conf"),
        (["predict", "runs/a", "x.jpg", "--out", ""], "--out"),
        (["label-efficiency", "--data", "x.yaml", "--backbone", "r", "--labels", "0", "--out", "x"], "--labels"),
        (["data", "road-objects", "--out", ""], "--out"),
        (["data", "road-objects", "--size", "1"], "--size"),
        (["data", "from-coco", "--images", ""], "--images"),
        (["data", "from-coco", "--limit", "0"], "--limit"),
        (["slides", "03", "--port", "0"], "--port"),
    ],
)
def test_a_verb_refuses_by_the_name_of_the_option(words, option, capsys):
    with pytest.raises(SystemExit) as stop:
        cli.main(words)
    err = capsys.readouterr().err
    assert stop.value.code == 2 and option in err.splitlines()[-1] and "usage: coursekit" in err
