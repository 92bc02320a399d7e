"""Texts as they are, bytes, prompts and streams: what goes in comes out."""

import math
import re
from itertools import chain

import numpy as np
import pytest
from _texts import AWKWARD, UNITS, corpus_of, refusal
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from jaxrnn import text

BYTES = text.BYTE_VOCABULARY
AWKWARD_LETTERS = st.sampled_from("\r\n\t aB\u0301子👩\u200d🚀\x85\xa0")
any_text = st.text(st.one_of(AWKWARD_LETTERS, st.characters(codec="utf-8")))


def spaced(raw):
    """The text of words: of white space, line ends stay, and one space between two words."""
    lines = re.split("(\r\n|\r|\n)", raw)
    return "".join(
        part if part in ("\r\n", "\r", "\n") else " ".join(part.split()) for part in lines
    )


# Recipe and unit


@pytest.mark.parametrize("unit", UNITS)
@pytest.mark.parametrize("recipe", text.RECIPES)
def test_what_cleaning_leaves_comes_back(recipe, unit):
    """Its own clean is the twin; unk stands for itself in a text of words."""
    cleaned = "".join(text.RECIPES[recipe].clean(AWKWARD))
    ids, vocab = text.encode(corpus_of(AWKWARD), recipe, None, unit)
    said = vocab.text(ids)
    if unit == "word" and recipe == "time_machine":  # its lines run together, but not their words
        cleaned = " ".join(filter(None, text.RECIPES[recipe].clean(AWKWARD)))
    assert said == (spaced(cleaned) if unit == "word" else cleaned)
    assert vocab.characters(ids) == len(said)


@given(raw=any_text)
@pytest.mark.parametrize("unit", UNITS)
def test_a_plain_text_comes_back(unit, raw):
    corpus, want = corpus_of(raw, "plain"), spaced(raw) if unit == "word" else raw
    if not want:
        sentence = "nothing of corpus 'test' is left by recipe 'plain'."
        assert refusal(text.encode, corpus, unit=unit) == sentence
        return
    ids, vocab = text.encode(corpus, unit=unit, cut=None)
    assert vocab.text(ids) == want
    assert_array_equal(vocab.ids(raw), ids)


def test_plain_by_hand():
    ids, vocab = text.encode(corpus_of("b B\r\nb\n", "plain"), cut=None)
    assert vocab == text.Vocabulary(("<unk>", "\n", "\r", " ", "B", "b"), unk=0, unit="char")
    assert_array_equal(ids, [5, 3, 4, 2, 1, 5, 1])
    ids, vocab = text.encode(corpus_of("b  B\r\n\tb\n", "plain"), cut=None, unit="word")
    assert vocab == text.Vocabulary(("<unk>", "\n", "\r\n", "B", "b"), unk=0, unit="word")
    assert_array_equal(ids, [4, 3, 2, 4, 1])
    assert vocab.text([4, 4, 1, 3, 0, 1, 1, 4]) == "b b\nB <unk>\n\nb"
    assert_array_equal(text.encode(corpus_of("cab", "plain"), cut=2).vocab.ids("cab"), [2, 1, 0])


def test_a_line_end_is_a_word_where_the_vocabulary_has_one():
    with_ends = text.Vocabulary(("<unk>", "\n", "a"), unk=0, unit="word")
    assert_array_equal(with_ends.ids("a\na\r\n"), [2, 1, 2, 0])
    without = text.Vocabulary(("<unk>", "a"), unk=0, unit="word")
    assert_array_equal(without.ids("a\na\r\n\rb"), [1, 1, 0])


def test_bytes_by_hand():
    ids, vocab = text.encode(corpus_of("é子😀", "plain"), unit="byte", cut=None)
    assert vocab is BYTES and (len(vocab), vocab.unk, vocab.unit) == (256, None, "byte")
    assert_array_equal(ids, list("é子😀".encode()))
    assert_array_equal(text.encode(corpus_of("Éa\nB", "time_machine"), unit="byte").ids, [97, 98])
    assert_array_equal(text.encode(corpus_of("子", "plain"), unit="byte", cut=2).ids, [0xE5, 0xAD])
    assert BYTES.text([0xE5, 0xAD]) == "\ufffd" and BYTES.text([0xAD, 65]) == "\ufffdA"
    assert_array_equal(BYTES.ids("\udcff!"), [0xFF, 0x21])  # as a shell may hand it over


