"""Distillation from the cached latents to a checkpoint that diffusers loads, at toy size, resumed and gone on from."""

import copy
import itertools
import json
import os
import signal
from types import SimpleNamespace

import pytest
import torch
import toy_world
from diffusers import SanaTransformer2DModel, SCMScheduler
from safetensors.torch import load_file, save_file
from torch import nn

from sana_training import cache, carry_over, evaluate_sprint, export, judge, sprint, training_data, transformer_files
from sana_training.evaluate_sprint import mean_pairwise_distance, right_answers
from sana_training.student import make_student, refit_time
from sana_training.tangent import sinusoid
from sana_training.widen import widen_checkpoint


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    root = tmp_path_factory.mktemp("sprint")
    toy_world.write_dataset(root / "dataset")
    toy_world.write_sprites(root / "work")
    toy_world.write_tokenizer(root / "models")
    toy_world.write_vae(root / "models" / "vae")
    toy_world.write_transformer(root / "models" / "transformer")
    cache.build_caches(
        cache.CacheOptions(
            root / "dataset", root / "work", root / "models", scenes=24, seconds=600, processes=1, batch=8, device="cpu"
        )
    )
    return root


def _options(world, name, **changes):
    return sprint.SprintOptions(
        world / "work", world / "models", world / "models" / "transformer", name, **{"batch": 4, **changes}
    )


def _log(world, name):
    return json.loads((world / "work" / name / "log.json").read_text())["log"]


def test_runs_resume_go_on_and_are_evaluated(world, monkeypatch):
    monkeypatch.setattr(training_data, "_SCORER_STEPS", 3)
    monkeypatch.setattr(training_data, "TextStates", toy_world.ToyStates)
    monkeypatch.setattr(evaluate_sprint, "TextStates", toy_world.ToyStates)
    monkeypatch.setattr(judge, "_CHUNK", 8)
    monkeypatch.setattr(sprint, "_TEACHER_STEPS", 2)
    monkeypatch.setattr(sprint, "_LOG_EVERY", 3)
    # Half a second each time that it is asked, so that a busy machine makes as many steps as any other.
    clock = itertools.count(0, 0.5)
    monkeypatch.setattr(sprint, "time", SimpleNamespace(monotonic=lambda: next(clock)))
    for name, value in (
        ("_DIVERSITY_PROMPTS", 2),
        ("_DIVERSITY_SEEDS", 2),
        ("_TEACHER_STEPS", (2, 1)),
        ("_STUDENT_STEPS", (1, 2, 3)),
        ("_SHOWN_STEPS", (1, 2)),
        ("_SCHEDULES", {2: ((1.5708, 1.3), (1.5708, 1.0))}),
        ("_SCHEDULE_PROMPTS", 4),
        ("_WORD_STEPS", (2,)),
    ):
        monkeypatch.setattr(evaluate_sprint, name, value)

    # Interrupted, then gone on with to the agreed end.
    sprint.distil(_options(world, "first", seconds=2.0, adversarial=0.5))
    first = _log(world, "first")
    sprint.distil(_options(world, "first", seconds=6.0, adversarial=0.5))
    second = _log(world, "first")
    assert second[: len(first)] == first
    assert second[-1]["step"] > first[-1]["step"]
    assert second[-1]["seconds"] >= 6.0
    sprint.distil(_options(world, "plain", seconds=6.0))
    for log, adversarial in ((second, True), (_log(world, "plain"), False)):
        assert any("heads_loss" in entry for entry in log) == adversarial
        assert all(entry["left_out"] == 0 for entry in log if "left_out" in entry)

    # A later student begins where the first has ended, if their teachers are the same.
    with pytest.raises(SystemExit, match="--start-teacher"):
        _options(world, "second", seconds=1.0, start=world / "work" / "first")
    teacher = world / "models" / "transformer"
    sprint.distil(_options(world, "second", seconds=1.0, start=world / "work" / "first", start_teacher=teacher))
    carry_over.carry_over(teacher, world / "work" / "first", teacher, world / "carried")
    same = [transformer_files.load_transformer(world / at, "cpu", "shift")[0] for at in ("work/first", "carried")]
    for one, other in zip(*(model.parameters() for model in same), strict=True):
        # The second is rounded once more.
        assert torch.allclose(one, other, atol=0.01 * float(one.abs().max()))
    begun, ended = _log(world, "second")[0]["one_step_distance"], second[-1]["one_step_distance"]
    # Int8 rows and float16 on the way from one to the other.
    assert begun == pytest.approx(ended, rel=0.02)

    # Asked to end from outside, a run saves what it has.
    step = sprint.SprintRun._train_step

    def interrupted(self, progress):
        os.kill(os.getpid(), signal.SIGTERM)
        return step(self, progress)

    monkeypatch.setattr(sprint.SprintRun, "_train_step", interrupted)
    handler = signal.getsignal(signal.SIGTERM)
    with pytest.raises(SystemExit, match="stopped at"):
        sprint.distil(_options(world, "ended", seconds=600.0))
    signal.signal(signal.SIGTERM, handler)
    assert _log(world, "ended")[-1]["step"] == 1
    assert (world / "work" / "ended-state.pt").exists()

    judge.describe_scenes(world / "dataset", world / "work", 16, 1)
    judge.train_judge(judge.JudgeOptions(world / "dataset", world / "work", seconds=1, batch=8, device="cpu"))
    # Two single things and a number in each language.
    ask = evaluate_sprint.questions
    monkeypatch.setattr(evaluate_sprint, "questions", lambda *told: [group[:3] for group in ask(*told)])
    students = {"student": world / "work" / "first"}
    evaluate_sprint.evaluate_sprint(
        evaluate_sprint.SprintEvaluationOptions(
            world / "dataset",
            world / "work",
            world / "models",
            world / "models" / "transformer",
            students,
            world / "out",
            batch=2,
            limit=2,
        )
    )
    scores = json.loads((world / "out" / "scores.json").read_text())
    ways = {"teacher 2", "teacher 1", *(f"{name} {steps}" for name in students for steps in (1, 2, 3))}
    assert set(scores["scores"]) == ways | {"ceiling"}
    assert set(scores["right"]) == ways | {"ceiling"}
    languages = ("en", "zh", "de", "emoji")
    assert {f"{way} {language}" for way in ways for language in languages} == set(scores["distance"])
    measured = {"teacher 2", "teacher 1", *(f"{name} {steps}" for name in students for steps in (1, 2))}
    expected = {f"{way} {language}" for way in measured for language in languages}
    assert expected | {f"{name} / teacher" for name in expected} == set(scores["diversity"])
    assert all(value > 0 for value in scores["diversity"].values())
    assert all(scores["diversity"][f"teacher 2 {language} / teacher"] == 1 for language in languages)
    assert set(scores["schedules"]) == {"student 2, [1.571, 1.3]", "student 2, [1.571, 1.0]"}
    assert (world / "out" / "words.zip").exists()
    assert (world / "out" / "scenes-student.jpg").exists()
    assert (world / "out" / "languages-student.jpg").exists()


