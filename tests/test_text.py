"""Texts: every rule by a hand-written example, the counts of the real ones, every refusal."""

import dataclasses
import hashlib
import io
import itertools
import math
import os
import pickle
import re
import tracemalloc
import urllib.error
import zipfile
from http.client import IncompleteRead
from importlib import resources
from pathlib import Path

import numpy as np
import pytest
from _texts import SAMPLINGS, UNITS, corpus_of, refusal
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from jaxrnn import text
from jaxrnn.text import _document, _download, corpora, recipes

DATA = os.environ.get("JAXRNN_DATA")
needs_time_machine = pytest.mark.skipif(
    not (DATA and Path(DATA, "timemachine.txt").is_file()),
    reason="timemachine.txt is not shipped: set JAXRNN_DATA to a folder with it",
)
needs_tiny_shakespeare = pytest.mark.skipif(
    not (DATA and Path(DATA, "tinyshakespeare.txt").is_file()),
    reason="tinyshakespeare.txt is not shipped: set JAXRNN_DATA to a folder with it",
)


@pytest.fixture(autouse=True)
def cache(monkeypatch, tmp_path):
    """No network, and an empty cache."""

    def urlopen(url, timeout):
        raise urllib.error.URLError("no network in tests")

    monkeypatch.setattr(_download, "urlopen", urlopen)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "jaxrnn"


def zip_of(members, compression=zipfile.ZIP_STORED):
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", compression) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return data.getvalue()


# Corpora


def test_shipped_texts_are_those_of_their_readme():
    folder = resources.files("jaxrnn.text") / "data"
    readme = (folder / "README.md").read_text("utf-8")
    sums = re.findall(r"^\| `(\w+)\.txt` .*`([0-9a-f]{40})` \|$", readme, flags=re.MULTILINE)
    assert [name for name, _ in sums] == ["analects", "moby_dick"]
    for name, sha1 in sums:
        corpus = text.load_corpus(name)
        assert (corpus.name, corpus.sha1) == (name, sha1)
        assert corpus.source == "shipped with jaxrnn"
        assert hashlib.sha1(corpus.text.encode()).hexdigest() == sha1
        assert (folder / f"{name}.LICENSE").is_file()


def test_analects():
    corpus = text.load_corpus("analects")
    assert corpus.recipe == "lyrics"
    assert len(corpus.text) == 21_991
    assert corpus.text.startswith("子曰：“学而时习之，不亦说乎？")
    ids, vocab = text.encode(corpus)
    assert (len(ids), len(vocab), vocab.unk) == (10_000, 1_002, None)
    assert vocab.tokens == tuple(sorted(vocab.tokens))
    assert vocab.text(ids) == corpus.text[:10_000].replace("\n", " ")
    assert len(text.encode(corpus, cut=None).ids) == 21_991


def test_moby_dick():
    corpus = text.load_corpus("moby_dick")
    assert corpus.recipe == "time_machine"
    assert corpus.text.startswith("CHAPTER 1. Loomings.\n\nCall me Ishmael. Some years ago")
    assert corpus.text.endswith("only found another orphan.\n")
    assert len(re.findall(r"^CHAPTER \d+\. ", corpus.text, flags=re.MULTILINE)) == 135
    ids, vocab = text.encode(corpus)
    assert (len(ids), len(vocab), vocab.unk) == (10_000, 28, 0)
    assert vocab.text(ids).startswith("chapter loomingscall me ishmael some years ago never mind")


@needs_time_machine
def test_time_machine():
    corpus = text.load_corpus("time_machine")
    assert (corpus.source, corpus.recipe) == ("$JAXRNN_DATA/timemachine.txt", "time_machine")
    ids, vocab = text.encode(corpus, cut=None)
    assert (len(ids), len(vocab)) == (170_580, 28)
    assert vocab.tokens[:4] == ("<unk>", " ", "e", "t")
    assert vocab.text(ids[:32]) == "the time machine by h g wellsith"
    words = text.encode(corpus, cut=None, unit="word")
    assert (len(words.ids), len(words.vocab)) == (32_775, 4_580)
    assert words.vocab.tokens[:4] == ("<unk>", "the", "i", "and")


@needs_tiny_shakespeare
def test_tiny_shakespeare():
    corpus = text.load_corpus("tiny_shakespeare")
    assert (corpus.source, corpus.recipe) == ("$JAXRNN_DATA/tinyshakespeare.txt", "plain")
    assert corpus.sha1 == "04486597058d11dcc2c556b1d0433891eb639d2e"
    ids, vocab = text.encode(corpus, cut=None)
    assert (len(ids), len(vocab), vocab.unk) == (1_115_394, 66, 0)  # char-rnn's 65, and <unk>
    assert vocab.tokens[:4] == ("<unk>", "\n", " ", "!")
    assert vocab.text(ids[:40]) == "First Citizen:\nBefore we proceed any fur"
    by_path = text.load_corpus(Path(DATA, "tinyshakespeare.txt"))
    assert (by_path.name, by_path.recipe) == ("tiny_shakespeare", "plain")


