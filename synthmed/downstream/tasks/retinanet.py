"""A RetinaNet small enough to be trained on a CPU: MONAI's heads, pyramid, matcher and losses on a ResNet of 10 layers.

T.-Y. Lin et al., "Focal Loss for Dense Object Detection", https://arxiv.org/abs/1708.02002, trained as MONAI's LUNA16
detection tutorial does: ATSS matching (S. Zhang et al., https://arxiv.org/abs/1912.02424), cross-entropy over hard
negatives in place of the focal loss, smooth L1 of the boxes.
"""

from __future__ import annotations

from collections.abc import Sequence

from monai.apps.detection.networks.retinanet_detector import RetinaNetDetector
from monai.apps.detection.networks.retinanet_network import RetinaNet
from monai.apps.detection.utils.anchor_utils import AnchorGeneratorWithAnchorShape
from monai.networks.blocks.backbone_fpn_utils import BackboneWithFPN
from monai.networks.nets.resnet import ResNet

from synthmed.downstream.tasks.coco import MOST

_SHAPES = ((1.0, 1.0), (1.5, 1.5), (0.75, 1.5), (1.5, 0.75))
_LEVELS = (1, 2, 4, 8)
_STRIDE = 16


def retinanet(channels: int, categories: int, width: int, smallest: float) -> RetinaNetDetector:
    """A detector whose pyramid has strides of 4, 8, 16 and 32 pixels, and anchors of one to twelve times ``smallest``.

    Args:
        width: channels of the pyramid and the heads, a multiple of 8.
        smallest: rows and columns of the smallest anchor, in pixels.
    """
    body = ResNet(
        "basic",
        [1, 1, 1, 1],
        [16, 32, 64, 96],
        spatial_dims=2,
        n_input_channels=channels,
        conv1_t_size=3,
        # The getter of BackboneWithFPN runs the max pooling in any case: it halves instead.
        conv1_t_stride=1,
        feed_forward=False,
    )
    layers = {"layer2": "0", "layer3": "1", "layer4": "2"}
    # MONAI's resnet_fpn_feature_extractor has 256 channels, and heads of 4.7 M parameters with them.
    pyramid = BackboneWithFPN(body, layers, [32, 64, 96], width, spatial_dims=2)
    network = RetinaNet(2, categories, len(_SHAPES), pyramid, size_divisible=2 * _STRIDE)
    anchors = AnchorGeneratorWithAnchorShape(_LEVELS, _anchors(smallest))
    detector = RetinaNetDetector(network, anchors)
    detector.set_atss_matcher(num_candidates=4, center_in_gt=False)
    detector.set_hard_negative_sampler(batch_size_per_image=64, positive_fraction=0.3, min_neg=16, pool_size=20)
    detector.set_box_selector_parameters(
        score_thresh=0.02, topk_candidates_per_level=MOST, nms_thresh=0.3, detections_per_img=MOST
    )
    return detector


def _anchors(smallest: float) -> Sequence[Sequence[float]]:
    return [[smallest * side for side in shape] for shape in _SHAPES]
