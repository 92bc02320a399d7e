"""The campaign: what it runs, what its bands hold, what it measures, what the docs are given."""

import importlib
import json
import math
import subprocess
from pathlib import Path

import _pages as pages
import pytest
from _pages import a_run

EXPERIMENTS = Path(__file__).parents[1] / "experiments"


@pytest.fixture
def load(monkeypatch):
    """load("name"): a module of experiments/."""
    monkeypatch.syspath_prepend(str(EXPERIMENTS))
    return importlib.import_module


def campaign_of(folder, runs):
    """A campaign's folders: {"PRESET-CORPUS-sSEED": perplexities}."""
    for name, perplexities in runs.items():
        (folder / name).mkdir(parents=True)
        lines = [json.dumps({"perplexity": p}) for p in perplexities]
        (folder / name / "metrics.jsonl").write_text("\n".join([*lines, ""]))
    return str(folder)


def gru(values, corpus="analects"):
    """gru-concise's runs, of 40 epochs each, that end at `values`."""
    return {f"gru-concise-{corpus}-s{n}": [9.0] * 39 + [v] for n, v in enumerate(values)}


FIRST = [1.0544, 1.1, 1.15, 1.2, 1.2386]  # whose band is the preset's own, 1.026…1.5


@pytest.mark.parametrize(
    "values, status, said",
    [
        (FIRST, 0, "by the rule 1.026…1.5"),
        ([*FIRST, 1.4], 0, "1.4"),
        ([*FIRST, 1.6], 1, "a seed is outside"),
        ([*FIRST, None], 1, "a seed is outside"),
        ([1.3, 1.31, 1.32, 1.33, 1.34], 1, "not stated"),
    ],
)
def test_bands_hold_seeds_to_what_the_first_five_gave(load, tmp_path, capsys, values, status, said):
    assert load("bands").main(campaign_of(tmp_path, gru(values))) == status
    assert said in capsys.readouterr().out


@pytest.mark.parametrize(
    "runs, said",
    [
        ({}, "holds no run of a preset"),
        ({"gru-concise-analects-s0": []}, "holds no run of a preset"),
        ({"gru-concize-analects-s0": [2.0], "notes": [2.0]}, "holds no run of a preset"),
        (gru(FIRST[:4]), "gru-concise has no whole run of seeds 0 to 4 on analects"),
        (gru([1.0, *FIRST[1:]]), "give no band"),
        (gru([None, *FIRST[1:]]), "give no band"),
        ({"tm-gru-concise-time_machine-s0": [1.1] * 500}, "states a band of its text"),
    ],
    ids=["empty", "no epoch", "other folders", "four seeds", "1", "diverged", "no band"],
)
def test_bands_of_nothing_are_refused(load, tmp_path, runs, said):
    with pytest.raises(ValueError, match=said):
        load("bands").main(campaign_of(tmp_path, runs))


@pytest.mark.parametrize("folder, said", [("nowhere", "is no folder"), ("", "needs a name")])
def test_a_campaign_that_is_not_there_has_no_bands(load, folder, said):
    with pytest.raises(ValueError, match=said):
        load("bands").main(folder)


@pytest.mark.parametrize(
    "line", ["so", "{", "3", "[]", "{}", '{"perplexity": "x"}', '{"perplexity": [1]}']
)
def test_a_damaged_line_is_quoted(load, tmp_path, line):
    folder = tmp_path / "gru-concise-analects-s0"
    folder.mkdir()
    (folder / "metrics.jsonl").write_text(f'{{"perplexity": 2}}\n{line}\n')
    with pytest.raises(ValueError) as error:
        load("bands").main(str(tmp_path))
    assert f"line 2, is no finished epoch: {line.encode()!r}." in str(error.value)
    arguments = load("reproduce").Arguments(only=("gru-concise",), folder=str(tmp_path))
    with pytest.raises(ValueError, match="is no finished epoch"):
        load("reproduce").main(arguments)
    assert folder.exists(), "what is not understood is not removed"
    assert [path.name for path in tmp_path.iterdir()] == [folder.name]


