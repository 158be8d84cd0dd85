"""Words a scene in English, Chinese, German or emoji. Everything is lower-case, as a prompt is when it is encoded."""

import random

from . import splits
from .phrases import (
    AFTER_OF,
    COLOURS_DE,
    COLOURS_EMOJI,
    COLOURS_ZH,
    GERMAN_ARTICLES,
    GERMAN_ENDINGS,
    NUMBERS,
    PATTERNS,
    PREFIXES,
    RELATIONS_DE,
    RELATIONS_EN,
    RELATIONS_ZH,
    SCENERY,
    SIDES,
    STYLES,
)
from .scenes import OPPOSITE, Scene, Subject, in_picture_order


def caption(scene: Scene, language: str, rng: random.Random) -> str:
    """One wording of the scene; English where the language has no words for it or may not use them."""
    if not speakable(scene, language):
        language = "en"
    return {"en": _english, "zh": _chinese, "de": _german, "emoji": _emoji}[language](scene, rng).lower()


def speakable(scene: Scene, language: str) -> bool:
    """Whether every subject has a name in the language that training may use."""
    concepts = [subject.concept for subject in scene.subjects]
    return all(concept.speaks(language) and not splits.held_language(concept.key, language) for concept in concepts)


def plain_caption(scene: Scene, language: str) -> str:
    """The plainest wording of subjects and relation, without style and background: what evaluation asks for."""
    phrases = [noun_phrase(subject, language) for subject in scene.subjects]
    if language == "emoji":
        ordered = in_picture_order(scene) if scene.relation else scene.subjects
        return "".join(noun_phrase(subject, "emoji") for subject in ordered)
    if scene.relation and language == "zh":
        return f"{phrases[0]}在{phrases[1]}的{RELATIONS_ZH[scene.relation][0]}".lower()
    if scene.relation and language == "de":
        return (
            f"{phrases[0]} {RELATIONS_DE[scene.relation][0]} {_german_phrase(scene.subjects[1], dative=True)}".lower()
        )
    if scene.relation:
        return f"{phrases[0]} {RELATIONS_EN[scene.relation][0]} {phrases[1]}".lower()
    return {"en": _joined(phrases, " and "), "zh": _chinese_list(phrases), "de": _joined(phrases, " und ")}[
        language
    ].lower()


def noun_phrase(subject: Subject, language: str) -> str:
    """The subject with its number or article and its colour."""
    concept = subject.concept
    if language == "emoji":
        return (COLOURS_EMOJI[subject.colour] if subject.colour else "") + concept.emoji * subject.count
    if language == "zh":
        number = NUMBERS["zh"][subject.count] + concept.measure if concept.measure else ""
        return number + (COLOURS_ZH[subject.colour] + "的" if subject.colour else "") + concept.chinese
    if language == "de":
        return _german_phrase(subject, dative=False)
    name = concept.english if subject.count == 1 else concept.english_plural
    name = _coloured(name, subject.colour)
    if subject.count > 1:
        return f"{NUMBERS['en'][subject.count]} {name}"
    return with_article(name) if concept.has_article else name


def with_article(name: str) -> str:
    """The English name with ``a`` or ``an``."""
    lower = name.lower()
    sounds_open = lower[0] in "aeiou" and not lower.startswith(("uni", "eu", "one", "ufo", "us", "ut"))
    return f"{'an' if sounds_open or lower.startswith(('8-', 'suv', 'x-', 'hour')) else 'a'} {name}"


def _english(scene: Scene, rng: random.Random) -> str:
    phrases = [_english_variant(subject, scene, rng) for subject in scene.subjects]
    if scene.relation:
        core = _english_relation(scene, phrases, rng)
    else:
        core = _joined(phrases, " and ")
    if scene.kind == "single" and scene.subjects[0].concept.keywords and rng.random() < 0.10:
        core += ", " + rng.choice(scene.subjects[0].concept.keywords)
    core = _with_background(scene, core, rng, "en")
    return _with_style(scene, core, rng, "en")


