"""Command lines that cannot be followed: each is one sentence, status 2, and nothing is written."""

import importlib
import os
from pathlib import Path

import pytest

EXPERIMENTS = Path(__file__).parents[1] / "experiments"
TEXT = "so many words, and so few of them are new. " * 40

# After the name of the command, what is said of it. In a folder with mine.txt (a text), empty.txt,
# blank.txt, gbk.txt (no UTF-8), bad.zip, run/ (a config.json that is none), mine.json and file.
BAD = {
    "char_lm": {
        "": "name a preset or a cell",
        "--epochs 3": "name a preset or a cell",
        "gru-concize": "did you mean 'gru-concise'?",
        "lsmt": "did you mean 'lstm'?",
        "lstm --hiden-size 3": "did you mean --hidden-size?",
        "lstm --colour red": "Unrecognized options: --colour, red",
        "lstm gru": "Unrecognized options: gru",
        "lstm --hidden-size": "Missing value for argument '--hidden-size'",
        "lstm --hidden-size many": "Error parsing --hidden-size",
        "lstm --hidden-size 2.5": "Error parsing --hidden-size",
        "lstm --hidden-size 0": "`hidden_size` must be positive, got 0",
        "lstm --hidden-size -3": "`hidden_size` must be positive, got -3",
        "lstm --layers 0": "`layers` must be positive, got 0",
        "lstm --cell rnn": "invalid choice 'rnn'",
        "gru --reset never": "invalid choice 'never'",
        "lstm --initializer ones": "invalid choice 'ones'",
        "lstm --embedding -1": "`embedding` must be",
        "lstm --tied": "tied",
        "lstm --tied --embedding 8": "output_size",
        "lstm --dropout 1": "dropout",
        "lstm --dropout -0.1": "dropout",
        "lstm --recurrent-dropout 1.5": "`recurrent`",
        "lstm --zoneout nan": "`zoneout`",
        "lstm --matmul-dtype int8": "invalid choice 'int8'",
        "lstm --keep all": "invalid choice 'all'",
        "lstm --optimizer adamw": "invalid choice 'adamw'",
        "lstm --learning-rate 0": "`learning_rate` must be positive, got 0.0",
        "lstm --learning-rate -1": "`learning_rate` must be positive, got -1.0",
        "lstm --learning-rate nan": "`learning_rate` must be positive, got nan",
        "lstm --learning-rate inf": "`learning_rate` must be finite",
        "lstm --clip 0": "`clip` must be positive, got 0.0",
        "lstm --clip nan": "`clip` must be positive, got nan",
        "lstm --schedule cosin": "did you mean 'cosine'",
        "lstm --warmup -1": "`warmup` must be 0 or more, got -1",
        "lstm --warmup 1000000": "`warmup` must be less than all",
        "lstm --epochs 0": "`epochs` must be positive, got 0",
        "lstm --batch-size 0": "`batch_size` must be positive, got 0",
        "lstm --num-steps 0": "`num_steps` must be positive, got 0",
        "lstm --batch-size 100000": "need at least",
        "lstm --sampling consecutively": "invalid choice 'consecutively'",
        "lstm --restart always": "invalid choice 'always'",
        "lstm --patience 3": "`patience` needs a validation part",
        "lstm --patience -1 --validation 0.1": "`patience` must be 0 or more, got -1",
        "lstm --seed -1": "`seed` must be 0 or more, got -1",
        "lstm --seed 4294967296": "got 4294967296",
        "lstm --corpus analect": "did you mean 'analects'?",
        "lstm --corpus nowhere.txt": "neither a corpus nor a file",
        "lstm --corpus empty.txt": "is empty",
        "lstm --corpus blank.txt": "is empty",
        "lstm --corpus gbk.txt": "is not UTF-8",
        "lstm --corpus bad.zip": "cannot be unzipped",
        "lstm --corpus mine.txt --num-steps 5000": "need at least",
        "lstm --unit line": "invalid choice 'line'",
        "lstm --recipe plane": "did you mean 'plain'?",
        "lstm --cut -1": "`cut` must be positive, or 0 for all, got -1",
        "lstm --validation 1": "`validation` must lie in [0, 1), got 1.0",
        "lstm --test -0.5": "`test` must lie in [0, 1), got -0.5",
        "lstm --validation 0.6 --test 0.6": "leave none",
        "lstm --cut 200 --num-steps 5 --batch-size 2 --validation 0.01": "need at least",
        "gru-concise --prefixes Q": "'Q' (U+0051) is not in the vocabulary",
        "lstm --every 0": "`every` must be positive, got 0",
        "lstm --checkpoint-seconds -1": "`checkpoint_seconds` must be 0 or more",
        "lstm --run-dir file": "file is a file, not a folder",
        "lstm --run-dir file/run": "is a file, not a folder",
        "lstm --run-dir ~nobody-of-this-name/x": "nobody here has that home",
        "--config nowhere": "nowhere cannot be read: No such file",
        "--config run": "is no configuration of a run",
        "--config mine.json": "is no configuration of a run",
        "--config mine.txt": "is no configuration of a run",
        "--resume nowhere": "nowhere is no run",
        "--resume mine.txt": "is no run",
        "--resume run": "is no configuration of a run",
        "--resume run --hidden-size 3": "Unrecognized options: --hidden-size",
        "--resume": "Missing value for argument '--resume'",
    },
    "sample": {
        "": "",
        "nowhere": "nowhere cannot be read: No such file",
        "mine.txt": "no whole safetensors file",
        "run": "cannot be read: No such file",
        "mine.txt --count 0": "`count` must be positive, got 0",
        "mine.txt --count many": "Error parsing --count",
        "mine.txt --seed -1": "`seed` must lie in",
        "mine.txt --temprature 1": "did you mean --temperature?",
    },
}
CASES = [(name, *case) for name, cases in BAD.items() for case in cases.items()]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The folder that the cases speak of, with nothing else in it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(EXPERIMENTS))
    files = {"mine.txt": TEXT, "empty.txt": "", "blank.txt": " \n", "file": "mine"}
    for name, content in files.items() | {("mine.json", '{"name": "lstm", "network": {}}')}:
        Path(name).write_text(content)
    Path("gbk.txt").write_bytes("子曰".encode("gbk") * 999)
    Path("bad.zip").write_bytes(b"PK\3\4 no zip")
    Path("run").mkdir()
    Path("run/config.json").write_text('{"name": 3')
    return tmp_path


def contents(folder):
    return {
        str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None
        for path in folder.rglob("*")
        if path.name != ".lock"
    }


@pytest.mark.parametrize("name, line, said", CASES, ids=[f"{n} {line}" for n, line, _ in CASES])
def test_it_is_one_sentence_and_nothing_is_written(folder, name, line, said):
    before, module = contents(folder), importlib.import_module(name)
    import command  # pyright: ignore[reportMissingImports]

    words = line.split()
    with pytest.raises(ValueError) as error:
        module.main(words if name == "char_lm" else command.parse(module.Arguments, words))
    sentence = str(error.value)
    assert said in sentence and "\n" not in sentence and 15 < len(sentence) < 1000
    assert contents(folder) == before


def test_there_are_sixty_of_them():
    assert len(CASES) >= 60


@pytest.mark.skipif(os.name == "nt", reason="a shell as on Unix")
def test_such_a_sentence_is_status_two(folder):
    import subprocess
    import sys

    done = subprocess.run(
        [sys.executable, str(EXPERIMENTS / "char_lm.py"), "lstm", "--hiden-size", "3"],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2 and not done.stdout and done.stderr.count("\n") == 1