@pytest.fixture
def reproduce(load, tmp_path, monkeypatch):
    """reproduce.py in a house of its own, where two presets are all, and no run begins by itself:
    `reproduce.began` lists those that would, and each ends at once with `reproduce.status`."""
    reproduce = load("reproduce")
    presets, readme, campaign = (load(n) for n in ("presets", "presets_table", "campaign"))
    two = {n: presets.PRESETS[n] for n in ("gru-concise", "tm-gru-concise")}
    monkeypatch.setattr(presets, "PRESETS", two)
    monkeypatch.setattr(readme, "ROOT", tmp_path / "house")
    (tmp_path / "house" / "docs").mkdir(parents=True)
    (tmp_path / "house" / "docs" / "experiments.md").write_text(
        f"子曰\n{readme.MARK}\nold\n{readme.MARK}\n"
    )
    monkeypatch.setattr(reproduce, "began", [], raising=False)
    monkeypatch.setattr(reproduce, "status", 0, raising=False)

    def run(words, **_):
        reproduce.began.append(words[2:])
        return subprocess.CompletedProcess(words, reproduce.status)

    monkeypatch.setattr(campaign.subprocess, "run", run)
    monkeypatch.setattr(campaign, "at_hand", lambda corpus: True)
    return reproduce


def whole(seeds=8):
    moby = {f"tm-gru-concise-moby_dick-s{n}": [5.5] * 200 for n in range(seeds)}
    return gru(FIRST + [1.1] * (seeds - 5)) | moby | {"tm-gru-concise-time_machine-s0": [1.1] * 500}


def house(tmp_path):
    files = (tmp_path / "house").rglob("*")
    return {p.name: p.read_text("utf-8") for p in files if p.is_file()}


def test_a_whole_campaign_is_written_into_the_docs_where_that_is_asked(reproduce, tmp_path, capsys):
    folder = campaign_of(tmp_path / "campaign", whole() | {"gru-concise-mine-s0": [2.0]})
    before = house(tmp_path)
    assert reproduce.main(reproduce.Arguments(8, folder=folder)) == 0
    assert house(tmp_path) == before, "it was not asked"
    assert reproduce.main(reproduce.Arguments(8, folder=folder, write_docs=True)) == 0
    after = house(tmp_path)
    assert after["experiments.md"].startswith("子曰\n")
    assert "old" not in after["experiments.md"] and "mine" not in after["experiments.md"]
    assert "| 1.1 (1.054 … 1.239) @40 on analects | 8 |" in after["experiments.md"]
    assert not reproduce.began and "all runs are there" in capsys.readouterr().out


def test_a_preset_gets_its_rows_alone(reproduce, load, tmp_path):
    """The others stay, in the order of the presets, and need not be there."""
    page, mark = tmp_path / "house" / "docs" / "experiments.md", load("presets_table").MARK
    stays = "| `tm-gru-concise` | old |"
    page.write_text(f"{mark}\n{stays}\n| `gru-concise` | old |\n| `gone` | old |\n{mark}\n")
    only = {name: run for name, run in whole().items() if name.startswith("gru-concise")}
    folder = campaign_of(tmp_path / "campaign", only)
    asked = reproduce.Arguments(8, ("gru-concise",), folder=folder, write_docs=True)
    assert reproduce.main(asked) == 0
    lines = page.read_text("utf-8").splitlines()
    assert "| 1.1 (1.054 … 1.239) @40 on analects | 8 |" in lines[3]
    assert lines[4:] == [stays, mark] and not reproduce.began


@pytest.mark.parametrize("lost", ["gru-concise-analects-s7", "tm-gru-concise-time_machine-s0"])
@pytest.mark.parametrize("failed", [False, True])
def test_a_campaign_that_is_not_whole_leaves_the_docs_as_they_are(
    reproduce, tmp_path, lost, failed
):
    """Whether the run that it lacks fails, or ends too early."""
    runs, before = whole(), house(tmp_path)
    runs[lost] = runs[lost][1:]
    folder = campaign_of(tmp_path / "campaign", runs)
    reproduce.status = 1 if failed else 0
    arguments = reproduce.Arguments(8, folder=folder, write_docs=True)
    if failed:
        assert reproduce.main(arguments) == 1
    else:
        with pytest.raises(ValueError, match=f"stays as it is, for 1 runs .* {lost}"):
            reproduce.main(arguments)
    assert house(tmp_path) == before
    assert [f"--run-dir={folder}/{lost}" in words for words in reproduce.began] == [True]


def test_a_page_without_its_two_marks_is_left_as_it_is(reproduce, tmp_path):
    (tmp_path / "house" / "docs" / "experiments.md").write_text("mine\n")
    folder = campaign_of(tmp_path / "campaign", whole())
    with pytest.raises(ValueError, match="needs two lines <!-- results -->, it has 0"):
        reproduce.main(reproduce.Arguments(8, folder=folder, write_docs=True))
    assert house(tmp_path) == {"experiments.md": "mine\n"}


