from __future__ import annotations

import numpy as np
import pytest
import torch
from helpers.corpora import MemoryCorpus
from sklearn.metrics import balanced_accuracy_score, roc_auc_score
from torch import nn

from synthmed.downstream.tasks.classification import LEAST, Classification
from synthmed.downstream.truth import Batch
from synthmed.errors import UserError
from synthmed.evaluation.corpus import Facts
from synthmed.sample import NOT_STATED

NAMES = ("a", "b", "c")


def scored(n: int = 200) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    truth = (rng.random((n, 3)) < (0.5, 0.2, 0.1)).astype(np.uint8)
    return np.clip(0.3 * truth + rng.normal(0.35, 0.2, (n, 3)), 0, 1).astype(np.float32), truth


def test_figures_of_labels_are_sklearns() -> None:
    said, truth = scored()
    found = Classification("xray", NAMES).score(said, truth)
    assert found["auroc"] == pytest.approx(roc_auc_score(truth, said, average="macro"))
    balanced = [balanced_accuracy_score(truth[:, i], said[:, i] > 0.5) for i in range(3)]
    assert found["balanced_accuracy"] == pytest.approx(np.mean(balanced))
    assert found["auroc/b"] == pytest.approx(roc_auc_score(truth[:, 1], said[:, 1]))
    assert found["balanced_accuracy/c"] == pytest.approx(balanced[2])


def test_figures_of_classes_are_sklearns() -> None:
    rng = np.random.default_rng(1)
    classes = rng.integers(0, 3, 150)
    said = rng.dirichlet((1, 1, 1), 150) + 0.3 * np.eye(3)[classes]
    found = Classification("xray", NAMES, exclusive=True).score(said, np.eye(3, dtype=np.uint8)[classes])
    probabilities = said / said.sum(1, keepdims=True)
    assert found["balanced_accuracy"] == pytest.approx(balanced_accuracy_score(classes, said.argmax(1)))
    one_by_one = [roc_auc_score(classes == i, said[:, i]) for i in range(3)]
    assert found["auroc"] == pytest.approx(np.mean(one_by_one))
    assert roc_auc_score(classes, probabilities, multi_class="ovr") > 0.5
    assert found["recall/a"] == pytest.approx((said.argmax(1) == 0)[classes == 0].mean())


def test_a_rare_label_has_no_figures_and_no_part_in_the_mean() -> None:
    said, truth = scored()
    truth[:, 2] = 0
    truth[: LEAST - 1, 2] = 1
    found = Classification("xray", NAMES).score(said, truth)
    assert "auroc/c" not in found
    assert found["auroc"] == pytest.approx((found["auroc/a"] + found["auroc/b"]) / 2)
    assert np.isnan(Classification("xray", NAMES).score(said, truth * 0)["auroc"])


def rows(*labels: tuple[str, ...]) -> MemoryCorpus:
    facts = [Facts(str(i), labels=one) for i, one in enumerate(labels)]
    facts[0] = Facts("0", labels=("a",), labels_by_image={"xray": ("b",)})
    return MemoryCorpus({"xray": np.zeros((len(labels), 1, 4, 4), np.float32)}, facts=facts)


def test_the_images_own_labels_come_before_the_patients() -> None:
    corpus, task = rows((), ("a", "c"), ("no finding",), (NOT_STATED,)), Classification("xray", NAMES)
    assert [task.usable(fact) for fact in corpus.facts(range(4))] == [True, True, True, False]
    assert np.asarray(task.truth(corpus, [0, 1, 2])).tolist() == [[0, 1, 0], [1, 0, 1], [0, 0, 0]]


def test_two_exclusive_classes_of_one_row_are_refused() -> None:
    task = Classification("xray", NAMES, exclusive=True)
    corpus = rows((), ("c",), ("a", "c"), ("no finding",))
    assert [task.usable(fact) for fact in corpus.facts(range(4))] == [True, True, True, False]
    with pytest.raises(UserError, match=r"2 has 2 of the classes"):
        task.truth(corpus, [0, 1, 2])


class _Logits(nn.Module):
    """Gives what it was made with, whatever it sees."""

    def __init__(self, logits: torch.Tensor) -> None:
        super().__init__()
        self.logits = nn.Parameter(logits)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        assert images.min() == -1  # pixels are given in [-1, 1]
        return self.logits


def test_weights_and_losses_are_those_of_the_formulas() -> None:
    truth = np.array([[1, 0, 0], [0, 1, 0], [1, 0, 0], [0, 0, 1]], np.uint8)
    logits = torch.tensor([[0.2, -1, 3], [0, 0, 0], [2, 2, -2], [-1, 0.5, 0]])
    batch = Batch(torch.zeros(4, 1, 2, 2), torch.from_numpy(truth).float())
    many = Classification("xray", NAMES).fitted(truth)
    assert many.weights == pytest.approx((1, 3, 3))
    p = torch.sigmoid(logits.double())
    t = torch.from_numpy(truth).double()
    expected = -(t * p.log() * torch.tensor([1, 3, 3]) + (1 - t) * (1 - p).log()).mean()
    assert many.loss(_Logits(logits), batch).item() == pytest.approx(expected.item(), rel=1e-5)
    one = Classification("xray", NAMES, exclusive=True).fitted(truth)
    assert one.weights == pytest.approx((2 / 3, 4 / 3, 4 / 3))
    chosen = (logits.double().log_softmax(1) * t).sum(1)
    by_class = torch.tensor(one.weights)[torch.from_numpy(truth).argmax(1)].double()
    assert one.loss(_Logits(logits), batch).item() == pytest.approx(
        (-(chosen * by_class).sum() / by_class.sum()).item()
    )
    assert max(many.fitted(np.zeros((5, 3), np.uint8)).weights) == 20


def test_networks_are_a_function_of_the_seed_and_predict_probabilities() -> None:
    task = Classification("photo", NAMES, exclusive=True)
    nets = [task.build(3, seed).eval() for seed in (1, 1, 2)]
    state = [torch.cat([p.flatten() for p in net.parameters()]) for net in nets]
    assert torch.equal(state[0], state[1])
    assert not torch.equal(state[0], state[2])
    assert len(state[0]) == 138_420
    with torch.no_grad():
        said = np.asarray(task.predict(nets[0], torch.rand(2, 3, 32, 32)))
    np.testing.assert_allclose(said.sum(1), 1, rtol=1e-5)