def test_a_student_is_stored_beside_its_teacher_and_stands_alone_when_widened(world, tmp_path):
    models = world / "models"
    teacher, integers = transformer_files.load_transformer(models / "transformer", "cpu", "shift")
    student, _ = make_student(teacher, "shift")
    torch.manual_seed(0)
    nn.init.normal_(student.time_embed.guidance_embedder.linear_2.weight, std=0.05)
    config = json.loads((models / "transformer" / "config.json").read_text()) | {"guidance_embeds": True}
    transformer_files.save_transformer(tmp_path / "made", student.state_dict(), integers, config)
    index = {"_class_name": "SanaPipeline", "_diffusers_version": "0.42.1", "vae": ["diffusers", "AutoencoderDC"]}
    (models / "model_index.json").write_text(json.dumps(index))
    (models / "generation_defaults.json").write_text(json.dumps({"name": "toy", "numInferenceSteps": 20}))
    (models / "scheduler").mkdir()
    (models / "scheduler" / "scheduler_config.json").write_text("{}")
    (models / "text_encoder").mkdir()
    (models / "text_encoder" / "config.json").write_text("{}")
    save_file({"norm.weight": torch.ones(3)}, models / "text_encoder" / "model.safetensors")
    with pytest.raises(SystemExit, match="model_index.json: does not exist"):
        export.export_sprint(tmp_path / "made", tmp_path / "alone" / "sprint")

    export.export_sprint(tmp_path / "made", models / "sprint")
    assert sorted(path.name for path in (models / "sprint").iterdir()) == [
        "generation_defaults.json",
        "model_index.json",
        "scheduler",
        "transformer",
    ]
    written = json.loads((models / "sprint" / "model_index.json").read_text())
    assert written["_class_name"] == "SanaSprintPipeline"
    assert written[export.SHARED_KEY] == ["text_encoder", "tokenizer", "vae"]
    defaults = json.loads((models / "sprint" / "generation_defaults.json").read_text())
    own = {"name": "toy-sprint", "numInferenceSteps": 2, "guidanceScale": 4.5, "timesteps": export.ANGLES}
    assert defaults == own

    # The toy decoder is in floats, as the teacher is in int8 rows.
    (models / "transformer" / "diffusion_pytorch_model.safetensors").write_bytes(
        (models / "transformer" / transformer_files.WEIGHTS_NAME).read_bytes()
    )
    for source, output in ((models, tmp_path / "wide"), (models / "sprint", tmp_path / "wide-sprint")):
        widen_checkpoint(source, output, torch.float32)
        names = {path.name for path in output.iterdir()}
        assert names == {"model_index.json", "scheduler", "text_encoder", "tokenizer", "transformer", "vae"}
    wide = tmp_path / "wide-sprint"
    assert export.SHARED_KEY not in json.loads((wide / "model_index.json").read_text())
    for component, name in (("vae", "diffusion_pytorch_model"), ("text_encoder", "model")):
        one, two = (load_file(folder / component / f"{name}.safetensors") for folder in (wide, tmp_path / "wide"))
        assert all(torch.equal(one[key], two[key]) for key in two)
    loaded = SanaTransformer2DModel.from_pretrained(wide / "transformer")
    assert loaded.config.guidance_embeds
    expected = transformer_files.load_transformer(tmp_path / "made", "cpu", "shift")[0].state_dict()
    assert all(torch.equal(value, expected[key]) for key, value in loaded.state_dict().items())
    assert SCMScheduler.from_pretrained(wide / "scheduler").config.prediction_type == "trigflow"


