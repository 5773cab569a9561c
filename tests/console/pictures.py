"""Creates the pictures of docs/console.md: `python -m tests.console.pictures docs/images`.

This needs the packages of `tests.console.walk`, and Pillow, which reduces the number of colours.
"""

from __future__ import annotations

import io
import sys
import time
from pathlib import Path
from typing import Any
from urllib.parse import quote

from PIL import Image
from playwright.sync_api import sync_playwright
from pymongo import MongoClient

from tests.console.walk import CHROMIUM, PAGES, filled_console

COLORS = 128
#: The pages, each with the colour scheme and the size of the window.
PICTURES = {
    "metrics": ("dark", 1280, 780),
    "documents": ("light", 1280, 720),
    "aggregation": ("light", 1280, 900),
    "explain": ("light", 1280, 740),
    "schema": ("light", 1280, 800),
    "indexes": ("light", 1280, 480),
    "profiler": ("light", 1280, 760),
    "test": ("light", 1280, 860),
    "table": ("light", 390, 700),
}
#: The number of samples in a chart. Each load of the page takes one.
SAMPLES = 24


def record_metrics(page: Any, address: str, client: MongoClient[dict[str, Any]]) -> None:
    """Run operations, so that the charts of the metrics page show changes."""
    orders = client.shop.orders
    for sample in range(SAMPLES):
        for number in range(40 + 30 * (sample % 5)):
            orders.find_one({"_id": number})
        for number in range(10 + 15 * (sample % 3)):
            orders.update_one({"_id": number}, {"$inc": {"visits": 1}})
        orders.count_documents({"status": "open"})
        page.goto(f"{address}/metrics")
        time.sleep(1)


def record_profile(client: MongoClient[dict[str, Any]]) -> None:
    """Replace the profiler's entries by a few slow shapes."""
    orders = client.shop.orders
    orders.update_many({}, {"$unset": {"visits": 1}})
    client.shop.command("profile", 0)
    client.shop["system.profile"].drop()
    client.shop.command("profile", 2)
    for city in ("Oslo", "Ghent", "Porto"):
        list(orders.find({"city": city, "total": {"$gt": 100}}))
        orders.update_many({"city": city}, {"$set": {"checked": True}})
    list(orders.aggregate([{"$group": {"_id": "$status", "total": {"$sum": "$total"}}}]))
    orders.update_many({}, {"$unset": {"checked": 1}})


def main(directory: Path) -> None:
    """Make the pictures."""
    directory.mkdir(parents=True, exist_ok=True)
    with filled_console() as (url, client), sync_playwright() as playwright:
        address = url.partition("/?")[0]
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_page()
        page.goto(url)
        record_metrics(page, address, client)
        for name, (scheme, width, height) in PICTURES.items():
            if name == "profiler":
                record_profile(client)
            page.emulate_media(color_scheme=scheme)
            page.set_viewport_size({"width": width, "height": height})
            page.goto(address + quote(PAGES[name], safe="/?=&"))
            picture = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
            path = directory / f"console-{name}.png"
            picture.quantize(COLORS, dither=Image.Dither.NONE).save(path, optimize=True)
            print(f"{path}: {path.stat().st_size // 1000} kB")
        browser.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