def _english_variant(subject: Subject, scene: Scene, rng: random.Random) -> str:
    concept = subject.concept
    if subject.count > 1 and rng.random() < 0.15:
        return f"{subject.count} {_coloured(concept.english_plural, subject.colour)}"
    if scene.kind in ("single", "word") and concept.alias and not subject.colour and rng.random() < 0.25:
        return with_article(concept.alias) if rng.random() < 0.7 else concept.alias
    if scene.kind == "single" and rng.random() < 0.15:
        return concept.english
    if subject.count == 1 and concept.has_article and rng.random() < 0.06:
        praise = rng.choice(("cute", "nice", "simple", "beautiful", "funny"))
        return with_article(f"{praise} {_coloured(concept.english, subject.colour)}")
    return noun_phrase(subject, "en")


def _english_relation(scene: Scene, phrases: list[str], rng: random.Random) -> str:
    if rng.random() < 0.25:
        first, second = in_picture_order(scene)
        sides = _sides(scene, "en")
        return f"{noun_phrase(first, 'en')} {sides[0]} and {noun_phrase(second, 'en')} {sides[1]}"
    relation = scene.relation
    if rng.random() < 0.25 and _may_invert(scene):
        relation, phrases = OPPOSITE[relation], phrases[::-1]
    return f"{phrases[0]} {rng.choice(RELATIONS_EN[relation])} {phrases[1]}"


def _chinese(scene: Scene, rng: random.Random) -> str:
    phrases = [noun_phrase(subject, "zh") for subject in scene.subjects]
    if len(phrases) == 1 and scene.subjects[0].count == 1 and rng.random() < 0.25:
        subject = scene.subjects[0]
        phrases = [
            (COLOURS_ZH[subject.colour] + rng.choice(("", "的")) if subject.colour else "") + subject.concept.chinese
        ]
    if scene.subjects[0].count > 1 and rng.random() < 0.2:
        phrases[0] = str(scene.subjects[0].count) + phrases[0][1:]
    if scene.relation and rng.random() < 0.3:
        first, second = in_picture_order(scene)
        sides = _sides(scene, "zh")
        core = f"{sides[0]}是{noun_phrase(first, 'zh')}，{sides[1]}是{noun_phrase(second, 'zh')}"
    elif scene.relation:
        relation = scene.relation
        if rng.random() < 0.25 and _may_invert(scene):
            relation, phrases = OPPOSITE[relation], phrases[::-1]
        core = f"{phrases[0]}在{phrases[1]}的{rng.choice(RELATIONS_ZH[relation])}"
    else:
        core = _chinese_list(phrases)
    core = _with_background(scene, core, rng, "zh")
    return _with_style(scene, core, rng, "zh")


def _german(scene: Scene, rng: random.Random) -> str:
    phrases = [_german_phrase(subject, dative=False) for subject in scene.subjects]
    if len(phrases) == 1 and scene.subjects[0].count == 1 and scene.subjects[0].colour is None and rng.random() < 0.2:
        phrases = [scene.subjects[0].concept.german]
    if scene.subjects[0].count > 1 and rng.random() < 0.15:
        phrases[0] = f"{scene.subjects[0].count} {phrases[0].split(' ', 1)[1]}"
    if scene.relation and rng.random() < 0.3:
        first, second = in_picture_order(scene)
        sides = _sides(scene, "de")
        core = f"{sides[0]} {_german_phrase(first, dative=False)}, {sides[1]} {_german_phrase(second, dative=False)}"
    elif scene.relation:
        relation, subjects = scene.relation, scene.subjects
        if rng.random() < 0.25 and _may_invert(scene):
            relation, subjects = OPPOSITE[relation], subjects[::-1]
        word = rng.choice(RELATIONS_DE[relation])
        core = f"{_german_phrase(subjects[0], dative=False)} {word} {_german_phrase(subjects[1], dative=True)}"
    else:
        core = _joined(phrases, " und ")
    core = _with_background(scene, core, rng, "de")
    return _with_style(scene, core, rng, "de")


def _german_phrase(subject: Subject, dative: bool) -> str:
    concept = subject.concept
    stem = COLOURS_DE[subject.colour] if subject.colour else ""
    if subject.count > 1:
        return " ".join(filter(None, (NUMBERS["de"][subject.count], stem and stem + "e", concept.german_plural)))
    if not concept.gender:
        return " ".join(filter(None, (stem, concept.german)))
    if dative:
        article, ending = ("einer" if concept.gender == "f" else "einem"), "en"
    else:
        article, ending = GERMAN_ARTICLES[concept.gender], GERMAN_ENDINGS[concept.gender]
    return " ".join(filter(None, (article, stem and stem + ending, concept.german)))


