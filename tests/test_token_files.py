"""Token ids on disk: what is found there is what would have been made, or it is made anew."""

import errno
import hashlib
import json
import tracemalloc
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from _texts import AWKWARD, UNITS, corpus_of, refusal
from numpy.testing import assert_array_equal

from jaxrnn import text
from jaxrnn.text import _token_files, _whole, corpora

WORDS = "so many words\nand so few\n" * 9


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "ids"


@pytest.fixture
def corpus():
    return corpus_of(WORDS, "plain")


@pytest.fixture
def unread(monkeypatch):
    """From the call on, no text can be read."""

    def stop():
        def read(*_):
            raise AssertionError("the text was read")

        monkeypatch.setattr(corpora.Corpus, "pieces", read)
        monkeypatch.setattr(corpora._Text, "__get__", read)

    return stop


def same(encoded, want):
    assert encoded.vocab == want.vocab
    assert_array_equal(encoded.ids, want.ids)


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()} if folder.exists() else {}


@pytest.mark.parametrize("cut", [None, 7])
@pytest.mark.parametrize("unit", UNITS)
@pytest.mark.parametrize("recipe", text.RECIPES)
def test_ids_on_disk_are_those_in_memory(monkeypatch, folder, unread, recipe, unit, cut):
    corpus = corpus_of(AWKWARD)
    want = text.encode(corpus, recipe, cut, unit)
    monkeypatch.setattr(corpora, "BYTES", 5)
    made = text.encode(corpus, recipe, cut, unit, folder)
    unread()
    found = text.encode(corpus, recipe, cut, unit, str(folder))
    for encoded in (made, found):
        same(encoded, want)
        assert isinstance(encoded.ids, np.memmap) and encoded.ids.dtype == np.uint8
        with pytest.raises(ValueError, match="read-only"):
            encoded.ids[0] = 1
        assert encoded.vocab.text(encoded.ids) == want.vocab.text(want.ids)


def test_a_file_is_read_twice_and_then_never(tmp_path, folder, unread):
    path = tmp_path / "book.txt"
    path.write_text(WORDS)
    want = text.encode(text.load_corpus(path), cut=None)
    made = text.encode(text.load_corpus(path), cut=None, folder=folder)
    assert {p.name for p in folder.iterdir()} == {
        f"{hashlib.sha1(WORDS.encode()).hexdigest()}-plain-char-all-v1.{end}"
        for end in ("npy", "json")
    }
    again = text.load_corpus(path)
    unread()
    found = text.encode(again, cut=None, folder=folder)
    same(made, want)
    same(found, want)


def test_a_string_with_a_byte_order_mark_is_no_file_with_one(tmp_path, folder):
    """They have the same bytes, but of the file the mark is no part of the text."""
    path = tmp_path / "book.txt"
    path.write_text("\ufeffwords", "utf-8")
    for corpus in (text.load_corpus(path), corpus_of("\ufeffwords", "plain")):
        same(text.encode(corpus, folder=folder), text.encode(corpus))
    assert len(contents(folder)) == 4


def test_another_text_or_way_is_another_file(folder):
    asked = [
        (corpus_of(raw), recipe, cut, unit)
        for raw in (WORDS, WORDS + "x")
        for recipe in text.RECIPES
        for cut in (None, 7, 8)
        for unit in UNITS
    ]
    for words in asked:
        same(text.encode(*words, folder), text.encode(*words))
    assert len(contents(folder)) == 2 * len(asked)
    for words in asked:
        same(text.encode(*words, folder), text.encode(*words))


@pytest.mark.parametrize(
    ("distinct", "dtype"),
    [(255, np.uint8), (256, np.uint16), (65_535, np.uint16), (65_536, np.int32)],
)
def test_the_least_dtype_that_holds_the_vocabulary(folder, distinct, dtype):
    """`<unk>` is one more."""
    corpus = corpus_of("".join(map(chr, range(0x10000, 0x10000 + distinct))), "plain")
    for _ in range(2):
        ids, vocab = text.encode(corpus, cut=None, folder=folder)
        assert len(vocab) == distinct + 1 and ids.dtype == dtype
        assert_array_equal(ids, np.arange(1, distinct + 1))


def test_a_known_version_has_known_ids():
    """If this fails, ids on people's disks are no longer those that would be made: raise VERSION,
    then take the new sum."""
    digest = hashlib.sha1()
    for raw in (AWKWARD, text.load_corpus("analects").text[:2_000]):
        for recipe in text.RECIPES:
            for unit in UNITS:
                try:
                    ids, vocab = text.encode(corpus_of(raw), recipe, None, unit)
                except text.TextError:
                    continue  # no letters
                digest.update(repr((ids.tolist(), vocab.tokens, vocab.unk)).encode())
    assert (_token_files.VERSION, digest.hexdigest()) == (
        1,
        "e3a982f0681c8909db01a2776843c76e338017ca",
    )


