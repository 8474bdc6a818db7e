from __future__ import annotations

import numpy as np
import pytest
import torch
from helpers.corpora import textures
from numpy.lib.stride_tricks import sliding_window_view

from synthmed.evaluation.copying.alterations import ALTERATIONS
from synthmed.evaluation.copying.candidates import FLIPS, _learnt, candidates
from synthmed.evaluation.copying.correlation import CorrelationDetector
from synthmed.evaluation.copying.poses import after, interior, pose_grids, sample
from synthmed.evaluation.copying.register import register
from synthmed.evaluation.copying.thumbnails import CONTRAST_FLOOR, SIDE, correlation, smooth, thumbnails, without_light
from synthmed.evaluation.copying.whitening import SHRINKAGE, whitening

GALLERY = textures(24)
DETECTOR = CorrelationDetector(thumbnails(torch.from_numpy(GALLERY)))
STRANGERS = DETECTOR(textures(12, seed=1)).scores


def test_strangers_score_below_every_copy_of_each_alteration() -> None:
    rng = np.random.default_rng(0)
    for name, alteration in ALTERATIONS.items():
        sources = rng.choice(24, 6, replace=False)
        matches = DETECTOR(np.stack([alteration(GALLERY[source], rng) for source in sources]))
        np.testing.assert_array_equal(matches.places, sources, err_msg=name)
        assert matches.scores.min() > STRANGERS.max() + 0.05, name


def test_flips_and_the_image_itself_score_one() -> None:
    for axes in ((), (3,), (2,), (2, 3)):
        matches = DETECTOR(np.flip(GALLERY[:4], axes))
        np.testing.assert_allclose(matches.scores, 1, atol=1e-3)
        np.testing.assert_array_equal(matches.places, range(4))


def test_the_same_each_time_and_for_each_picture_alone() -> None:
    pictures = np.concatenate([GALLERY[:3] ** 1.3, textures(3, seed=2)])
    together, again = DETECTOR(pictures), DETECTOR(pictures)
    np.testing.assert_array_equal(together.scores, again.scores)
    alone = [DETECTOR(picture[None]) for picture in pictures]
    np.testing.assert_array_equal(together.places[:3], [0, 1, 2])
    np.testing.assert_allclose(together.scores, [one.scores[0] for one in alone], atol=1e-4)


def test_edges_of_input() -> None:
    none = DETECTOR(GALLERY[:0])
    assert (none.scores.shape, none.places.shape) == ((0,), (0,))
    flat = DETECTOR(np.full((1, 1, 64, 64), 0.5, np.float32))
    assert np.isfinite(flat.scores).all()
    assert flat.scores[0] < 0.5
    # Fewer rows than are kept, another size, and colour.
    few = CorrelationDetector(DETECTOR.gallery[:2])
    large = np.repeat(np.repeat(GALLERY[:2], 2, axis=2), 2, axis=3).repeat(3, axis=1)
    np.testing.assert_array_equal(few(large).places, [0, 1])


def test_thumbnails_of_thumbnails_are_the_same() -> None:
    small = thumbnails(torch.rand(2, 3, 100, 90, generator=torch.Generator().manual_seed(0)))
    assert small.shape == (2, 1, SIDE, SIDE)
    torch.testing.assert_close(thumbnails(small), small)


def test_without_light_by_hand_at_a_hole() -> None:
    """Against a loop over pixels in float64; what the hole holds plays no part."""
    rng = np.random.default_rng(0)
    picture, seen = rng.random((9, 9)), (rng.random((9, 9)) > 0.3).astype(float)
    pair = torch.from_numpy(np.stack([picture, np.where(seen > 0, picture, 7.0)])[:, None]).float()
    weight = torch.from_numpy(seen)[None, None].float().expand(2, -1, -1, -1)
    found = without_light(pair, 1.0, weight)[:, 0].numpy()
    np.testing.assert_allclose(found[0], found[1], atol=1e-5)
    from monai.networks.layers import gaussian_1d

    kernel = gaussian_1d(torch.tensor(1.0), truncated=3.0).double().numpy()
    window = kernel[:, None] * kernel
    reach = len(kernel) // 2
    expected = np.zeros((9, 9))
    values, counts = (np.pad(array, reach) for array in (picture * seen, seen))
    squares = np.pad(picture**2 * seen, reach)
    views = [sliding_window_view(array, window.shape) for array in (values, counts, squares)]
    for row in range(9):
        for column in range(9):
            total, count, square = (float((view[row, column] * window).sum()) for view in views)
            deviation = np.sqrt(max(square / count - (total / count) ** 2, 0))
            expected[row, column] = (picture[row, column] - total / count) / (deviation + CONTRAST_FLOOR)
    np.testing.assert_allclose(found[0], expected * seen, atol=1e-4)


