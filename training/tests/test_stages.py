"""The stages from drawings to scores, at toy size, each resumed from the files of the one before."""

import json
import random

import pytest
import toy_world

from sana_training import autoencoder, cache, evaluate, judge, transformer


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    root = tmp_path_factory.mktemp("toy")
    toy_world.write_dataset(root / "dataset")
    toy_world.write_sprites(root / "work")
    toy_world.write_tokenizer(root / "models")
    toy_world.write_vae(root / "models" / "vae")
    toy_world.write_transformer(root / "start")
    return root


def test_the_stages_run_and_resume(world, monkeypatch):
    monkeypatch.setattr(transformer, "TextStates", toy_world.ToyStates)
    monkeypatch.setattr(evaluate, "TextStates", toy_world.ToyStates)
    monkeypatch.setattr(judge, "_CHUNK", 8)
    monkeypatch.setattr(judge, "_WIDTH", 4)
    monkeypatch.setattr(evaluate, "_SOLVERS", ((1, 2), (1, 1)))
    monkeypatch.setattr(evaluate, "_GUIDANCE", ())
    monkeypatch.setattr(autoencoder, "_VALIDATION_SCENES", 4)
    monkeypatch.setattr(autoencoder, "_WARM_UP", 1)
    options = cache.CacheOptions(
        world / "dataset",
        world / "work",
        world / "models",
        scenes=24,
        seconds=600,
        processes=1,
        batch=8,
        device="cpu",
    )
    cache.build_caches(options)
    square = cache.load_cache(world / "work", (16, 16))
    assert square["latents"].shape == (19, 32, 16, 16)
    assert square["tokens"].shape == (19, 5, 32)
    assert len(square["scenes"]["sprite"]) == 19
    assert (square["tokens"][:, :, 0] == 2).all()
    finished = (world / "work" / "cache-16x16.pt").stat().st_mtime_ns
    cache.build_caches(options)
    assert (world / "work" / "cache-16x16.pt").stat().st_mtime_ns == finished

    for seconds in (1.0, 2.0):
        transformer.train(_training(world, seconds))
    log = json.loads((world / "work" / "transformer" / "log.json").read_text())["log"]
    assert [entry["step"] for entry in log] == sorted(entry["step"] for entry in log)
    assert log[-1]["seconds"] >= 2.0
    _, integers = transformer.load_transformer(world / "work" / "transformer", "cpu", "shift")
    assert integers == transformer.load_transformer(world / "start", "cpu", "shift")[1]

    decoder = world / "work" / "decoder.safetensors"
    autoencoder.train_decoder(
        autoencoder.DecoderOptions(
            world / "dataset", world / "work", world / "models", seconds=12, batch=2, rate=3e-3, device="cpu"
        )
    )
    errors = json.loads((world / "work" / "decoder.json").read_text())
    assert errors["after"]["psnr"] > errors["before"]["psnr"]

    judge.describe_scenes(world / "dataset", world / "work", 16, 1)
    judge.train_judge(judge.JudgeOptions(world / "dataset", world / "work", seconds=2, batch=8, device="cpu"))
    evaluate.evaluate(_evaluation(world))
    scores = json.loads((world / "out" / "scores.json").read_text())["scores"]
    assert set(scores) == {"before", "after", "ceiling"}
    assert scores["before"].keys() == scores["ceiling"].keys()
    assert (world / "out" / "scenes-after.jpg").exists()
    assert decoder.exists()


def _training(world, seconds):
    return transformer.TrainingOptions(
        world / "work",
        world / "models",
        world / "start",
        seconds,
        batch=4,
        rate=1e-3,
        depthwise="shift",
        device="cpu",
        save_every=60,
        seed=1,
    )


def _evaluation(world):
    return evaluate.EvaluationOptions(
        world / "dataset", world / "work", world / "models", world / "start", world / "work" / "transformer",
        world / "work" / "decoder.safetensors", world / "out", seconds=600, guidance=4.5, steps=2, batch=2, limit=2,
        device="cpu",
    )  # fmt: skip


def test_a_request_is_answered_the_same_way_every_time(world):
    request = cache.ChunkRequest(
        world / "dataset", world / "work", world / "models" / "tokenizer" / "tokenizer.json", 5, 6, 1.0
    )
    random.seed(1)
    first = cache.describe(request)
    random.seed(2)
    second = cache.describe(request)
    assert (first[1] == second[1]).all()
    assert all((first[0][name] == second[0][name]).all() for name in first[0])
