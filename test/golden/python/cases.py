"""The calls whose results are kept: what is asked of the command line, and of the reference."""

from dataclasses import dataclass, fields

from reference import FLOW_DPM_SOLVER, FLOW_MATCH_EULER, Generation


@dataclass(frozen=True)
class Embed:
    name: str
    checkpoint: str
    prompt: str
    human_instruction: bool = True
    length: int | None = None


@dataclass(frozen=True)
class Generate:
    """`noise`: the seed of the latents (and SCM's noise) that are given as a file; None where the call has a seed."""

    name: str
    checkpoint: str
    call: Generation
    noise: int | None = None


@dataclass(frozen=True)
class Decode:
    name: str
    checkpoint: str
    height: int
    width: int
    tiling: bool = False


@dataclass(frozen=True)
class Encode:
    name: str
    checkpoint: str
    image: str


@dataclass(frozen=True)
class Tokenize:
    name: str
    checkpoint: str
    text: str


FOX = "a red fox jumping over a frozen lake at dawn, oil painting"
HOUSE = "A small house by the sea, watercolor, soft light"
CHINESE = "一只红色的狐狸，水彩画。雪山脚下的小屋"
EMOJI = "👩‍🚀 and a 🦊 under 🏴‍☠️ 👍🏽 🇨🇭"
# Python's strip() takes U+001C to U+001F and U+0085 away and leaves U+FEFF; its lower() knows the final sigma.
WHITESPACE = "\x1c\x85 \t\ufeff A RED Fox\u00a0IN İSTANBUL, ΟΔΥΣΣΕΎΣ \ufeff\n\x1f\u2003"
LOOKALIKES = ("<bos>A fox</h1><start_of_turn>user\n\n\nsays [toxicity=0] "
              "\u2581\u2581\u2581<unused2>\t\t<eos> <0x41> <pad>")
LONG = ", ".join([FOX, HOUSE, CHINESE, "42 cats and 7 dogs in a very old picture of the night sky"] * 6)


def _resolution(width: int, height: int, **parameters) -> dict:
    return {"width": width, "height": height, **parameters}


EMBED = [
    Embed("embed-plain", "sana-1.0", FOX),
    Embed("embed-plain-no-instruction", "sana-1.0", FOX, human_instruction=False),
    Embed("embed-empty", "sana-1.0", ""),
    Embed("embed-empty-no-instruction", "sana-1.0", "", human_instruction=False),
    Embed("embed-chinese", "sana-1.0", CHINESE),
    Embed("embed-emoji", "sana-1.0", EMOJI),
    Embed("embed-upper-case-and-whitespace", "sana-1.0", WHITESPACE),
    Embed("embed-lookalikes-no-instruction", "sana-1.0", LOOKALIKES, human_instruction=False),
    Embed("embed-digits-first", "sana-1.0", "42 cats and 7 dogs"),
    Embed("embed-over-long", "sana-1.0", LONG),
    Embed("embed-over-long-no-instruction", "sana-1.0", LONG, human_instruction=False),
    Embed("embed-length-1", "sana-1.0", FOX, length=1),
    Embed("embed-length-2", "sana-1.0", FOX, length=2),
    Embed("embed-length-16", "sana-1.0", LONG, length=16),
    Embed("embed-length-1-no-instruction", "sana-1.0", FOX, human_instruction=False, length=1),
    Embed("embed-length-16-no-instruction", "sana-1.0", FOX, human_instruction=False, length=16),
    Embed("embed-length-400-no-instruction", "sana-1.0", LONG, human_instruction=False, length=400),
    Embed("embed-bf16-shards-variant", "sana-2k", HOUSE),
    Embed("embed-bf16-shards-prefix", "sana-4k", HOUSE),
    Embed("embed-bf16", "sprint", HOUSE),
    Embed("embed-gemma3", "sana-1.5", HOUSE),
    Embed("embed-gemma3-chinese-no-instruction", "sana-1.5", CHINESE, human_instruction=False),
    Embed("embed-gemma3-over-long", "sana-1.5", LONG),
    Embed("embed-gemma3-old-config-fp16", "corners", LONG, length=64),
]