def test_tiny_shakespeare_is_fetched_from_where_char_rnn_has_it(monkeypatch, cache):
    monkeypatch.delenv("JAXRNN_DATA", raising=False)
    asked = serve(monkeypatch, data := b"First Citizen:")
    public = corpora._PUBLIC["tiny_shakespeare"]._replace(sha1=hashlib.sha1(data).hexdigest())
    monkeypatch.setitem(corpora._PUBLIC, "tiny_shakespeare", public)
    assert text.load_corpus("tiny_shakespeare").text == "First Citizen:"
    master = "https://raw.githubusercontent.com/karpathy/char-rnn/master"
    assert asked == [f"{master}/data/tinyshakespeare/input.txt"]
    assert [path.name for path in cache.iterdir()] == ["tinyshakespeare.txt"]


def test_a_file_that_is_named_as_a_corpus_is_another(tmp_path):
    for name, called in (("analects", "./analects"), ("moby_dick.txt", "moby_dick.txt")):
        (tmp_path / name).write_text("mine")
        corpus = text.load_corpus(tmp_path / name)
        assert (corpus.name, corpus.recipe) == (called, "plain")


@pytest.mark.parametrize("suffix", [".txt", ".zip"])
def test_a_file_of_ones_own(tmp_path, suffix):
    raw = "\ufeff甲乙\r\n丙".encode()
    data = raw if suffix == ".txt" else zip_of({"inside.txt": raw, "other.md": "no"})
    path = tmp_path / f"mine{suffix}"
    path.write_bytes(data)
    corpus = text.load_corpus(path)
    sha1 = hashlib.sha1(data).hexdigest()
    assert corpus == text.Corpus("mine", "甲乙\r\n丙", sha1, str(path), "plain")
    assert text.load_corpus(str(path), recipe="time_machine").recipe == "time_machine"


def test_a_zip_made_on_a_mac(tmp_path):
    path = tmp_path / "mine.txt.zip"
    path.write_bytes(zip_of({"a.txt": "words", "__MACOSX/._a.txt": b"\0\5"}))
    corpus = text.load_corpus(path)
    assert (corpus.name, corpus.text) == ("mine", "words")


def test_the_lyrics_may_lie_in_the_folder_unpacked(monkeypatch, tmp_path):
    (tmp_path / "jaychou_lyrics.txt").write_text("想要有直升机", "utf-8")
    monkeypatch.setenv("JAXRNN_DATA", str(tmp_path))
    corpus = text.load_corpus("lyrics")
    assert (corpus.name, corpus.text, corpus.recipe) == ("lyrics", "想要有直升机", "lyrics")
    assert corpus.source == "$JAXRNN_DATA/jaychou_lyrics.txt"


def test_a_file_by_name_must_have_its_sum_but_by_path_need_not(monkeypatch, tmp_path):
    (tmp_path / "timemachine.txt").write_text("abridged")
    (tmp_path / "jaychou_lyrics.txt.zip").write_bytes(zip_of({"a.txt": "略"}))
    monkeypatch.setenv("JAXRNN_DATA", str(tmp_path))
    found = hashlib.sha1(b"abridged").hexdigest()
    assert refusal(text.load_corpus, "time_machine") == (
        f"$JAXRNN_DATA/timemachine.txt has sha1 {found}, "
        "but 090b5e7e70c295757f55df93cb0a180b9691891a was expected."
    )
    assert "9529987e701a4f37048ab778270a5dde9a762a0b" in refusal(text.load_corpus, "lyrics")
    assert text.load_corpus(tmp_path / "timemachine.txt").text == "abridged"
    assert text.load_corpus(tmp_path / "jaychou_lyrics.txt.zip").text == "略"


@pytest.mark.parametrize(
    ("name", "data", "said"),
    [
        ("a.txt", b"", "is empty."),
        ("a.txt", b" \n\t", "is empty."),
        ("a.txt", b"ab\xe9cd", "is not UTF-8: byte 0xe9 at position 2."),
        ("a.zip", b"PK, but no more", "cannot be unzipped: File is not a zip file."),
        ("a.zip", zip_of({}), "must hold exactly one .txt, but it holds nothing."),
        ("a.zip", zip_of({"a.md": "x"}), "must hold exactly one .txt, but it holds a.md."),
        (
            "a.zip",
            zip_of({"a.txt": "x", "b.txt": "y", "c.md": "z"}),
            "must hold exactly one .txt, but it holds a.txt, b.txt.",
        ),
    ],
)
def test_an_unusable_file_is_refused(tmp_path, name, data, said):
    path = tmp_path / name
    path.write_bytes(data)
    assert refusal(text.load_corpus, path) == f"{path} {said}"


