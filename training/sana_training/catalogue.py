"""What can be drawn, and what it is called in English, Chinese, German and emoji."""

import json
import lzma
import re
from dataclasses import dataclass, replace
from pathlib import Path

from .lettering import FORMS, made_up_words, read_words, word_key

LANGUAGES = ("en", "zh", "de", "emoji")

# Icon sets whose drawings are named by English slugs only, and may be used under the licences in ATTRIBUTION.md.
ICON_SETS = (
    "icon-park",
    "fluent-color",
    "streamline-color",
    "streamline-plump-color",
    "streamline-flex-color",
    "streamline-ultimate-color",
    "streamline-kameleon-color",
    "streamline-sharp-color",
    "streamline-freehand-color",
    "flat-color-icons",
    "marketeq",
    "meteocons",
)
# From these, every slug becomes a concept of its own; from the others only the drawings of named technical things.
_SLUG_SETS = ("icon-park", "fluent-color", "streamline-color", "streamline-kameleon-color")
# Slugs that mean something else than the everyday object of that name.
_OTHER_MEANING = {"bat", "fan", "lotus", "mouse", "pie", "ring", "rock", "seal", "turkey"}
_NAMES = Path(__file__).parent / "names"
_ARTICLE_GROUPS = ("animals-nature", "food-drink", "objects", "travel-places", "activities")


@dataclass(frozen=True)
class Concept:
    """One thing. A form that is not known is an empty string."""

    key: str
    emoji: str = ""
    english: str = ""
    english_plural: str = ""
    has_article: bool = True
    chinese: str = ""
    measure: str = ""
    german: str = ""
    german_plural: str = ""
    gender: str = ""
    alias: str = ""
    keywords: tuple[str, ...] = ()
    # How often it is drawn alone, relative to an everyday object.
    weight: float = 1.0
    slugs: tuple[str, ...] = ()

    @property
    def countable(self) -> bool:
        """Whether it has the plurals and measure words that a scene of several things needs."""
        return bool(self.english_plural)

    def speaks(self, language: str) -> bool:
        """Whether the concept has a name in the language."""
        return bool({"en": self.english, "zh": self.chinese, "de": self.german, "emoji": self.emoji}[language])


def code_points(emoji: str) -> str:
    """The key of an emoji: its code points in hexadecimal, without variation selectors."""
    return "-".join(f"{ord(character):x}" for character in emoji if ord(character) != 0xFE0F)


def sprite_key(code: str | None) -> str:
    """The same key from the spelling used by the illustration sets."""
    return (code or "").lower().replace("-fe0f", "")


def icon_slug(icon_set: str, name: str) -> str:
    """``database-24`` and ``database-flat`` are both a ``database``."""
    name = re.sub(r"-(flat|duo|fill|alt)$", "", name)
    pattern = r"-\d+$" if icon_set == "fluent-color" else r"-(\d+|one|two|three|four)$"
    return re.sub(pattern, "", name)


def load_catalogue(dataset: Path, icon_names: list[tuple[str, str]]) -> list[Concept]:
    """All concepts: everyday objects, technical things, other emoji, icons known by their slug only, words on signs."""
    emoji_table = json.loads(lzma.decompress((dataset / "concepts.json.xz").read_bytes()))
    table = {sprite_key(key): entry for key, entry in emoji_table.items() if entry.get("en")}
    objects = _objects(dataset, table)
    technical = _technical()
    by_name = {concept.english: index for index, concept in enumerate(objects)}
    for concept in technical:
        if concept.english in by_name:
            # One name, one concept: the technical drawings are further drawings of the everyday object.
            index = by_name[concept.english]
            objects[index] = replace(objects[index], slugs=concept.slugs)
    technical = [concept for concept in technical if concept.english not in by_name]
    available = {icon_slug(*name) for name in icon_names} - _OTHER_MEANING
    available -= {slug for concept in technical + objects for slug in concept.slugs}
    for index, concept in enumerate(objects):
        slug = concept.english.replace(" ", "-")
        if slug in available:
            objects[index] = replace(concept, slugs=(*concept.slugs, slug))
    known = {concept.key for concept in objects}
    others = [_other_emoji(key, entry) for key, entry in table.items() if key not in known]
    named_slugs = {slug for concept in objects + technical for slug in concept.slugs}
    slugs = sorted({icon_slug(*name) for name in icon_names if name[0] in _SLUG_SETS} - named_slugs)
    icons = [
        Concept(key=f"icon:{slug}", english=slug.replace("-", " "), has_article=False, weight=0.1) for slug in slugs
    ]
    return objects + technical + others + icons + _lettering()