GENERATE = [
    # Sana 1.0, DPM-Solver++
    Generate("generate-1.0", "sana-1.0", Generation(FOX, 20, **_resolution(224, 160)), noise=1),
    Generate("generate-1.0-euler", "sana-1.0",
             Generation(FOX, 20, scheduler=FLOW_MATCH_EULER, **_resolution(160, 224)), noise=2),
    Generate("generate-1.0-no-guidance", "sana-1.0",
             Generation(HOUSE, 5, guidance_scale=1.0, negative_prompt="unused", **_resolution(96, 64)), noise=3),
    Generate("generate-1.0-negative-prompt", "sana-1.0",
             Generation(HOUSE, 3, guidance_scale=7.5, negative_prompt="Blurry, LOW quality ", **_resolution(96, 64)),
             noise=4),
    Generate("generate-1.0-one-step", "sana-1.0", Generation(FOX, 1, **_resolution(64, 64)), noise=5),
    Generate("generate-1.0-two-steps-no-instruction", "sana-1.0",
             Generation(CHINESE, 2, human_instruction=False, **_resolution(32, 96)), noise=6),
    Generate("generate-1.0-empty-prompt", "sana-1.0", Generation("", 4, **_resolution(96, 96)), noise=7),
    Generate("generate-1.0-over-long-prompt", "sana-1.0", Generation(LONG, 3, **_resolution(64, 96)), noise=8),
    Generate("generate-1.0-seed-42", "sana-1.0", Generation(FOX, 8, seed=42, **_resolution(160, 128))),
    Generate("generate-1.0-seed-large", "sana-1.0", Generation(FOX, 2, seed=2**63 - 1, **_resolution(96, 96))),
    Generate("generate-1.0-binning", "sana-1.0", Generation(HOUSE, 2, binning=True, **_resolution(500, 700)), noise=9),
    Generate("generate-1.0-binning-wide", "sana-1.0",
             Generation(HOUSE, 2, binning=True, seed=7, **_resolution(333, 111))),
    Generate("generate-1.0-default-size", "sana-1.0",
             Generation(HOUSE, 2, binning=True, seed=3, **_resolution(512, 512))),
    # Image to image, flow
    Generate("image-1.0", "sana-1.0",
             Generation(HOUSE, 10, image="picture.png", strength=0.6, **_resolution(160, 96)), noise=10),
    Generate("image-1.0-resized", "sana-1.0",
             Generation(HOUSE, 6, image="picture.png", strength=0.35, seed=11, **_resolution(128, 192))),
    Generate("image-1.0-euler", "sana-1.0",
             Generation(HOUSE, 7, image="picture-alpha.png", strength=0.8, scheduler=FLOW_MATCH_EULER,
                        **_resolution(96, 160)), noise=12),
    Generate("image-1.0-full-strength", "sana-1.0",
             Generation(HOUSE, 4, image="picture.png", strength=1.0, **_resolution(160, 96)), noise=13),
    Generate("image-1.0-binning", "sana-1.0",
             Generation(HOUSE, 3, image="picture.png", strength=0.5, binning=True, seed=14, **_resolution(150, 90))),
    Generate("image-1.0-tiled", "sana-1.0",
             Generation(HOUSE, 2, image="large.png", strength=0.5, tiling=True, **_resolution(640, 576)), noise=15),
    # 2K and 4K: position embedding, other shifts
    Generate("generate-2k", "sana-2k", Generation(FOX, 20, **_resolution(224, 96)), noise=16),
    Generate("generate-2k-native-grid-rows", "sana-2k", Generation(FOX, 2, **_resolution(64, 448)), noise=17),
    Generate("generate-4k", "sana-4k", Generation(FOX, 20, **_resolution(96, 160)), noise=18),
    Generate("generate-4k-euler", "sana-4k",
             Generation(HOUSE, 6, scheduler=FLOW_MATCH_EULER, **_resolution(160, 96)), noise=19),
    # 1.5: qk-norm, Gemma 3, flow-matching Euler
    Generate("generate-1.5", "sana-1.5", Generation(FOX, 20, **_resolution(160, 224)), noise=20),
    Generate("generate-1.5-dpm-solver", "sana-1.5",
             Generation(HOUSE, 16, scheduler=FLOW_DPM_SOLVER, **_resolution(160, 128)), noise=21),
    Generate("generate-1.5-seed", "sana-1.5", Generation(HOUSE, 3, seed=2**40 + 5, **_resolution(64, 96))),
    # Sprint
    Generate("sprint-1-step", "sprint", Generation(FOX, 1, **_resolution(160, 224)), noise=22),
    Generate("sprint-2-steps", "sprint", Generation(FOX, 2, **_resolution(224, 160)), noise=23),
    Generate("sprint-4-steps", "sprint", Generation(HOUSE, 4, guidance_scale=2.0, **_resolution(128, 160)), noise=24),
    Generate("sprint-20-steps", "sprint", Generation(HOUSE, 20, **_resolution(96, 96)), noise=25),
    Generate("sprint-2-steps-seed", "sprint", Generation(FOX, 2, seed=42, **_resolution(160, 160))),
    Generate("sprint-binning", "sprint", Generation(FOX, 1, binning=True, seed=9, **_resolution(300, 420))),
    Generate("sprint-image", "sprint",
             Generation(HOUSE, 2, image="picture.png", strength=0.6, seed=5, **_resolution(160, 96))),
    Generate("sprint-image-late-start", "sprint",
             Generation(HOUSE, 2, image="picture.png", strength=0.5, seed=6, **_resolution(96, 128))),
    Generate("sprint-image-4-steps", "sprint",
             Generation(HOUSE, 4, image="picture.png", strength=0.6, **_resolution(160, 96)), noise=26),
    # Corners of the configuration: patch size 2, learned sigma, biases and affine norms, scaled timesteps
    Generate("generate-corners", "corners", Generation(FOX, 20, **_resolution(192, 128)), noise=27),
    Generate("generate-corners-seed", "corners", Generation(HOUSE, 4, seed=0, **_resolution(64, 192))),
]