# Damage


def damages(npy, beside):
    said = json.loads(beside)
    yield None, beside
    yield npy, None
    yield b"", beside
    yield npy[:-1], beside
    yield npy + b"\0", beside
    for at in (0, 6, 20, 90, len(npy) // 2, len(npy) - 1):
        yield npy[:at] + bytes([npy[at] ^ 1]) + npy[at + 1 :], beside
    for other in (b"", b"{", b"[]", b"3", b'"sum"', b"\xff", b"[" * 100_000, beside[:-9]):
        yield npy, other
    for name in said:
        yield npy, json.dumps({k: v for k, v in said.items() if k != name}).encode()
        yield npy, json.dumps({**said, name: None}).encode()
    yield npy, json.dumps({**said, "tokens": said["tokens"][::-1]}).encode()
    yield npy, json.dumps({**said, "unk": 1}).encode()


def test_damage_is_noticed_and_made_good(folder, corpus):
    want = text.encode(corpus, cut=None)
    text.encode(corpus, cut=None, folder=folder)
    whole = contents(folder)
    beside, npy = sorted(folder.iterdir())
    tried = 0
    for ids, said in list(damages(npy.read_bytes(), beside.read_bytes())):
        for path, data in ((npy, ids), (beside, said)):
            path.unlink()
            if data is not None:
                path.write_bytes(data)
        same(text.encode(corpus, cut=None, folder=folder), want)
        assert contents(folder) == whole
        tried += 1
    assert tried > 30


def test_files_under_anothers_name_are_noticed(folder, corpus):
    """Those of one cut, renamed to another."""
    text.encode(corpus, cut=7, folder=folder)
    for path in list(folder.iterdir()):
        path.rename(path.with_name(path.name.replace("-7-", "-8-")))
    same(text.encode(corpus, cut=8, folder=folder), text.encode(corpus, cut=8))


# Interruption, and a disk that does not take it


@pytest.mark.parametrize("damaged", [False, True])
@pytest.mark.parametrize("failing", ["piece", "fsync", "replace"])
@pytest.mark.parametrize("failure", [KeyboardInterrupt(), OSError(errno.ENOSPC, "No space left")])
def test_what_ends_the_write_leaves_nothing_of_it(
    monkeypatch, folder, corpus, failure, failing, damaged
):
    want = text.encode(corpus, cut=None)
    if damaged:
        text.encode(corpus, cut=None, folder=folder)
        npy = max(folder.iterdir())
        npy.write_bytes(npy.read_bytes()[:-1])
    before = contents(folder)
    with monkeypatch.context() as patch:
        if failing == "piece":
            fill = _token_files._fill

            def broken(file, dtype, pieces):
                fill(file, dtype, [next(iter(pieces))])
                raise failure

            patch.setattr(_token_files, "_fill", broken)
        else:
            patch.setattr(_whole.os, failing, lambda *_: (_ for _ in ()).throw(failure))
        if isinstance(failure, OSError):
            assert refusal(text.encode, corpus, cut=None, folder=folder) == (
                f"token ids cannot be kept in '{folder}': No space left; "
                "name another folder, or none."
            )
        else:
            with pytest.raises(KeyboardInterrupt):
                text.encode(corpus, cut=None, folder=folder)
        assert contents(folder) == before
    same(text.encode(corpus, cut=None, folder=folder), want)


def test_a_folder_that_cannot_be_written_to_is_refused(monkeypatch, tmp_path, corpus):
    (tmp_path / "file").write_text("mine")
    for folder in (tmp_path / "file", tmp_path / "file" / "ids", "a\0b"):
        assert refusal(text.encode, corpus, folder=folder).startswith(
            f"token ids cannot be kept in {str(folder)!r}: "
        )
    assert contents(tmp_path) == {"file": b"mine"}

    def denied(*_):
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(_whole, "open", denied, raising=False)  # root may write anywhere
    assert refusal(text.encode, corpus, folder=tmp_path) == (
        f"token ids cannot be kept in '{tmp_path}': Permission denied; "
        "name another folder, or none."
    )
    assert refusal(text.encode, corpus, folder=3) == "`folder` must be a path or None, got 3."
    assert refusal(text.encode, corpus, folder="~nobody-of-this-name/ids") == (
        "`folder` '~nobody-of-this-name/ids' is in the home of nobody: name another."
    )


def test_a_folder_that_can_only_be_read_is_read(monkeypatch, folder, corpus):
    text.encode(corpus, folder=folder)
    monkeypatch.setattr(_whole, "open", None, raising=False)
    same(text.encode(corpus, folder=folder), text.encode(corpus))


def test_a_text_that_cannot_be_encoded_leaves_nothing(tmp_path, folder):
    path = tmp_path / "book.txt"
    path.write_text(WORDS)
    corpus = text.load_corpus(path)
    path.write_text(WORDS * 2)
    assert "has changed since it was loaded" in refusal(text.encode, corpus, folder=folder)
    for recipe in ("time_machine", "plain"):
        blank = corpus_of(" \t ", recipe)
        sentence = f"nothing of corpus 'test' is left by recipe '{recipe}'."
        assert refusal(text.encode, blank, unit="word", folder=folder) == sentence
    own = text.Recipe("own", lambda raw: [raw], sorted, has_unk=True, cut_first=True)
    assert refusal(text.encode, corpus_of("a"), own, folder=folder) == (
        "a folder keeps ids of the recipes lyrics, time_machine, plain alone, got recipe 'own': "
        "encode without a folder."
    )
    assert contents(folder) == {}


def test_what_a_killed_process_left_is_swept_and_what_a_living_one_writes_is_not(folder, corpus):
    text.encode(corpus, folder=folder)
    beside, npy = sorted(folder.iterdir())
    dead = [path.with_name(f"{path.name}.0.part") for path in (npy, beside)]
    another = folder / "another.npy.0.part"
    for path in (*dead, another):
        path.write_bytes(b"\x93NUMPY")
    npy.unlink()
    with _whole.whole(npy) as file:
        (living,) = set(folder.iterdir()) - {beside, *dead, another}
        same(text.encode(corpus, folder=folder), text.encode(corpus))
        assert {*folder.iterdir()} == {npy, beside, living, another}
        file.write(b"last")
    assert {*folder.iterdir()} == {npy, beside, another} and npy.read_bytes() == b"last"


def test_a_file_that_is_swept_before_it_is_locked_is_made_again(monkeypatch, tmp_path):
    path, lock, swept = tmp_path / "a", _whole._lock, []

    def late(file, wait):
        if wait and not swept:
            swept.append(file.name)
            _whole.sweep(path)
        lock(file, wait)

    monkeypatch.setattr(_whole, "_lock", late)
    with _whole.whole(path) as file:
        file.write(b"whole")
    assert contents(tmp_path) == {"a": b"whole"} and len(swept) == 1


# Several at once, and much text


def test_writers_and_readers_at_once(monkeypatch, folder):
    corpus = corpus_of(WORDS * 50, "plain")
    want = text.encode(corpus, cut=None, unit="word")
    monkeypatch.setattr(corpora, "BYTES", 50)
    with ThreadPoolExecutor(8) as threads:
        jobs = [
            threads.submit(text.encode, corpus, "plain", None, "word", folder) for _ in range(24)
        ]
        for job in jobs:
            same(job.result(), want)
    assert len(contents(folder)) == 2


def test_another_process_may_finish_first(monkeypatch, folder, corpus):
    """While one writes, another writes all of it."""
    fill = _token_files._fill

    def slow(file, dtype, pieces):
        monkeypatch.setattr(_token_files, "_fill", fill)
        same(text.encode(corpus, cut=None, folder=folder), text.encode(corpus, cut=None))
        return fill(file, dtype, pieces)

    monkeypatch.setattr(_token_files, "_fill", slow)
    same(text.encode(corpus, cut=None, folder=folder), text.encode(corpus, cut=None))
    assert len(contents(folder)) == 2


@pytest.mark.parametrize("unit", UNITS)
def test_memory_does_not_grow_with_the_text(tmp_path, folder, unit):
    """1.3 MB of it, of which the ids would take 5 in memory, those of words 1.4."""
    path = tmp_path / "book.txt"
    path.write_text("so many words, and so few\n" * 50_000)
    corpus = text.load_corpus(path)
    text.encode(corpus_of(WORDS), folder=folder)  # what is imported at first is no growth
    for _ in range(2):
        tracemalloc.start()
        ids, vocab = text.encode(corpus, None, None, unit, folder)
        assert vocab.characters(ids[:100]) > 99
        text.unigram_perplexity(ids[: 1 << 16], len(vocab))
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert peak < 1 << 20
    assert ids.dtype == np.uint8 and len(ids) >= 50_000 * 7