@pytest.mark.parametrize(
    "arguments, said",
    [
        ({"seeds": 0}, "`seeds` must be positive, got 0."),
        ({"seeds": -1}, "got -1"),
        ({"only": ("gru-concise", "gru-conzise")}, "did you mean 'gru-concise'"),
        ({"folder": ""}, "needs a name, got ''"),
        ({"folder": "file"}, "file is a file, not a folder"),
        ({"folder": "~nobody-of-this-name/x"}, "~nobody-of-this-name/x is no folder"),
        ({"write_docs": True}, "--seeds 8 or more, got 3"),
    ],
)
def test_a_campaign_that_cannot_be_begins_no_run(reproduce, tmp_path, monkeypatch, arguments, said):
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    Path("file").write_text("mine")
    with pytest.raises(ValueError, match=said):
        reproduce.main(reproduce.Arguments(**{"folder": "new"} | arguments))
    assert [p.name for p in Path().iterdir()] == ["file"] and not reproduce.began


def test_a_campaign_runs_what_is_not_whole(reproduce, load, tmp_path, monkeypatch, capsys):
    """With the seeds and the epochs of the claims; without a text that is not at hand."""
    campaign, began = load("campaign"), []

    def run(words, **_):
        began.append(words[2:])
        return subprocess.CompletedProcess(words, 2 if "--seed=2" in words else 3)

    monkeypatch.setattr(campaign.subprocess, "run", run)
    monkeypatch.setattr(campaign, "at_hand", lambda corpus: corpus != "time_machine")
    folder = campaign_of(tmp_path / "campaign", gru([1.1, math.pi]))
    cut = tmp_path / "campaign" / "gru-concise-analects-s1" / "metrics.jsonl"
    cut.write_text('{"perplexity": 2}\n')
    only = ("gru-concise", "tm-gru-concise")
    assert reproduce.main(reproduce.Arguments(3, only, folder)) == 1
    assert [" ".join(words[:4]) for words in began] == [
        "tm-gru-concise --corpus=moby_dick --seed=0 --epochs=200",
        "gru-concise --corpus=analects --seed=1 --epochs=40",
        "tm-gru-concise --corpus=moby_dick --seed=1 --epochs=200",
        "gru-concise --corpus=analects --seed=2 --epochs=40",
        "tm-gru-concise --corpus=moby_dick --seed=2 --epochs=200",
    ]
    out = capsys.readouterr().out
    assert "without time_machine" in out and "failed: gru-concise-analects-s2, tm-gru" in out


# What was measured, beside what is published


def results_of(folder):
    return (Path(folder) / "results.md").read_text("utf-8"), pages.parsed(
        (Path(folder) / "results.html").read_text("utf-8")
    )


def test_results_tell_median_and_range_beside_the_published(reproduce, tmp_path):
    folder = campaign_of(tmp_path / "campaign", gru(FIRST[:3]))
    assert reproduce.main(reproduce.Arguments(3, ("gru-concise",), folder)) == 0
    text, page = results_of(folder)
    published = "1.016–1.023 @40"
    row = f"| `gru-concise` | analects | {published} | 1.026 … 1.5 @40 | "
    assert f"{row}1.1 (1.054 … 1.15) @40 | 3 | in band |" in text
    (cells,) = page.rows("td")
    assert cells == [
        *("gru-concise", "analects", "in band", ""),
        *("1.1 (1.054 … 1.15) @40", "1.026 … 1.5 @40", published, "3"),
    ]
    assert not page.of_class("out") and not page.of_class("outside")
    assert len(page.of_class("line")) == 3 and len(page.of_class("band")) == 1


def test_a_seed_out_of_its_band_is_red_and_status_three(reproduce, tmp_path):
    folder = campaign_of(tmp_path / "campaign", gru([1.1, 1.6, None]))
    assert reproduce.main(reproduce.Arguments(3, ("gru-concise",), folder)) == 3
    text, page = results_of(folder)
    assert "1.6 (1.1 … inf) @40 | 3 | **out of band: seed 1, 2** |" in text
    assert [tag for tag, _ in page.of_class("out")] == ["span", "b", "b"]
    lines = [attributes["class"] for _, attributes in page.of_class("line")]
    assert lines == ["line tone0", "line outside", "line outside"]