VAE = [
    Decode("decode", "sana-1.0", 6, 9),
    # At most head_dim positions in the last stage (and for the smallest in the stage before it).
    Decode("decode-small", "sana-1.0", 2, 3),
    Decode("decode-smallest", "sana-1.0", 1, 1),
    Decode("decode-tiled", "sana-1.0", 18, 20, tiling=True),
    # A last tile thinner than the overlap, and a side that needs no tiles.
    Decode("decode-tiled-thin", "sana-1.0", 15, 29, tiling=True),
    Decode("decode-untiled", "sana-1.0", 18, 20),
    Decode("decode-bf16", "sana-4k", 5, 7),
    Decode("decode-pixel-shuffle", "corners", 6, 9),
    Decode("decode-pixel-shuffle-small", "corners", 2, 2),
    Decode("decode-pixel-shuffle-tiled", "corners", 18, 20, tiling=True),
    Encode("encode", "sana-1.0", "picture-large-side.png"),
    Encode("encode-smallest", "sana-1.0", "pixel-block.png"),
    Encode("encode-alpha", "sana-1.0", "picture-alpha.png"),
    Encode("encode-palette", "sana-1.0", "picture-palette.png"),
    Encode("encode-grey", "sana-1.0", "picture-grey.png"),
    Encode("encode-grey-alpha", "sana-1.0", "picture-grey-alpha.png"),
    Encode("encode-pixel-unshuffle", "corners", "picture.png"),
    Encode("encode-f32-in-bf16-shards", "sana-2k", "picture.png"),
]

TOKENIZE = [
    Tokenize(f"tokenize-{checkpoint}-{name}", checkpoint, text)
    for checkpoint in ("sana-1.0", "sana-2k", "sana-1.5")
    for name, text in (
        ("empty", ""), ("emoji", EMOJI), ("whitespace", WHITESPACE + "   three  two\n\n\n\n\n\n\n\n\ttab\t\t\t\r\n "),
        ("lookalikes", LOOKALIKES + "<start_of_image><image_soft_token></strong><strong>"), ("long", LONG * 3))
]


def arguments(case: Embed | Generate | Decode | Encode | Tokenize) -> tuple[str, list[str]]:
    """The command and its options, apart from the checkpoint, the input files and the outputs."""
    if isinstance(case, Tokenize):
        return "tokenize", ["--text", case.text, "--json"]
    if isinstance(case, Embed):
        return "embed", ["--prompt", case.prompt, *([] if case.human_instruction else ["--no-human-instruction"]),
                         *([] if case.length is None else ["--max-sequence-length", str(case.length)])]
    if isinstance(case, Decode):
        return "decode", ["--vae-tiling", "on" if case.tiling else "off"]
    if isinstance(case, Encode):
        return "encode", []
    call, defaults = case.call, {field.name: field.default for field in fields(Generation)}
    options = ["--prompt", call.prompt, "--steps", str(call.steps), "--vae-tiling", "on" if call.tiling else "off"]
    if case.name != "generate-1.0-default-size":
        options += ["--width", str(call.width), "--height", str(call.height)]
    for option, value, default in (
            ("--negative-prompt", call.negative_prompt, defaults["negative_prompt"]),
            ("--guidance-scale", call.guidance_scale, defaults["guidance_scale"]),
            ("--scheduler", call.scheduler, None), ("--seed", call.seed, None)):
        options += [] if value == default else [option, str(value)]
    options += [] if call.image is None else ["--strength", str(call.strength)]
    options += [] if call.human_instruction else ["--no-human-instruction"]
    options += [] if call.binning else ["--no-resolution-binning"]
    return "generate", options
