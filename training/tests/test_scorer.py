"""Captions chosen by score: the scorer finds the fitting wording, and reading follows the scores within a language."""

import pytest
import torch

from sana_training.scorer import TEMPERATURE, CaptionScorer, reading_weights, scores, train_scorer
from sana_training.training_data import TrainingData

_LANGUAGES = ("en", "en", "zh")


def test_reading_weights_follow_the_scores_within_a_language_and_keep_the_shares():
    found = torch.tensor([[0.30, 0.27, 0.1], [0.2, -0.5, 0.3]])
    weights = reading_weights(_LANGUAGES, {"en": 0.6, "zh": 0.4}, found)
    assert torch.allclose(weights[:, :2].sum(1), torch.tensor([0.6, 0.6]))
    assert torch.allclose(weights[:, 2], torch.tensor([0.4, 0.4]))
    assert (weights[0, 0] / weights[0, 1]).item() == pytest.approx((0.30 / 0.27) ** (1 / TEMPERATURE), rel=1e-4)
    # A wording that does not fit at all is as good as never read.
    assert weights[1, 1] < 1e-6


def test_a_language_without_a_share_is_never_read():
    weights = reading_weights(_LANGUAGES, {"en": 0.27}, torch.ones(4, 3))
    assert (weights[:, 2] == 0).all()
    assert torch.allclose(weights[:, :2], torch.full((4, 2), 0.5))


def test_a_batch_reads_the_wordings_that_have_weight():
    shape = (2, 2)
    rows = torch.arange(6.0)
    states = (10 * rows[:, None] + torch.arange(3)).view(6, 3, 1, 1).expand(6, 3, 4, 640)
    masks = torch.ones(6, 3, 4, dtype=torch.bool)
    weights = torch.eye(3)[torch.arange(6) % 3]
    empty = torch.full((1, 4, 640), -1.0)
    latents = rows.view(6, 1, 1, 1).expand(6, 32, *shape)
    data = TrainingData({shape: latents}, {shape: states}, {shape: masks}, {shape: weights}, (), empty)
    found, read, mask = data.draw(shape, 40, drop=0.0)
    row = found[:, 0, 0, 0]
    assert len(row.unique()) > 1
    assert torch.equal(read[:, 0, 0], 10 * row + row % 3)
    assert mask.all()
    _, read, mask = data.draw(shape, 40, drop=1.0)
    assert (read == -1).all()
    assert torch.equal(mask.sum(1), torch.ones(40, dtype=torch.long)) and mask[:, 0].all()


def test_the_scorer_learns_which_wording_fits():
    generator = torch.Generator().manual_seed(0)
    kinds = torch.arange(96) % 8
    latents = torch.randn(8, 32, 8, 8, generator=generator)[kinds]
    latents = latents + 0.1 * torch.randn(latents.shape, generator=generator)
    words = torch.randn(8, 1, 4, 640, generator=generator)
    fitting, other = words[kinds], words[(kinds + 3) % 8]
    masks = torch.ones(96, 2, 4, dtype=torch.bool)
    torch.manual_seed(0)
    scorer = CaptionScorer(torch.zeros(640), torch.ones(640))
    train_scorer(scorer, latents, fitting, masks[:, :1], steps=40, batch=8)
    found = scores(scorer, latents, torch.cat([fitting, other], 1), masks)
    # Eight pictures at a time: the other kind's words are wrong for all of them.
    assert (found[:, 0] > found[:, 1]).float().mean() > 0.9
