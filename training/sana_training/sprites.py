"""Stage ``sprites``: renders the illustration sets to square RGBA pictures.

    python -m sana_training.sprites --dataset D --work W --vips libvips-cpp.so

writes ``W/sprites.npy`` (uint8 ``[n, 4, 320, 320]``, premultiplied alpha, trimmed and centred) and ``W/sprites.json``
(for each, its set and the key of its concept). A finished file is left as it is.
"""

import argparse
import ctypes
import io
import json
import lzma
import os
import zipfile
from collections import defaultdict
from multiprocessing import get_context
from pathlib import Path

import numpy as np
from PIL import Image

from .catalogue import ICON_SETS, Concept, icon_slug, load_catalogue, sprite_key
from .lettering import LETTERING_SET, draw_boards, word_of

SPRITE_SIZE = 320
# At most so many drawings of one set for one icon: the sizes and fillings of a slug differ little.
_ICONS_PER_SET = 2
_VISIBLE_ALPHA = 12

_vips: ctypes.CDLL | None = None


def read_icon_names(dataset: Path) -> list[tuple[str, str]]:
    """Set and name of every usable icon."""
    return [(row["s"], row["n"]) for row in _icon_rows(dataset)]


def render_all(dataset: Path, work: Path, vips: str, processes: int, only: set[str] | None = None) -> None:
    """Renders every drawing of the catalogue, or of the concepts in ``only``."""
    if (work / "sprites.npy").exists():
        return
    catalogue = load_catalogue(dataset, read_icon_names(dataset))
    keys = {concept.key for concept in catalogue}
    if only is not None:
        keys &= only
    jobs = [(row["s"], sprite_key(row["h"]), row) for row in _emoji_rows(dataset) if sprite_key(row["h"]) in keys]
    jobs += [job for job in _icon_jobs(dataset, catalogue) if job[1] in keys]
    jobs += [job for job in _webp_jobs(dataset) if job[1] in keys]
    with get_context("spawn").Pool(processes, _load_vips, (vips,)) as pool:
        rendered = [item for item in pool.imap(_render_job, jobs, chunksize=32) if item[2] is not None]
        words = [key for key in sorted(keys) if word_of(key)]
        for boards in pool.imap(_letter_job, words, chunksize=16):
            rendered += boards
    (work / "sprites.json").write_text(json.dumps([item[:2] for item in rendered]))
    # Renamed at the end, so that a stage that waits for the file never reads half of it.
    partial = work / "sprites.partial.npy"
    shape = (len(rendered), 4, SPRITE_SIZE, SPRITE_SIZE)
    file = np.lib.format.open_memmap(partial, mode="w+", dtype=np.uint8, shape=shape)
    for row, item in enumerate(rendered):
        file[row] = item[2]
    file.flush()
    os.replace(partial, work / "sprites.npy")
    print(f"sprites {shape} of {len(jobs)}", flush=True)


def trim(picture: np.ndarray) -> np.ndarray | None:
    """Straight RGBA ``[h, w, 4]`` to premultiplied ``[4, 320, 320]`` with the visible part filling the square."""
    visible = picture[..., 3] > _VISIBLE_ALPHA
    if not visible.any():
        return None
    rows, columns = np.where(visible.any(1))[0], np.where(visible.any(0))[0]
    crop = np.ascontiguousarray(picture[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1])
    height, width = crop.shape[:2]
    scale = SPRITE_SIZE / max(height, width)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    # Pillow weighs colours by alpha itself when it resizes.
    resized = np.asarray(Image.fromarray(crop, "RGBA").resize(size, Image.Resampling.BICUBIC)).astype(np.float32)
    resized[..., :3] *= resized[..., 3:] / 255
    square = np.zeros((SPRITE_SIZE, SPRITE_SIZE, 4), np.uint8)
    top, left = (SPRITE_SIZE - size[1]) // 2, (SPRITE_SIZE - size[0]) // 2
    square[top : top + size[1], left : left + size[0]] = resized.round().clip(0, 255)
    return square.transpose(2, 0, 1)


def _emoji_rows(dataset: Path) -> list[dict]:
    return _json_lines(dataset / "emoji_permissive.jsonl.xz")


def _icon_rows(dataset: Path) -> list[dict]:
    return [row for row in _json_lines(dataset / "icons_permissive.jsonl.xz") if row["s"] in ICON_SETS]


def _json_lines(path: Path) -> list[dict]:
    return [json.loads(line) for line in lzma.decompress(path.read_bytes()).decode().splitlines()]