@given(st.binary())
def test_any_bytes_have_a_text(raw):
    assert BYTES.text(np.frombuffer(raw, np.uint8)) == raw.decode("utf-8", "replace")


# Streams


@given(raw=any_text, data=st.data())
@pytest.mark.parametrize("unit", UNITS)
def test_a_stream_is_the_text(unit, raw, data):
    """Cut anywhere, inside of a character too; ids come one at a time, or some."""
    _, vocab = text.encode(corpus_of(AWKWARD, "plain"), unit=unit, cut=None)
    ids = vocab.ids(raw)
    ids = ids[data.draw(st.integers(0, len(ids))) :][: data.draw(st.integers(0, len(ids)))]
    size = data.draw(st.integers(1, 4))
    some = [ids[i : i + size] for i in range(0, len(ids), size)]
    for stream in (ids, ids.tolist(), some):
        pieces = list(vocab.pieces(stream))
        assert "".join(pieces) == vocab.text(ids) and "" not in pieces


def test_a_stream_holds_back_no_more_than_it_must():
    """What is said after n ids is all of their text, but for a character that is not yet whole."""
    raw = "aé子😀b"
    seen, said = [], ""

    def watched():
        for byte in raw.encode():
            yield byte
            seen.append(said)

    for piece in BYTES.pieces(watched()):
        said += piece
    assert seen == [raw[:n] for n in (1, 1, 2, 2, 2, 3, 3, 3, 3, 4, 5)]
    words = text.Vocabulary(("\n", "a", "b"), None, "word")
    assert list(words.pieces([1, 2, 0, 1])) == ["a", " b", "\n", "a"]


def test_a_stream_refuses_an_id_when_it_comes():
    stream = BYTES.pieces([65, 256])
    assert next(stream) == "A"
    assert refusal(next, stream) == "id 256 is not among the 256 of the vocabulary."


# Prompts


@pytest.mark.parametrize(
    ("recipe", "unit", "prompt", "said"),
    [
        ("lyrics", "char", " no \n ", " no   "),
        ("lyrics", "word", " so\nno ", "so no"),
        ("lyrics", "byte", "é\n👩", "é 👩"),
        ("time_machine", "char", " So—No 1 ", "so no"),
        ("time_machine", "char", "\nso\nno", "sono"),
        ("time_machine", "word", "So\nno,", "so no"),
        ("time_machine", "byte", "So, No!", "so no"),
        ("plain", "char", " So\r\n no ", " So\r\n no "),
        ("plain", "char", "né", "n<unk>"),
        ("plain", "word", " So \n xx no ", "So\n<unk> no"),
        ("plain", "byte", " 子\r\n", " 子\r\n"),
    ],
)
def test_a_prompt_is_cleaned_as_the_corpus_was(recipe, unit, prompt, said):
    _, vocab = text.encode(corpus_of("so no\nSo no \r\n", recipe), unit=unit)
    ids = text.RECIPES[recipe].prompt(prompt, vocab)
    assert ids.dtype == np.int32 and vocab.text(ids) == said


@pytest.mark.parametrize("unit", UNITS)
@pytest.mark.parametrize("recipe", text.RECIPES)
def test_a_corpus_as_a_prompt_is_the_corpus(recipe, unit):
    ids, vocab = text.encode(corpus_of(AWKWARD), recipe, None, unit)
    assert_array_equal(text.RECIPES[recipe].prompt(AWKWARD, vocab), ids)


