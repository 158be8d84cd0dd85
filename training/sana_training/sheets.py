"""Contact sheets: prompts that a person looks at, and how they are laid out."""

from pathlib import Path

import torch
from PIL import Image, ImageDraw

_CELL = 144
_LABEL = 13
_COLUMNS = 12

# Title -> (prompt, label). The labels are English because the font of the sheets has no other letters.
PROBES: dict[str, list[tuple[str, str]]] = {
    "scenes": [
        (prompt, prompt)
        for prompt in (
            "a fox",
            "a 3d render of a rocket on a blue background",
            "a castle, flat vector illustration",
            "a penguin, cartoon illustration, pink background",
            "an octopus on a teal background",
            "a key, 3d render",
            "a slice of pizza on a green background",
            "a guitar, black line icon",
            "a cactus on a yellow polka dot background, 3d render",
            "an elephant on an orange gradient background, flat design icon",
            "a red apple",
            "a blue car, 3d render",
            "a black cat",
            "a red rose, flat vector illustration",
            "a purple balloon, 3d render",
            "three cats, cartoon illustration",
            "four balloons on a blue background",
            "two apples",
            "five stars on a purple background",
            "six penguins",
            "a dog and a car, 3d render",
            "a cactus to the left of a house",
            "a house to the left of a cactus",
            "a guitar above a drum, flat vector illustration",
            "a database",
            "a padlock on a blue background",
            "a network icon",
            "a server, flat vector illustration",
            "three servers",
            "a laptop, 3d render",
            "a bar chart",
            "a computer chip icon",
            "a robot, pixel art",
            "a sunflower, sticker with a white border",
            "a bicycle, blueprint",
            "a tree, pencil sketch",
            "an owl under a starry night sky",
            "a sailboat on a sandy beach",
            "a rabbit on a green meadow",
            "a snowman in the snow",
            "a red car and a green tree",
            "a yellow umbrella and a blue mug of beer",
            "a fox, a tree and a house",
            "a cloud above a tree",
            "a cute blue robot",
            "a yellow duck on graph paper",
            "a whale, silhouette",
            "an airplane in front of a blue sky with clouds",
        )
    ],
    "languages": [
        ("a fox", "en fox"),
        ("一只狐狸", "zh fox"),
        ("ein fuchs", "de fox"),
        ("🦊", "emoji fox"),
        ("a red apple", "en red apple"),
        ("一个红色的苹果", "zh red apple"),
        ("ein roter apfel", "de red apple"),
        ("🟥🍎", "emoji red apple"),
        ("three cats", "en three cats"),
        ("三只猫", "zh three cats"),
        ("drei katzen", "de three cats"),
        ("🐱🐱🐱", "emoji three cats"),
        ("a rocket on a blue background", "en rocket, blue"),
        ("蓝色背景上的一枚火箭", "zh rocket, blue"),
        ("eine rakete vor blauem hintergrund", "de rocket, blue"),
        ("🚀 🖼️🟦", "emoji rocket, blue"),
        ("a house, 3d render", "en house 3d"),
        ("一座房子，3d渲染风格", "zh house 3d"),
        ("ein haus, 3d-darstellung", "de house 3d"),
        ("🏠, 3d render", "emoji house 3d"),
        ("a dog and a car", "en dog and car"),
        ("一只狗和一辆汽车", "zh dog and car"),
        ("ein hund und ein auto", "de dog and car"),
        ("🐶🚗", "emoji dog and car"),
        ("a cactus to the left of a house", "en cactus left house"),
        ("一棵仙人掌在一座房子的左边", "zh cactus left house"),
        ("ein kaktus links von einem haus", "de cactus left house"),
        ("🌵🏠", "emoji cactus house"),
        ("a database", "en database"),
        ("一个数据库", "zh database"),
        ("eine datenbank", "de database"),
        ("🦊🍕🌙", "emoji fox pizza moon"),
        ("two foxes, blue background", "en two foxes, blue"),
        ("两只狐狸，蓝色背景", "zh two foxes, blue"),
        ("zwei füchse vor blauem hintergrund", "de two foxes, blue"),
        ("🦊🦊 🖼️🟦", "emoji two foxes, blue"),
    ],
    "relations": [
        (f"{first} {relation} {second}", f"{first} {relation} {second}".replace("to the ", ""))
        for one, other in (
            ("a fox", "a tree"),
            ("a car", "a house"),
            ("a cat", "an umbrella"),
            ("an apple", "a book"),
            ("a robot", "a balloon"),
            ("a star", "a boat"),
        )
        for relation in ("to the left of", "to the right of", "above", "below")
        for first, second in ((one, other), (other, one))
    ],
    "words": [
        (prompt, prompt)
        for prompt in (
            'a sign that says "open"',
            'a red sign that says "stop"',
            'a label with the word "sale"',
            'a speech bubble that says "hello"',
            'a blue speech bubble that says "thanks"',
            'a fox and a speech bubble that says "hi"',
            'ein schild mit dem wort "danke"',
            '写着"hello"的对话气泡',
            '🪧 "stop"',
            'a sign that says "birthday"',
            'a label that says "free" on a green background',
            # Never shown in training.
            'a sign that says "great"',
        )
    ],
    "wide": [
        (prompt, prompt)
        for prompt in (
            "a sailboat on a sandy beach",
            "three penguins",
            "a fox to the left of a tree",
            "a rocket under a starry night sky",
            "a database on a blue gradient background",
            "a laptop, 3d render",
        )
    ],
}


def save_sheet(path: Path, pictures: torch.Tensor, labels: list[str]) -> None:
    """Lays ``[n, 3, h, w]`` in [-1, 1] out in rows under ``labels`` and writes a JPEG."""
    height = round(_CELL * min(1.0, pictures.shape[2] / pictures.shape[3]))
    columns = min(_COLUMNS, len(pictures))
    rows = -(-len(pictures) // columns)
    sheet = Image.new("RGB", (columns * _CELL, rows * (height + _LABEL)), "white")
    pen = ImageDraw.Draw(sheet)
    for index, picture in enumerate(pictures):
        left, top = index % columns * _CELL, index // columns * (height + _LABEL)
        values = ((picture.permute(1, 2, 0).float().numpy() + 1) * 127.5).round().clip(0, 255).astype("uint8")
        sheet.paste(Image.fromarray(values).resize((_CELL, height), Image.Resampling.LANCZOS), (left, top))
        pen.text((left + 1, top + height), labels[index][:25], fill="black")
    sheet.save(path, quality=88)
