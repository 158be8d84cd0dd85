"""The decoder in two halves: together they are the decoder, and a window of the upper one is a part of the whole."""

import pytest
import torch
import toy_world
from safetensors.torch import load_file, save_file

from sana_training import export
from sana_training.autoencoder import reconstruction_loss
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


def test_a_decibel_weighs_as_much_in_an_easy_picture_as_in_a_hard_one():
    slopes = []
    for error in (0.1, 0.2):
        # Without an edge to get wrong, the loss is the absolute error at four sizes and the squared one in decibels.
        output = torch.full((1, 3, 16, 16), error, requires_grad=True)
        loss = reconstruction_loss(output, torch.zeros_like(output)) - 2.5 * output.mean()
        loss.backward()
        slopes.append(error * output.grad.sum().item())
    # The least error that counts, 4e-5, is 0.4 % of the smaller of the two.
    assert slopes[0] == pytest.approx(slopes[1], rel=5e-3)


def test_a_new_decoder_is_put_beside_the_encoder_that_is_there(tmp_path):
    toy_world.write_vae(tmp_path / "vae")
    path = tmp_path / "vae" / export.WEIGHTS
    before = export.quantise_vae(load_file(path))
    save_file(before, path)
    decoder = load_autoencoder(tmp_path / "vae").decoder.state_dict()
    save_file({name: 2 * weight for name, weight in decoder.items()}, tmp_path / "decoder.safetensors")
    export.renew_decoder(tmp_path / "decoder.safetensors", tmp_path)
    after = load_file(path)
    assert after.keys() == before.keys()
    assert all(torch.equal(after[name], before[name]) for name in before if name.startswith("encoder."))
    doubled = load_autoencoder(tmp_path / "vae").decoder.state_dict()
    for name, weight in decoder.items():
        # Twice the codes' own values: the search for scales finds the same codes again, but for ties.
        assert torch.allclose(doubled[name], 2 * weight, atol=0.02 * weight.abs().max().item()), name

    save_file({"other.weight": torch.zeros(2)}, tmp_path / "decoder.safetensors")
    with pytest.raises(SystemExit, match="is not a decoder for"):
        export.renew_decoder(tmp_path / "decoder.safetensors", tmp_path)
    assert load_file(path).keys() == before.keys()