@pytest.mark.parametrize(
    ("recipe", "unit", "prompt", "sentence"),
    [
        (
            "plain",
            "char",
            "",
            "a prompt needs at least one character that recipe 'plain' keeps, got ''.",
        ),
        (
            "plain",
            "byte",
            "",
            "a prompt needs at least one byte that recipe 'plain' keeps, got ''.",
        ),
        (
            "lyrics",
            "word",
            " \n",
            r"a prompt needs at least one word that recipe 'lyrics' keeps, got ' \n'.",
        ),
        (
            "time_machine",
            "char",
            "1895",
            "a prompt needs at least one character that recipe 'time_machine' keeps, got '1895'.",
        ),
        ("plain", "char", b"so", "a prompt must be a string, got b'so'."),
        (
            "lyrics",
            "char",
            "sox",
            "prompt 'sox': 'x' (U+0078) is not in the vocabulary of 4 chars, which has no <unk>.",
        ),
        (
            "plain",
            "byte",
            "\ud83d",
            r"prompt '\ud83d': '\ud83d' is half of a surrogate pair: UTF-8 has no bytes for it.",
        ),
    ],
)
def test_a_prompt_that_cannot_be_read_is_refused(recipe, unit, prompt, sentence):
    _, vocab = text.encode(corpus_of("so no\n", recipe), unit=unit)
    assert refusal(text.find_recipe(recipe).prompt, prompt, vocab) == sentence


# Vocabularies, and what is counted by them


@pytest.mark.parametrize(
    ("tokens", "unk", "unit", "sentence"),
    [
        (("a", 3), None, "char", "a token must be a string, got 3."),
        (("a", ["b"]), None, "char", "a token must be a string, got ['b']."),
        (("a",), None, [], "[] is no unit; there are char, word, byte."),
        (
            ("a",),
            None,
            "byte",
            "bytes have 256 tokens and no <unk>, got 1 with unk=None: take `text.BYTE_VOCABULARY`.",
        ),
        (
            BYTES.tokens,
            0,
            "byte",
            "bytes have 256 tokens and no <unk>, got 256 with unk=0: take `text.BYTE_VOCABULARY`.",
        ),
    ],
)
def test_what_cannot_be_a_vocabulary_is_refused(tokens, unk, unit, sentence):
    assert refusal(text.Vocabulary, tokens, unk, unit) == sentence


def test_find_recipe_takes_a_name_from_anywhere():
    assert text.find_recipe("plain") is text.PLAIN is text.find_recipe(text.PLAIN)
    assert refusal(text.find_recipe, ["plain"]).startswith("['plain'] is no recipe; there are ")


@given(
    words=st.lists(st.sampled_from(["a", "子曰", "\n", "\r\n", "<unk>"])), piece=st.integers(1, 5)
)
def test_characters_of_words_are_those_of_their_text(words, piece):
    vocab = text.Vocabulary(("<unk>", "\r\n", "a", "\n", "子曰"), 0, "word")
    ids = vocab.ids(words)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("jaxrnn.text._checks.PIECE", piece)
        assert vocab.characters(ids) == len(vocab.text(ids))
        if words:
            counted = text.unigram_perplexity(ids, 5)
            p = np.array([words.count(word) for word in set(words)]) / len(words)
            assert counted == pytest.approx(math.exp(-np.sum(p * np.log(p))))


def test_characters_by_hand():
    chars = text.Vocabulary(("<unk>", "a", "子"), 0, "char")
    assert chars.characters([0, 1, 2, 2]) == 4 and chars.characters([]) == 0
    assert BYTES.characters(BYTES.ids("é子😀b")) == 4
    assert "id 3" in refusal(chars.characters, [1, 3])


def test_bits_per_character():
    """A model that guesses among 256 bytes spends 8 bits on each, so 24 on a character of three."""
    ids = BYTES.ids("子曰")
    spent = text.bits_per_character(256, len(ids), BYTES.characters(ids))
    assert spent == pytest.approx(24)
    assert text.bits_per_character(np.float32(16), tokens=100, characters=500) == pytest.approx(0.8)
    assert text.bits_per_character(math.inf, 1, 1) == math.inf
    for perplexity, shown in ((0, "0"), (-2.0, "-2.0"), ("x", "'x'"), (None, "None")):
        assert refusal(text.bits_per_character, perplexity, 1, 1) == (
            f"`perplexity` must be a positive number, got {shown}."
        )
    assert refusal(text.bits_per_character, 2.0, 1, 0) == "`characters` must be positive, got 0."
    assert refusal(text.bits_per_character, 2.0, -1, 1) == "`tokens` must be 0 or more, got -1."


def test_a_stream_after_a_prompt_is_one_text():
    vocab = text.Vocabulary(("a", "b"), None, "word")
    assert "".join(vocab.pieces(chain(vocab.ids("a b"), [0]))) == "a b a"