@pytest.mark.parametrize(
    ("compression", "whole", "said"),
    [
        (zipfile.ZIP_STORED, b"a.txtto and fro", "Bad CRC-32 for file 'a.txt'"),
        (zipfile.ZIP_DEFLATED, b"a.txt+", "Error -3 while decompressing data: invalid block type"),
    ],
)
def test_a_damaged_zip_is_refused(tmp_path, compression, whole, said):
    data = zip_of({"a.txt": "to and fro"}, compression)
    assert whole in data
    path = tmp_path / "a.zip"
    path.write_bytes(data.replace(whole, whole[:5] + b"\xff" + whole[6:], 1))
    assert refusal(text.load_corpus, path) == f"{path} cannot be unzipped: {said}."


METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("other", [0xFF, 0x09])
def test_a_zip_with_any_byte_changed_is_refused_or_whole(tmp_path, method, other):
    """9 is deflate64, which zipfile cannot read, where it falls on the method."""
    data, path = zip_of({"a.txt": "to and fro " * 9}, method), tmp_path / "a.zip"
    refused = 0
    for at in range(len(data)):
        path.write_bytes(data[:at] + bytes([other]) + data[at + 1 :])
        try:
            assert text.load_corpus(path).text == "to and fro " * 9
        except text.TextError as error:
            message = str(error)
            assert message.startswith(f"{path} ") and message.endswith(".") and ": ." not in message
            assert "\n" not in message and len(message) < len(str(path)) + 150
            refused += 1
    assert refused > len(data) / 3


@pytest.mark.parametrize("method", METHODS)
def test_a_zip_that_breaks_off_is_refused(tmp_path, method):
    data, path = zip_of({"a.txt": "to and fro " * 9}, method), tmp_path / "a.zip"
    for size in range(len(data)):
        path.write_bytes(data[:size])
        assert "cannot be unzipped: " in refusal(text.load_corpus, path)


def test_a_zip_under_a_password_is_refused(tmp_path):
    data, path = bytearray(zip_of({"a.txt": "words"})), tmp_path / "a.zip"
    for flags in (6, data.index(b"PK\1\2") + 8):
        data[flags] |= 1
    path.write_bytes(data)
    assert "encrypted, password required" in refusal(text.load_corpus, path)


def test_capital_letters_in_the_names_of_files(tmp_path):
    path = tmp_path / "BOOK.ZIP"
    path.write_bytes(zip_of({"BOOK.TXT": "words", "Read.Me": "no"}))
    corpus = text.load_corpus(path)
    assert (corpus.name, corpus.text) == ("BOOK", "words")
    (tmp_path / "TimeMachine.TXT").write_text("time")
    corpus = text.load_corpus(tmp_path / "TimeMachine.TXT")
    assert (corpus.name, corpus.recipe) == ("time_machine", "time_machine")