def test_a_dot_lies_beside_its_band_as_bands_are_made(load):
    """ln(x - 1) runs from 0 to 1 over the band; linear where it begins at 1."""
    place, Band = load("results").place, load("claims").Band
    band = Band("analects", 40, 1.1, 1.9)
    assert [place(band, x) for x in (1.1, 1.9, 1.0, 0.5)] == [0, 1, -math.inf, -math.inf]
    assert math.isclose(place(band, 1.3), 0.5) and math.isclose(place(band, 1 + 8.1), 2)
    assert place(Band("lyrics", 40, 1.0, 3.0), 2.5) == 0.75 and place(band, math.inf) == math.inf


def test_what_is_asked_for_alone_is_told(reproduce, tmp_path):
    """Not an older run of another preset in the same folder."""
    runs = gru([1.1]) | {"tm-gru-concise-moby_dick-s0": [99.0] * 200}
    folder = campaign_of(tmp_path / "campaign", runs)
    assert reproduce.main(reproduce.Arguments(1, ("gru-concise",), folder)) == 0
    assert "tm-gru" not in results_of(folder)[0]


def test_a_claim_of_what_a_run_writes_is_judged_by_its_samples(load, tmp_path):
    """lstm-6-layers is to find the frequencies alone, and so one character for ever."""
    results, runs = load("results"), {}
    for seed, (final, text) in enumerate([(168.0, "子的的的"), (168.0, "的了的"), (140.0, "的的")]):
        runs[seed] = [300.0] * 39 + [final]
        folder = tmp_path / f"lstm-6-layers-analects-s{seed}"
        a_run(folder, perplexities=runs[seed], samples=[(40, "子", text)])
    (row,) = results.rows({("lstm-6-layers", "analects"): runs}, tmp_path)
    assert row.kept == {0: True, 1: False, 2: False} and row.judgement == "broken: seed 1, 2"
    (tmp_path / "lstm-6-layers-analects-s0" / "samples.jsonl").unlink()
    (row,) = results.rows({("lstm-6-layers", "analects"): {0: runs[0]}}, tmp_path)
    assert row.kept == {} and row.judgement == "not judged"


def test_a_preset_that_claims_nothing_of_a_text_is_measured_and_not_judged(load, tmp_path):
    (row,) = load("results").rows({("gru-concise", "moby_dick"): {0: [3.0, 2.0]}}, tmp_path)
    assert (row.measured, row.expected, row.judgement) == ("2 @2", "–", "not judged")
    (row,) = load("results").rows({("gru-concise", "analects"): {0: [3.0, 2.0]}}, tmp_path)
    assert (row.measured, row.judgement) == ("–", "not reached")


def test_the_curves_of_whole_runs_are_what_the_chapters_draw(load, tmp_path):
    curves, out = load("curves"), tmp_path / "presets.json"
    seen = [900.0 / n for n in range(1, 41)]
    samples = [(8, "子曰", "不"), (40, "子曰", "学而"), (40, "君子", "和")]
    a_run(tmp_path / "gru-concise-analects-s0", seen, samples=samples)
    a_run(tmp_path / "lstm-concise-analects-s0", seen[:39], samples=samples)
    assert curves.main(curves.Arguments(str(tmp_path), str(out))) == 0
    (run,) = json.loads(out.read_text("utf-8"))["runs"]
    assert (run["preset"], run["corpus"]) == ("gru-concise", "analects")
    assert run["perplexity"] == [float(f"{p:.4g}") for p in seen]
    assert run["sample"] == {"epoch": 40, "texts": ["子曰|学而", "君子|和"]}
    assert "<svg" in (tmp_path / "perplexity.svg").read_text("utf-8")
    a_run(tmp_path / "later" / "lstm-concise-analects-s0", seen, samples=samples)
    assert curves.main(curves.Arguments(str(tmp_path / "later"), str(out))) == 0
    both = [run["preset"] for run in json.loads(out.read_text("utf-8"))["runs"]]
    assert both == ["gru-concise", "lstm-concise"], "what the folder lacks stays"
    with pytest.raises(ValueError, match="no whole run"):
        curves.main(curves.Arguments(str(tmp_path / "none"), str(out)))


def test_figures_are_of_the_published_epochs_that_all_runs_reached(load):
    results, presets = load("results"), load("presets")
    preset = presets.PRESETS["lstm-concise"]  # published at 40 and at 160 epochs
    runs = [[9.0] * 39 + [2.0, 7.0], [9.0] * 39 + [4.0]]
    assert results.figures(preset, runs) == "3 (2 … 4) @40"
    assert results.figures(preset, [[9.0, 1.00054]]) == "1.00054 @2"
    spiky = presets.PRESETS["tm-rnn-random"]
    assert results.figures(spiky, [[5.0] * 30 + [1.5] * 40 + [8.0] * 5]) == "1.5 @75"