def test_correlation_is_numpys() -> None:
    rng = np.random.default_rng(0)
    one, other, seen = rng.random((3, 50)), rng.random((3, 50)), rng.random((3, 50)) > 0.4
    found = correlation(*(torch.from_numpy(array).float() for array in (one, other, seen.astype(float))))
    expected = [np.corrcoef(one[i][seen[i]], other[i][seen[i]])[0, 1] for i in range(3)]
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_registration_finds_a_known_warp() -> None:
    moving = without_light(DETECTOR.gallery[:3], 4.0)
    true = torch.tensor(
        [[[0.9, 0.05, 0.06], [-0.05, 0.9, -0.05]], [[1, 0, 0.08], [0, 1, 0.08]], [[0.88, 0, 0], [0, 1, 0]]]
    )
    fixed, weight = -0.5 + 2 * sample(moving, true, SIDE), interior(moving, 4)
    unmoved, before = register(fixed, moving, weight, 0)
    torch.testing.assert_close(unmoved, torch.eye(2, 3).expand(3, 2, 3))
    poses, score = register(fixed, moving, weight, 10)
    torch.testing.assert_close(poses, true, atol=0.01, rtol=0)
    assert (score > 0.99).all()
    assert (before < 0.9).all()
    assert (register(fixed, -moving, weight, 10)[1] >= register(fixed, -moving, weight, 0)[1]).all()


def test_poses_one_after_the_other() -> None:
    first = torch.tensor([[[0.9, 0.1, 0.2], [-0.1, 0.8, 0.0]]])
    second = torch.tensor([[[1.1, 0.0, -0.3], [0.2, 0.7, 0.1]]])
    place = torch.tensor([0.3, -0.4, 1.0])
    between = torch.cat([first[0] @ place, torch.ones(1)])
    torch.testing.assert_close(after(first, second)[0] @ place, second[0] @ between)


def test_candidates_against_a_loop() -> None:
    """Each pair's best cosine over flips and poses, one at a time in numpy."""
    gallery, queries = DETECTOR.gallery[:5], thumbnails(torch.from_numpy(textures(2, seed=3)))
    found, everything = candidates(queries, gallery, keep=3), candidates(queries, gallery, keep=99)
    assert everything.places.shape == (2, 5)
    torch.testing.assert_close(found.scores, everything.scores[:, :3])
    torch.testing.assert_close(found.places, everything.places[:, :3])
    assert (everything.scores.diff(dim=1) <= 0).all()
    white = whitening(_learnt(gallery, pose_grids())).double().numpy()

    def vector(picture: torch.Tensor) -> np.ndarray:
        flat = picture.flatten().double().numpy()
        whitened = flat / np.linalg.norm(flat) @ white
        return whitened / np.linalg.norm(whitened)

    even = smooth(without_light(queries[1:], 5.0), 1.6)
    turned = [vector(sample(even.flip(axes), torch.eye(2, 3)[None], 24)) for axes in FLIPS]
    for rank in (0, 4):
        row = int(everything.places[1, rank])
        best = (-1.0, -1, torch.zeros(0))
        for scale, poses in pose_grids():
            even = smooth(without_light(gallery[row : row + 1], 5.0 * scale), 1.6 * scale)
            stack = torch.cat([even, interior(even, 4)], dim=1)
            for pose in poses:
                other, seen = sample(stack, pose[None], 24)[0]
                right = vector(other * (seen > 0.99))
                scores = [(float(one @ right), number, pose) for number, one in enumerate(turned)]
                best = max(best, *scores, key=lambda known: known[0])
        assert float(everything.scores[1, rank]) == pytest.approx(best[0], abs=1e-4)
        assert int(everything.flips[1, rank]) == best[1]
        torch.testing.assert_close(everything.poses[1, rank], best[2])


def test_whitening_by_its_eigenvalues() -> None:
    """Each variance v becomes v / (v + shrinkage x mean)."""
    rng = np.random.default_rng(0)
    vectors = torch.from_numpy(rng.normal(size=(500, 6)) * [3, 2, 1, 0.5, 0.1, 0.0])
    white = whitening(vectors)
    before, after_it = (np.linalg.eigvalsh((each.T @ each / 500).numpy()) for each in (vectors, vectors @ white))
    np.testing.assert_allclose(after_it, before / (before + SHRINKAGE * before.mean()), atol=1e-9)
    torch.testing.assert_close(white, white.T)
