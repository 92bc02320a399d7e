"""Is the built book whole? Every link leads somewhere in it, and nothing is loaded from elsewhere.
In Chromium, where it and Selenium are installed, no script fails, no page is wider than its window
at 380 and 1400 pixels, and the search finds.

    python docs/check.py            # of docs/_build/html, after `make docs`

Exit status: 0 it is, 1 it is not, and what is wrong stands on a line each.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

SITE = (Path(__file__).parent / "_build" / "html").resolve()
NAMES = ("chromium", "chromium-browser", "google-chrome")
CHROMIUM = next(filter(None, map(shutil.which, NAMES)), "")
DRIVER = shutil.which("chromedriver")


class Page(HTMLParser):
    """What a page loads, where its links lead, and the anchors that it has."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.loads: list[str] = []
        self.links: list[str] = []
        self.anchors = {""}
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        told = dict(attributes)
        self.anchors.add(told.get("id") or "")
        if tag == "a":
            self.links.append(told.get("href") or "")
        else:
            self.loads += [told[name] or "" for name in ("src", "href") if name in told]


def broken(site: Path) -> Iterator[str]:
    """Links to nothing, and what a page would load from elsewhere."""
    pages = {path.resolve(): Page(path) for path in site.rglob("*.html")}
    for path, page in pages.items():
        name = path.relative_to(site)
        for word in page.loads:
            if urlsplit(word).netloc:
                yield f"{name} loads {word}"
        for word in [*page.loads, *page.links]:
            url = urlsplit(word)
            if url.scheme or url.netloc:
                continue
            target = (path.parent / unquote(url.path)).resolve() if url.path else path
            if not target.exists():
                yield f"{name} links to {word}, which is not there"
            elif target in pages and unquote(url.fragment) not in pages[target].anchors:
                yield f"{name} links to {word}, which has no such place"


def browser(folder: str) -> Any:
    """Chromium, driven; None where there is none that starts."""
    try:
        from selenium import webdriver
        from selenium.common.exceptions import WebDriverException
    except ImportError:
        return None
    if not (CHROMIUM and DRIVER):
        return None
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    root = hasattr(os, "geteuid") and os.geteuid() == 0
    for word in ("--headless=new", "--disable-gpu", *["--no-sandbox"] * root):
        options.add_argument(word)
    options.add_argument(f"--user-data-dir={folder}")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    try:
        return webdriver.Chrome(options, webdriver.ChromeService(DRIVER))
    except WebDriverException as error:
        print(f"Chromium does not start: {error.msg}")
        return None


def seen(driver: Any, site: Path) -> Iterator[str]:
    """Every page at both widths, then the search."""
    for path in sorted(site.rglob("*.html")):
        if "_modules" in path.parts:
            continue
        driver.get(path.as_uri())
        for width in (380, 1400):
            size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
            driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
            wide = driver.execute_script("return document.documentElement.scrollWidth")
            if wide > width:
                yield f"{path.relative_to(site)} is {wide} pixels wide at {width}"
    driver.get((site / "search.html").as_uri() + "?q=bidirectional")
    until = time.monotonic() + 20
    while not driver.find_elements("css selector", "#search-results li a"):
        if time.monotonic() > until:
            yield "the search finds no page for `bidirectional`"
            break
        time.sleep(0.2)
    for entry in driver.get_log("browser"):
        if entry["level"] == "SEVERE":
            yield f"a script failed: {entry['message']}"


def main() -> int:
    if not (SITE / "index.html").is_file():
        print(f"{SITE} is not built: `make docs`.")
        return 1
    wrong = list(broken(SITE))
    print(*wrong, sep="\n", end="\n" * bool(wrong))
    with tempfile.TemporaryDirectory() as folder:
        if driver := browser(folder):
            try:
                for sentence in seen(driver, SITE):
                    print(sentence)
                    wrong.append(sentence)
            finally:
                driver.quit()
    count = sum(1 for _ in SITE.rglob("*.html"))
    how = "and seen in Chromium" if driver else "(no Chromium with Selenium here: not looked at)"
    print(f"{count} pages checked {how}: {len(wrong) or 'nothing'} wrong")
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(main())