def test_a_file_that_cannot_be_read_is_refused(tmp_path, monkeypatch):
    path = tmp_path / "a.txt"
    path.write_text("words")

    def denied(*_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(_document, "open", denied, raising=False)  # root may read any file
    assert refusal(text.load_corpus, path) == f"{path} cannot be read: Permission denied."


@pytest.mark.parametrize("suffix", [".txt", ".zip"])
def test_a_corpus_is_read_from_its_file_as_it_was(tmp_path, suffix, monkeypatch):
    path = tmp_path / f"a{suffix}"
    path.write_bytes(b"words" if suffix == ".txt" else zip_of({"a.txt": "words"}))
    monkeypatch.chdir(tmp_path)
    corpus = text.load_corpus(path.name)
    monkeypatch.chdir("/")
    assert pickle.loads(pickle.dumps(corpus)) == corpus and "words" not in repr(corpus)
    path.write_bytes(path.read_bytes() + b" and more")
    for read in (lambda: corpus.text, lambda: text.encode(corpus)):
        assert refusal(read) == f"a{suffix} has changed since it was loaded: load it again."
    path.unlink()
    assert refusal(text.encode, corpus) == f"a{suffix} cannot be read: No such file or directory."


@pytest.mark.parametrize("size", [1, 2, 3, 4, 5, 7, 64])
def test_bytes_that_are_no_text_are_found_wherever_a_piece_ends(tmp_path, monkeypatch, size):
    monkeypatch.setattr(_document, "BYTES", size)
    path, whole = tmp_path / "a.txt", "子\ufeff曰: é😀\r\n".encode()
    path.write_bytes(b"\xef\xbb\xbf" + whole)
    assert text.load_corpus(path).text == whole.decode()
    for bad, byte in ((b"\xe5\xad", "0xe5"), (b"\xe5\xad!", "0xe5"), (b"\xff.", "0xff")):
        path.write_bytes(whole + bad)
        assert refusal(text.load_corpus, path) == (
            f"{path} is not UTF-8: byte {byte} at position {len(whole)}."
        )


def test_an_unknown_name_is_refused(tmp_path):
    assert refusal(text.load_corpus, "moby_dik") == (
        "'moby_dik' is neither a corpus nor a file; did you mean 'moby_dick'?"
    )
    assert refusal(text.load_corpus, str(tmp_path)) == (
        f"'{tmp_path}' is neither a corpus nor a file; "
        "there are analects, moby_dick, time_machine, lyrics, tiny_shakespeare."
    )
    assert refusal(text.load_corpus, "analects", recipe="poem") == (
        "'poem' is no recipe; there are lyrics, time_machine, plain."
    )


# The download


@pytest.fixture
def a_public_file(monkeypatch):
    """Bytes at a made-up address, under the name time_machine."""
    data = b"The Time Machine"
    public = corpora._Public("tm.txt", hashlib.sha1(data).hexdigest(), "moby_dick")
    monkeypatch.setitem(corpora._PUBLIC, "time_machine", public)
    monkeypatch.setattr(corpora, "_D2L", "http://book.example/")
    monkeypatch.delenv("JAXRNN_DATA", raising=False)
    return data


def serve(monkeypatch, answer):
    """Let `urlopen` give these bytes, or fail like this; the list counts what was asked for."""
    asked = []

    class Answer(io.BytesIO):
        def read(self, *_):
            if isinstance(answer, BaseException):
                raise answer
            return answer

    def urlopen(url, timeout):
        assert 0 < timeout <= 30
        asked.append(url)
        return Answer()

    monkeypatch.setattr(_download, "urlopen", urlopen)
    return asked


def test_a_download_is_kept(monkeypatch, a_public_file, cache):
    asked = serve(monkeypatch, a_public_file)
    corpora_twice = [text.load_corpus("time_machine") for _ in range(2)]
    assert corpora_twice[0] == corpora_twice[1]
    assert corpora_twice[0].text.encode() == a_public_file
    assert corpora_twice[0].source == "http://book.example/tm.txt"
    assert asked == ["http://book.example/tm.txt"]
    assert [path.name for path in cache.iterdir()] == ["tm.txt"]


def test_a_damaged_cache_is_fetched_anew(monkeypatch, a_public_file, cache):
    serve(monkeypatch, a_public_file)
    cache.mkdir(parents=True)
    (cache / "tm.txt").write_bytes(a_public_file[:5])
    assert text.load_corpus("time_machine").text.encode() == a_public_file
    assert (cache / "tm.txt").read_bytes() == a_public_file


def test_without_a_cache_the_text_is_still_read(monkeypatch, a_public_file, cache):
    serve(monkeypatch, a_public_file)
    cache.parent.write_text("a file where the cache's folder should be")
    assert text.load_corpus("time_machine").text.encode() == a_public_file


@pytest.mark.parametrize(
    "failure", [urllib.error.URLError("down"), TimeoutError("timed out"), IncompleteRead(b"The")]
)
def test_a_failed_download_says_what_to_do(monkeypatch, a_public_file, cache, failure):
    serve(monkeypatch, failure)
    with pytest.raises(text.CorpusNotFound) as caught:
        text.load_corpus("time_machine")
    assert str(caught.value) == (
        "corpus 'time_machine' was not found: there is no tm.txt in $JAXRNN_DATA (not set) or "
        f"{cache}, and http://book.example/tm.txt cannot be read ({failure}); set $JAXRNN_DATA to "
        "a folder with the file, or use 'moby_dick', which is shipped."
    )
    assert not cache.exists()


def test_where_it_looked_is_told(monkeypatch, tmp_path):
    monkeypatch.setenv("JAXRNN_DATA", str(tmp_path))
    with pytest.raises(text.CorpusNotFound, match="or use 'analects'") as caught:
        text.load_corpus("lyrics")
    assert f"no jaychou_lyrics.txt.zip in $JAXRNN_DATA ({tmp_path})" in str(caught.value)


def test_a_download_with_another_sum_is_refused(monkeypatch, a_public_file, cache):
    serve(monkeypatch, b"<html>Log in to the hotel's network</html>")
    found = hashlib.sha1(b"<html>Log in to the hotel's network</html>").hexdigest()
    assert refusal(text.load_corpus, "time_machine") == (
        f"http://book.example/tm.txt has sha1 {found}, "
        f"but {hashlib.sha1(a_public_file).hexdigest()} was expected."
    )
    assert not cache.exists()


@pytest.mark.parametrize("failing", ["fsync", "replace"])
def test_an_interrupted_write_leaves_no_file(monkeypatch, a_public_file, cache, failing):
    def interrupted(*_):
        raise KeyboardInterrupt

    serve(monkeypatch, a_public_file)
    monkeypatch.setattr(_download.os, failing, interrupted)
    with pytest.raises(KeyboardInterrupt):
        text.load_corpus("time_machine")
    assert list(cache.iterdir()) == []


# Recipes


def test_lyrics_recipe_cuts_then_makes_a_sorted_vocabulary():
    ids, vocab = text.encode(corpus_of("cab\r\na\nz"), cut=6)
    assert vocab == text.Vocabulary((" ", "a", "b", "c"), unk=None, unit="char")
    assert ids.dtype == np.int32
    assert_array_equal(ids, [3, 1, 2, 0, 0, 1])  # z lies behind the cut


def test_time_machine_recipe_makes_a_vocabulary_by_frequency_then_cuts():
    raw = "Bb, 'b'!\n\n  Z--c\r\nc_1_é\rd"
    assert recipes.clean_time_machine(raw) == ["bb b", "", "z c", "c", "d"]
    ids, vocab = text.encode(corpus_of(raw, "time_machine"), cut=6)
    # "bb bz ccd": three b; two each of " " and c, " " seen first; one each of z and d, z seen first
    assert vocab == text.Vocabulary(("<unk>", "b", " ", "c", "z", "d"), unk=0, unit="char")
    assert_array_equal(ids, [1, 1, 2, 1, 4, 2])
    assert len(text.encode(corpus_of(raw, "time_machine"), cut=None).ids) == 9


def test_words_do_not_run_together_over_a_line_end():
    corpus = corpus_of("The cat\nthe dog; the END", "time_machine")
    ids, vocab = text.encode(corpus, unit="word", cut=4)
    assert vocab.tokens == ("<unk>", "the", "cat", "dog", "end")
    assert_array_equal(ids, [1, 2, 1, 3])
    assert vocab.text(ids) == "the cat the dog"
    assert_array_equal(vocab.ids("dog  bites\ncat"), [3, 0, 2])
    lyrics = text.encode(corpus, recipe="lyrics", unit="word")
    assert lyrics.vocab.tokens == ("END", "The", "cat", "dog;", "the")
    assert_array_equal(lyrics.ids, [1, 2, 4, 3, 4, 0])


def test_a_recipe_of_ones_own():
    shout = text.Recipe("shout", lambda raw: [raw.upper()], sorted, has_unk=True, cut_first=True)
    ids, vocab = text.encode(corpus_of("ba"), recipe=shout)
    assert vocab.tokens == ("<unk>", "A", "B")
    assert_array_equal(ids, [2, 1])
    assert text.encode(corpus_of("ba"), text.LYRICS).vocab.tokens == ("a", "b")


@pytest.mark.parametrize("unit", UNITS)
@pytest.mark.parametrize("rule", text.RECIPES.values(), ids=text.RECIPES)
@given(
    raw=st.text("aZé子 \n\r\t\x1c\u2028.1", min_size=1),
    size=st.integers(1, 9),
    cut=st.integers(1, 9),
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_text_read_in_parts_is_the_whole_text(monkeypatch, rule, unit, raw, size, cut):
    whole = dataclasses.replace(rule, seams={})
    monkeypatch.setattr(corpora, "BYTES", size)
    for limit in (cut, None):
        try:
            want = text.encode(corpus_of(raw), whole, limit, unit)
        except text.TextError as error:
            assert refusal(text.encode, corpus_of(raw), rule, limit, unit) == str(error)
            return
        ids, vocab = text.encode(corpus_of(raw), rule, limit, unit)
        assert vocab == want.vocab
        assert_array_equal(ids, want.ids)


@pytest.mark.parametrize(
    ("recipe", "unit"),
    [
        *itertools.product(["lyrics", "time_machine", "own"], ["char", "word"]),
        ("plain", "word"),
        ("plain", "byte"),
    ],
)
def test_six_bytes_of_memory_a_byte_of_text_and_next_to_none_where_it_is_cut(
    tmp_path, recipe, unit
):
    """Of the file; a line without an end, of characters of four bytes in a Python string. A recipe
    of one's own may need its text whole."""
    own = text.Recipe("own", lambda raw: [raw], text.LYRICS.order, has_unk=False, cut_first=True)
    line = "子曰：学而时习之。\n" if recipe == "own" else "the time of it 😀 "
    path = tmp_path / "a.txt"
    path.write_text(line * 24_000, "utf-8")
    text.encode(text.load_corpus(path), cut=1)
    for cut, most in ((None, 6), (100, 6 if recipe == "own" else 2)):
        tracemalloc.start()
        text.encode(text.load_corpus(path), own if recipe == "own" else recipe, cut, unit)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert peak < most * path.stat().st_size


@pytest.mark.parametrize("recipe", text.RECIPES)
def test_a_cut_reads_no_more_than_it_needs(recipe):
    """All of it, for a vocabulary of the whole text; in parts either way."""
    lengths = []

    def clean(part):
        lengths.append(len(part))
        return rule.clean(part)

    rule = text.RECIPES[recipe]
    watched, raw = dataclasses.replace(rule, clean=clean), "so many words\n" * 40_000
    text.encode(corpus_of(raw), watched, cut=100)
    assert max(lengths) < 2 * corpora.BYTES
    whole = 0 if rule.cut_first else len(raw)
    assert whole <= sum(lengths) <= whole + 3 * corpora.BYTES


def test_the_unknown_token_of_the_text_is_that_of_the_vocabulary():
    """As in texts whose rare words are replaced already."""
    rare = dataclasses.replace(text.LYRICS, has_unk=True)
    ids, vocab = text.encode(corpus_of("the <unk> of <unk>"), rare, unit="word")
    assert vocab.tokens == ("<unk>", "of", "the")
    assert_array_equal(ids, [2, 0, 1, 0])
    assert_array_equal(vocab.ids("of mice"), [1, 0])
    ids, vocab = text.encode(corpus_of("a <unk>"), "lyrics", unit="word")
    assert (vocab.tokens, vocab.unk, ids.tolist()) == (("<unk>", "a"), None, [1, 0])


def test_what_cannot_be_a_vocabulary_is_refused():
    assert refusal(text.Vocabulary, ("a", "b", "a"), None, "char") == (
        "'a' is in the vocabulary twice: give each token one id."
    )
    assert refusal(text.Vocabulary, ("a", "b"), 2, "char") == (
        "id 2 is not among the 2 of the vocabulary."
    )
    assert "'letter' is no unit" in refusal(text.Vocabulary, ("a",), None, "letter")
    twice = dataclasses.replace(text.LYRICS, order=list)
    assert "'a' is in the vocabulary twice" in refusal(text.encode, corpus_of("aa"), twice)


def test_what_cannot_be_encoded_is_refused():
    for cut, quoted in ((2.5, "2.5"), (True, "True"), ("9", "'9'")):
        assert refusal(text.encode, corpus_of("a"), cut=cut) == (
            f"`cut` must be a positive integer or None, got {quoted}."
        )
    assert refusal(text.encode, corpus_of("a"), cut=0) == "`cut` must be positive or None, got 0."
    assert refusal(text.encode, corpus_of("a"), unit="words") == (
        "'words' is no unit; did you mean 'word'?"
    )
    assert refusal(text.encode, "so it goes") == (
        "encode needs a Corpus, of `load_corpus` or made of a string, got 'so it goes'."
    )
    assert refusal(text.encode, corpus_of("a"), recipe="lyric") == (
        "'lyric' is no recipe; did you mean 'lyrics'?"
    )
    assert refusal(text.encode, corpus_of("论语", "time_machine")) == (
        "nothing of corpus 'test' is left by recipe 'time_machine'."
    )


# Vocabulary


def test_an_unknown_token_is_unk_or_refused():
    with_unk = text.Vocabulary(("<unk>", "a", "b"), unk=0, unit="char")
    assert_array_equal(with_unk.ids("baX"), [2, 1, 0])
    assert_array_equal(with_unk.ids(["b", "ab"]), [2, 0])
    assert with_unk.text(np.array([2, 0, 1])) == "b<unk>a"
    strict = text.Vocabulary(("a", "b"), unk=None, unit="char")
    assert refusal(strict.ids, "ab分") == (
        "'分' (U+5206) is not in the vocabulary of 2 chars, which has no <unk>."
    )
    assert refusal(with_unk.ids, b"ba") == "a text must be a string, got b'ba': decode it."
    assert refusal(text.Vocabulary(("a",), None, "word").ids, "a bee") == (
        "'bee' is not in the vocabulary of 1 words, which has no <unk>."
    )


def test_ids_of_nothing():
    vocab = text.Vocabulary(("a",), unk=None, unit="char")
    assert vocab.ids("").shape == (0,) and vocab.ids("").dtype == np.int32
    assert vocab.text([]) == ""


@pytest.mark.parametrize("bad", [-1, 2])
def test_no_text_for_an_id_out_of_range(bad):
    vocab = text.Vocabulary(("a", "b"), unk=None, unit="char")
    assert refusal(vocab.text, [0, bad]) == f"id {bad} is not among the 2 of the vocabulary."


def test_one_hot():
    rows = text.one_hot([[2, 0], [-1, 3]], 3)
    assert rows.dtype == np.float32
    assert_array_equal(rows, [[[0, 0, 1], [1, 0, 0]], [[0, 0, 0], [0, 0, 0]]])
    assert_array_equal(text.one_hot(1, 2, np.float64), [0.0, 1.0])
    assert refusal(text.one_hot, [0.5], 3) == "`ids` must be integers, got [0.5]."
    assert refusal(text.one_hot, [0], -1) == "`size` must be positive, got -1."


def test_time_major():
    assert_array_equal(text.time_major([[1, 2, 3], [4, 5, 6]]), [[1, 4], [2, 5], [3, 6]])
    assert refusal(text.time_major, [1, 2]) == "a batch must be (..., B, T), got shape (2,)."


def test_unigram_perplexity():
    assert text.unigram_perplexity([0, 1, 2, 3], 4) == pytest.approx(4)
    assert text.unigram_perplexity([5, 5, 5], 8) == 1
    assert text.unigram_perplexity([0, 0, 0, 1], 2) == pytest.approx(4 / 3**0.75)
    assert "id 4" in refusal(text.unigram_perplexity, [0, 4], 4)
    assert refusal(text.unigram_perplexity, [], 4) == (
        "the unigram perplexity of no ids is undefined."
    )


@given(st.lists(st.integers(0, 6), min_size=1))
def test_unigram_perplexity_is_that_of_the_counting_model(ids):
    log_loss = -sum(math.log(ids.count(i) / len(ids)) for i in ids) / len(ids)
    assert text.unigram_perplexity(ids, 7) == pytest.approx(math.exp(log_loss))


# Batches: over ids 0, 1, 2, … a token is its own position in the text


def test_consecutive_by_hand():
    inputs, targets = text.batches("consecutive", np.arange(15), 2, 3, seed=0, epoch=0)
    # two rows of 7, [0 … 6] and [7 … 13]; (7 - 1) // 3 = 2 minibatches
    assert_array_equal(inputs, [[[0, 7], [1, 8], [2, 9]], [[3, 10], [4, 11], [5, 12]]])
    assert_array_equal(targets, [[[1, 8], [2, 9], [3, 10]], [[4, 11], [5, 12], [6, 13]]])
    assert inputs.dtype == targets.dtype == np.int32


def test_consecutive_offset_by_hand():
    # offset 0: (14 - 1) // 2 = 6 a row; 1: 6; 2: 5; 3: 5. Unlike above, the last target of a row
    # may be the first input of the next.
    expected = {
        0: [[[0, 6], [1, 7], [2, 8]], [[3, 9], [4, 10], [5, 11]]],
        1: [[[1, 7], [2, 8], [3, 9]], [[4, 10], [5, 11], [6, 12]]],
        2: [[[2, 7], [3, 8], [4, 9]]],
        3: [[[3, 8], [4, 9], [5, 10]]],
    }
    seen = set()
    for epoch in range(60):
        inputs, targets = text.batches("consecutive-offset", np.arange(14), 2, 3, 0, epoch)
        offset = int(inputs[0, 0, 0])
        assert_array_equal(inputs, expected[offset])
        assert_array_equal(targets, inputs + 1)
        seen.add(offset)
    assert seen == {0, 1, 2, 3}


def test_random_by_hand():
    # (15 - 1) // 3 = 4 chunks, from 0, 3, 6, 9; one more would lack its last target. Two unused.
    seen = set()
    for epoch in range(60):
        inputs, targets = text.batches("random", np.arange(15), 3, 3, 0, epoch)
        assert inputs.shape == (1, 3, 3)
        assert_array_equal(inputs[0, 1:] - inputs[0, :-1], np.ones((2, 3)))
        assert_array_equal(targets, inputs + 1)
        seen.add(tuple(int(start) for start in inputs[0, 0]))
    assert {start for starts in seen for start in starts} == {0, 3, 6, 9}
    assert all(len(set(starts)) == 3 for starts in seen)
    assert len(seen) > 12  # of 24: epochs differ


def test_random_offset_by_hand():
    offsets = set()
    for epoch in range(60):
        inputs, _ = text.batches("random-offset", np.arange(12), 2, 3, 0, epoch)
        starts = inputs[:, 0].ravel()
        (offset,) = set((starts % 3).tolist())
        assert inputs.shape == (1, 3, 2)
        assert starts.max() + 3 <= 11
        offsets.add(offset)
    assert offsets == {0, 1, 2}


@pytest.mark.parametrize("sampling", SAMPLINGS)
@given(data=st.data())
def test_laws_of_batches(sampling, data):
    size, steps = data.draw(st.integers(1, 5)), data.draw(st.integers(1, 6))
    length = data.draw(st.integers(size * (steps + 1) + steps + 1, 200))
    seed, epoch = data.draw(st.integers(0, 9)), data.draw(st.integers(0, 9))
    inputs, targets = text.batches(sampling, np.arange(length), size, steps, seed, epoch)
    assert inputs.shape == targets.shape
    assert inputs.shape[0] >= 1 and inputs.shape[1:] == (steps, size)
    assert_array_equal(targets, inputs + 1)
    assert targets.max() < length
    assert_array_equal(inputs[:, 1:], targets[:, :-1])
    assert len(np.unique(inputs)) == inputs.size  # no token is read twice
    if "consecutive" in sampling:
        assert_array_equal(inputs[1:, 0], targets[:-1, -1])  # a column goes on where it stopped


@pytest.mark.parametrize("sampling", SAMPLINGS)
def test_batches_follow_from_seed_and_epoch(sampling):
    """From each of them: no two are alike, of so many offsets and orders that none is by chance."""

    def epoch_of(seed, epoch):
        return text.batches(sampling, np.arange(100_000), 4, 9_000, seed, epoch).inputs

    assert_array_equal(epoch_of(3, 4), epoch_of(3, 4))
    firsts = {epoch_of(seed, epoch)[0].tobytes() for seed in range(5) for epoch in range(5)}
    assert len(firsts) == (1 if sampling == "consecutive" else 25)


@pytest.mark.parametrize("sampling", SAMPLINGS)
def test_an_epoch_of_the_book_has_eight_minibatches(sampling):
    for epoch in range(40):
        inputs, _ = text.batches(sampling, np.arange(10_000), 32, 35, 0, epoch)
        assert inputs.shape == (8, 35, 32)
        if sampling == "consecutive":
            assert_array_equal(inputs[0, 0], 312 * np.arange(32))


@pytest.mark.parametrize(
    ("sampling", "needed"),
    [("consecutive", 12), ("consecutive-offset", 13), ("random", 10), ("random-offset", 12)],
)
def test_a_text_too_short_is_refused_and_the_least_is_enough(sampling, needed):
    fewest = [len(text.batches(sampling, np.arange(needed), 3, 3, 0, e).inputs) for e in range(30)]
    assert min(fewest) == 1
    assert refusal(text.batches, sampling, np.arange(needed - 1), 3, 3, 0, 0) == (
        f"{sampling} batches of 3 × 3 need at least {needed} tokens, got {needed - 1}."
    )


def test_what_cannot_be_batched_is_refused():
    ids = np.arange(100)
    assert refusal(text.batches, "random", ids, 0, 3, 0, 0) == (
        "`batch_size` must be positive, got 0."
    )
    assert refusal(text.batches, "random", ids, 3, -2, 0, 0) == (
        "`num_steps` must be positive, got -2."
    )
    assert refusal(text.batches, "randon", ids, 3, 3, 0, 0) == (
        "'randon' is no sampling; did you mean 'random'?"
    )
    assert refusal(text.batches, "random", ids.reshape(10, 10), 3, 3, 0, 0) == (
        "`ids` must be one text (len,), got shape (10, 10)."
    )
    assert refusal(text.batches, "random", ids, 3.0, 3, 0, 0) == (
        "`batch_size` must be a positive integer, got 3.0."
    )
    assert refusal(text.batches, "random", ids, 3, 3, -1, 0) == "`seed` must be 0 or more, got -1."
    assert refusal(text.batches, "random", ids, 3, 3, 2**32, 0) == (
        "`seed` must lie in 0…4294967295, got 4294967296."
    )
    assert refusal(text.batches, "random", ids, 3, 3, 0, 2**32) == (
        "`epoch` must lie in 0…4294967295, got 4294967296."
    )


@pytest.mark.parametrize("dtype", [np.int64, np.uint64, np.uint32])
def test_ids_are_checked_before_they_are_narrowed(dtype):
    """Each of these is 1 in 32 bits, or -1."""
    vocab = text.Vocabulary(("a", "b"), None, "char")
    for wide in (2**32 + 1, 2**32 - 1, 2**64 - 1):
        if wide <= np.iinfo(dtype).max:
            ids = np.array([0, wide] * 9, dtype)
            assert f"id {wide} is not among" in refusal(vocab.text, ids)
            assert f"id {wide} is not among" in refusal(text.unigram_perplexity, ids, 2)
            assert refusal(text.batches, "random", ids, 1, 1, 0, 0) == (
                f"`ids` must fit 32 bits, got {wide}."
            )


def test_a_long_list_is_quoted_on_a_line():
    vocab = text.Vocabulary(("a", "b"), None, "char")
    for ids in (np.full(100_000, 0.5), [0.5] * 100_000, ["a", "b"], [[1], [1, 2]], [2**70]):
        for read in (lambda ids: text.batches("random", ids, 3, 3, 0, 0), vocab.text):
            message = refusal(read, ids)
            assert message.startswith("`ids` must be integers, got ") and len(message) < 160
    assert len(refusal(text.load_corpus, "x" * 100_000)) < 250
    assert len(refusal(vocab.ids, ["x" * 100_000])) < 200