def _icon_jobs(dataset: Path, catalogue: list[Concept]) -> list[tuple[str, str, dict]]:
    owner = {
        concept.key.removeprefix("icon:").replace(" ", "-"): concept.key
        for concept in catalogue
        if concept.key.startswith("icon:")
    }
    owner |= {slug: concept.key for concept in catalogue for slug in concept.slugs}
    taken: dict[tuple[str, str], int] = defaultdict(int)
    jobs = []
    # The largest drawing of a size series comes last in the file and has the most detail.
    for row in reversed(_icon_rows(dataset)):
        key = owner.get(icon_slug(row["s"], row["n"]))
        if key is not None and taken[row["s"], key] < _ICONS_PER_SET:
            taken[row["s"], key] += 1
            jobs.append((row["s"], key, row))
    return jobs


def _webp_jobs(dataset: Path) -> list[tuple[str, str, bytes]]:
    with zipfile.ZipFile(dataset / "fluent3d_notone.zip") as archive:
        names = [name for name in archive.namelist() if name.endswith(".webp")]
        return [("fluent-3d", sprite_key(name.removesuffix(".webp")), archive.read(name)) for name in names]


def _render_job(job: tuple[str, str, dict | bytes]) -> tuple[str, str, np.ndarray | None]:
    icon_set, key, source = job
    if isinstance(source, bytes):
        picture = (
            Image.open(io.BytesIO(source)).convert("RGBA").resize((SPRITE_SIZE, SPRITE_SIZE), Image.Resampling.BICUBIC)
        )
        return icon_set, key, trim(np.asarray(picture))
    picture = _render_svg(_svg(source))
    return icon_set, key, None if picture is None else trim(picture)


def _letter_job(key: str) -> list[tuple[str, str, np.ndarray]]:
    return [(LETTERING_SET, key, trim(board)) for board in draw_boards(key)]


def _svg(row: dict) -> bytes:
    left, top, width, height = row["v"]
    side = max(width, height)
    box = f"{left - (side - width) / 2} {top - (side - height) / 2} {side} {side}"
    head = 'xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink"'
    body = row["b"].replace("currentColor", "#222")
    return f'<svg {head} width="{SPRITE_SIZE}" height="{SPRITE_SIZE}" viewBox="{box}">{body}</svg>'.encode()


def _load_vips(path: str) -> None:
    global _vips
    library = ctypes.CDLL(path)
    library.vips_init(b"sprites")
    library.vips_concurrency_set(1)
    library.vips_cache_set_max(0)
    library.vips_image_new_from_buffer.restype = ctypes.c_void_p
    library.vips_image_new_from_buffer.argtypes = [ctypes.c_char_p, ctypes.c_size_t, ctypes.c_char_p, ctypes.c_void_p]
    library.vips_image_write_to_memory.restype = ctypes.c_void_p
    library.vips_image_write_to_memory.argtypes = [ctypes.c_void_p, ctypes.POINTER(ctypes.c_size_t)]
    for name in ("vips_image_get_width", "vips_image_get_height", "vips_image_get_bands"):
        getattr(library, name).argtypes = [ctypes.c_void_p]
    library.g_object_unref.argtypes = [ctypes.c_void_p]
    library.g_free.argtypes = [ctypes.c_void_p]
    _vips = library


def _render_svg(svg: bytes) -> np.ndarray | None:
    """Straight RGBA ``[h, w, 4]``, or None where librsvg cannot read the drawing."""
    assert _vips is not None
    image = _vips.vips_image_new_from_buffer(svg, len(svg), b"", None)
    if not image:
        _vips.vips_error_clear()
        return None
    size = ctypes.c_size_t()
    pixels = _vips.vips_image_write_to_memory(image, ctypes.byref(size))
    shape = (_vips.vips_image_get_height(image), _vips.vips_image_get_width(image), _vips.vips_image_get_bands(image))
    picture = None
    if pixels:
        if shape[2] == 4:
            picture = np.ctypeslib.as_array(ctypes.cast(pixels, ctypes.POINTER(ctypes.c_uint8)), shape).copy()
        _vips.g_free(pixels)
    else:
        _vips.vips_error_clear()
    _vips.g_object_unref(image)
    return picture


def main() -> None:
    """Command line of the stage."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dataset", type=Path, required=True, help="folder with the illustration sets")
    parser.add_argument("--work", type=Path, required=True, help="folder for the results of the stages")
    parser.add_argument("--vips", required=True, help="path of libvips-cpp.so (npm @img/sharp-libvips-linux-x64)")
    parser.add_argument("--processes", type=int, default=max(1, (os.cpu_count() or 2) - 1))
    arguments = parser.parse_args()
    arguments.work.mkdir(parents=True, exist_ok=True)
    render_all(arguments.dataset, arguments.work, arguments.vips, arguments.processes)


if __name__ == "__main__":
    main()