def test_a_smooth_time_embedding_is_refitted_a_thousand_times_slower():
    embedder = copy.deepcopy(toy_world.toy_transformer().time_embed.emb.timestep_embedder)
    with torch.no_grad():
        # What a trained embedding makes of a single timestep is noise; only frequencies that span many are kept.
        embedder.linear_1.weight[:, :64] = 0
        embedder.linear_1.weight[:, 128:192] = 0
        embedder.linear_1.weight *= 5
    before = copy.deepcopy(embedder)
    error = refit_time(embedder)
    # As good as its features are in bfloat16, for which it is made.
    assert error < 2e-2
    times = torch.rand(50, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    old = before.double()(sinusoid(times * 1000 - 0.5))
    new = embedder.double()(sinusoid(times))
    # Between the timesteps too, and in half precision.
    assert (new - old).norm() / old.norm() < 3e-2
    rounded = embedder.bfloat16()(sinusoid(times).bfloat16())
    assert (rounded - old).norm() / old.norm() < 6e-2
    assert (old.std(0) / old.abs().mean()).mean() > 0.05


def test_a_student_begins_as_its_teacher_whatever_the_guidance():
    teacher = toy_world.toy_transformer()
    student, error = make_student(teacher, "shift")
    generator = torch.Generator().manual_seed(1)
    sample, states = torch.randn(2, 32, 6, 6, generator=generator), torch.randn(2, 8, 640, generator=generator)
    mask, time = torch.ones(2, 8), torch.tensor([0.2505, 0.8005])
    outputs = [
        student(sample, states, time, guidance, mask, return_dict=False)[0]
        for guidance in (torch.tensor([0.1, 0.2]), torch.tensor([0.6, 0.45]))
    ]
    assert torch.equal(*outputs)
    expected = teacher(sample, states, (time * 1000).floor(), encoder_attention_mask=mask, return_dict=False)[0]
    # The random toy embedding is no smooth curve, so the fit's own error is what is left, and not much more.
    assert float((outputs[0] - expected).norm() / expected.norm()) < 2 * error + 1e-4


def test_diversity_is_the_mean_distance_between_seeds():
    features = torch.tensor([[[0.0, 0.0], [1.0, 1.0]], [[3.0, 4.0], [1.0, 1.0]], [[0.0, 0.0], [1.0, 2.0]]])
    # Prompt one: 5, 0, 5; prompt two: 0, 1, 1.
    assert mean_pairwise_distance(features.double()) == pytest.approx((10 / 3 + 2 / 3) / 2)


def test_ratios_are_to_the_teachers_many_steps():
    answers = [
        {"model": model, "language": language, "right": right}
        for model, rights in (("teacher 20", (True, True, True, False)), ("plain 2", (True, False, True, False)))
        for language, right in zip(("en", "en", "zh", "zh"), rights, strict=True)
    ]
    assert right_answers(answers)["plain 2"] == {
        "en": 0.5,
        "zh": 0.5,
        "all": 0.5,
        "en / teacher": 0.5,
        "zh / teacher": 1.0,
        "all / teacher": 0.6667,
    }