def _emoji(scene: Scene, rng: random.Random) -> str:
    ordered = in_picture_order(scene) if scene.relation else scene.subjects
    subject = scene.subjects[0]
    if subject.count > 2 and rng.random() < 0.15:
        core = f"{subject.count} {subject.concept.emoji}"
    else:
        core = "".join(noun_phrase(subject, "emoji") for subject in ordered)
    words = rng.choice(("en", "zh", "de"))
    if scene.background == "plain" and rng.random() < 0.6:
        core += " 🖼️" + COLOURS_EMOJI[scene.background_colour]
    elif scene.background not in ("none", "blueprint"):
        core += ", " + _background_words(scene, words)
    # An emoji cannot name a style, so the words of some language follow.
    return core + (", " + rng.choice(STYLES[scene.style][words]) if scene.style else "")


def _with_background(scene: Scene, core: str, rng: random.Random, language: str) -> str:
    if scene.background == "blueprint" or (scene.background == "none" and rng.random() < 0.93):
        return core
    words = _background_words(scene, language)
    if language == "zh":
        if rng.random() < 0.5:
            return f"{core}，{words}"
        return f"{words}{'' if scene.background in SCENERY and scene.background != 'grid' else '上的'}{core}"
    return (
        f"{core}, {words}"
        if language == "en" and scene.background not in SCENERY and rng.random() < 0.3
        else f"{core} {_preposition(scene, language)}{words}"
    )


def _background_words(scene: Scene, language: str) -> str:
    column = ("en", "zh", "de").index(language)
    if scene.background in SCENERY:
        return SCENERY[scene.background][column]
    # No background at all is white paper.
    colour = scene.background_colour or "white"
    pattern = PATTERNS["plain" if scene.background == "none" else scene.background][column]
    return pattern.format((colour, COLOURS_ZH[colour], COLOURS_DE[colour])[column])


def _preposition(scene: Scene, language: str) -> str:
    if scene.background in SCENERY:
        return ""
    if language == "de":
        return "mit " if scene.background in ("gradient", "stripes", "dots") else "vor "
    return f"on {with_article(scene.background_colour or 'white').split(' ')[0]} "


def _with_style(scene: Scene, core: str, rng: random.Random, language: str) -> str:
    if scene.style is None:
        return rng.choice(PREFIXES[language]) + core
    words = rng.choice(STYLES[scene.style][language])
    before = rng.random() < 0.5
    if language == "zh":
        return f"{words}的{core}" if before and scene.style != "icon" else f"{core}，{words}"
    if language == "de":
        return f"{words}: {core}" if before else f"{core}, {words}"
    if scene.style == "icon" and scene.kind == "single" and before:
        subject = scene.subjects[0]
        return core.replace(noun_phrase(subject, "en"), f"{subject.concept.english} {words}", 1)
    return f"{with_article(words)} of {core}" if before else f"{core}, {words}"


def _sides(scene: Scene, language: str) -> tuple[str, str]:
    return SIDES["row" if scene.relation in ("left", "right") else "column"][language]


def _may_invert(scene: Scene) -> bool:
    """ "a left of b" may be worded "b right of a" unless that wording is held out."""
    first, second = scene.subjects
    return not splits.held_relation(second.concept.key, OPPOSITE[scene.relation], first.concept.key)


def _coloured(name: str, colour: str | None) -> str:
    if colour is None:
        return name
    for start in AFTER_OF:
        if name.startswith(start):
            return f"{start}{colour} {name.removeprefix(start)}"
    return f"{colour} {name}"


def _chinese_list(phrases: list[str]) -> str:
    return "和".join(filter(None, ("、".join(phrases[:-1]), phrases[-1])))


def _joined(phrases: list[str], word: str) -> str:
    return phrases[0] if len(phrases) == 1 else ", ".join(phrases[:-1]) + word + phrases[-1]