def _lettering() -> list[Concept]:
    """Every word on every form, made-up ones on one form each."""
    shown = [(name, word) for word in read_words() for name in FORMS]
    names = list(FORMS)
    shown += [(names[index % len(names)], word) for index, word in enumerate(made_up_words())]
    # No weight and no plural: a word is only drawn where a scene is about one.
    return [
        Concept(
            key=word_key(name, word),
            emoji=f'{FORMS[name].emoji} "{word}"',
            english=f'{FORMS[name].english} that says "{word}"',
            chinese=f'写着"{word}"的{FORMS[name].chinese}',
            measure=FORMS[name].measure,
            german=f'{FORMS[name].german} mit dem Wort "{word}"',
            gender=FORMS[name].gender,
            alias=f'{FORMS[name].english} with the word "{word}"',
            weight=0.0,
        )
        for name, word in shown
    ]


def _objects(dataset: Path, table: dict[str, dict]) -> list[Concept]:
    german = {row[0]: row[1:] for row in _rows(_NAMES / "german.tsv")}
    concepts = []
    for emoji, singular, plural, chinese, measure, _ in _rows(dataset / "objects.tsv"):
        key = code_points(emoji)
        entry = table.get(key, {})
        name, gender, german_plural = german[emoji]
        alias = _plain(entry.get("en", ""))
        concepts.append(
            Concept(
                key=key,
                emoji=emoji,
                english=singular,
                english_plural=plural,
                chinese=chinese,
                measure=measure,
                german=name,
                german_plural=german_plural,
                gender=gender,
                alias=alias if alias != singular else "",
                keywords=_keywords(entry),
            )
        )
    return concepts


def _technical() -> list[Concept]:
    concepts = []
    for english, plural, chinese, measure, german, gender, german_plural, slugs in _rows(_NAMES / "technical.tsv"):
        concepts.append(
            Concept(
                key=f"technical:{english}",
                english=english,
                english_plural=plural,
                chinese=chinese,
                measure=measure,
                german=german,
                german_plural=german_plural,
                gender=gender,
                slugs=tuple(slugs.split(",")),
            )
        )
    return concepts


def _other_emoji(key: str, entry: dict) -> Concept:
    group = entry.get("group") or ""
    subgroup = str(entry.get("sub"))
    english = _plain(entry["en"])
    return Concept(
        key=key,
        emoji=entry["emoji"],
        english=english,
        has_article=group in _ARTICLE_GROUPS and not english.endswith("s"),
        chinese=entry.get("zh") or "",
        german=_plain(entry.get("de") or ""),
        keywords=_keywords(entry),
        weight=_emoji_weight(group, subgroup),
    )


def _emoji_weight(group: str, subgroup: str) -> float:
    # Flags and the many variants of persons are not what a writer illustrates a document with.
    if group == "flags":
        return 0.12
    if group in ("", "symbols", "component") or "person" in subgroup or subgroup == "family":
        return 0.35
    return 0.6 if group == "people-body" else 1.0


def _keywords(entry: dict) -> tuple[str, ...]:
    return tuple(word for word in entry.get("en_kw") or [] if 2 < len(word) < 24)[:4]


def _plain(name: str) -> str:
    return re.sub("[“”„]", "", name)


def _rows(path: Path) -> list[list[str]]:
    return [line.split("\t") for line in path.read_text(encoding="utf-8").splitlines() if line]
