"""The decoder in two halves: together they are the decoder, and a window of the upper one is a part of the whole."""

import pytest
import torch
import toy_world

from sana_training.decoder_halves import PIXELS_PER_CELL, DecoderHalves, window_corners, windows
from sana_training.decoder_measure import edge_error
from sana_training.vae import load_autoencoder

# A few float32 roundings, in another order.
_ROUNDING = 1e-5
# 3x3 convolutions reach 4 pixels at full size, 5 at half and 5 at a quarter: 34 pixels.
_REACH = 34


@pytest.fixture(scope="module")
def halves(tmp_path_factory):
    folder = tmp_path_factory.mktemp("decoder") / "vae"
    toy_world.write_vae(folder)
    return DecoderHalves(load_autoencoder(folder).decoder)


def test_both_halves_are_the_decoder(halves):
    latents = torch.randn(2, 32, 4, 6, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        assert torch.allclose(halves.upper(halves.lower(latents)), halves.decoder(latents), atol=_ROUNDING)


def test_a_window_shows_what_the_whole_shows_there(halves):
    latents = torch.randn(2, 32, 4, 4, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        cells = halves.lower(latents)
        corners = torch.tensor([[0, 4], [3, 1]])
        whole = windows(halves.upper(cells), corners * PIXELS_PER_CELL, 12 * PIXELS_PER_CELL)
        window = halves.upper(windows(cells, corners, 12))
    inside = (..., slice(_REACH, -_REACH), slice(_REACH, -_REACH))
    assert window.shape == whole.shape == (2, 3, 96, 96)
    assert torch.allclose(window[inside], whole[inside], atol=_ROUNDING)
    assert not torch.allclose(window, whole, atol=_ROUNDING)


def test_windows_lie_around_their_centres_and_inside():
    pictures = torch.arange(2 * 6 * 8.0).view(2, 1, 6, 8)
    corners = window_corners(torch.tensor([[0.5, 0.5], [1.0, 0.0]]), 4, 6, 8)
    assert corners.tolist() == [[1, 2], [0, 4]]
    found = windows(pictures, corners, 4)
    assert torch.equal(found[0], pictures[0, :, 1:5, 2:6])
    assert torch.equal(found[1], pictures[1, :, 0:4, 4:8])


def test_the_edge_error_sees_a_blurred_edge_and_no_offset():
    sharp = torch.zeros(1, 1, 8, 8)
    sharp[..., 4:] = 1
    blurred = sharp.clone()
    blurred[..., 3:5] = 0.5
    assert edge_error(sharp + 0.3, sharp) == pytest.approx(0, abs=1e-6)
    assert edge_error(blurred, sharp) > 0.1
