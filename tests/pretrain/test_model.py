"""The decoder sees the past only, turns by distance, and shares heads as grouped-query attention says."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F

from pipelines.pretrain.model import Attention, TransformerDecoder, rotary_angles, rotate, round_up
from schemas.recipe import Pretrain

SMALL = Pretrain(n_layers=2, d_model=32, n_heads=4, n_kv_heads=2, seq_len=12)


def tokens(n: int = 12) -> torch.Tensor:
    return torch.randint(0, 100, (2, n), generator=torch.Generator().manual_seed(0))


@torch.no_grad()
def test_a_changed_token_changes_no_logits_before_it_and_some_from_it_on() -> None:
    model = TransformerDecoder(SMALL, 100, seed=0)
    before, changed = tokens(), tokens()
    changed[:, 7] = (changed[:, 7] + 1) % 100
    one, two = model(before), model(changed)
    assert torch.equal(one[:, :7], two[:, :7])
    assert (one[:, 7:] != two[:, 7:]).any(dim=-1).all()


@torch.no_grad()
def test_logits_do_not_depend_on_how_much_follows() -> None:
    model = TransformerDecoder(SMALL, 100, seed=0)
    torch.testing.assert_close(model(tokens()[:, :5]), model(tokens())[:, :5])


def test_rotated_products_depend_on_distance_alone_and_lengths_stay() -> None:
    query, key = torch.randn(2, 8, generator=torch.Generator().manual_seed(0))
    angles = rotary_angles(20, 8)
    queries, keys = (rotate(x.expand(1, 1, 20, 8), angles)[0, 0] for x in (query, key))
    products = queries @ keys.T
    for distance in (0, 1, 7):
        diagonal = products.diagonal(-distance)
        torch.testing.assert_close(diagonal, diagonal[:1].expand(20 - distance))
    assert not torch.allclose(products[1, 0], products[7, 0])
    torch.testing.assert_close(queries.norm(dim=-1), query.norm().expand(20))


def test_rotation_by_hand() -> None:
    angles = torch.tensor([[math.pi / 2, 0.0]])
    turned = rotate(torch.tensor([[[[1.0, 2.0, 3.0, 4.0]]]]), angles)
    torch.testing.assert_close(turned, torch.tensor([[[[-3.0, 2.0, 1.0, 4.0]]]]))
    torch.testing.assert_close(rotary_angles(3, 4)[2], torch.tensor([2.0, 0.02]))


@torch.no_grad()
def test_grouped_attention_equals_full_attention_with_the_shared_heads_repeated() -> None:
    grouped = Attention(SMALL)
    full = Attention(Pretrain(n_layers=2, d_model=32, n_heads=4, seq_len=12))
    full.query.weight.copy_(grouped.query.weight)
    full.out.weight.copy_(grouped.out.weight)
    for shared, own in ((grouped.key, full.key), (grouped.value, full.value)):
        own.weight.copy_(shared.weight.view(2, 8, 32).repeat_interleave(2, dim=0).view(32, 32))
    x, angles = torch.randn(2, 12, 32, generator=torch.Generator().manual_seed(0)), rotary_angles(12, 8)
    torch.testing.assert_close(grouped(x, angles), full(x, angles))


@torch.no_grad()
def test_attention_equals_its_formula() -> None:
    attention = Attention(Pretrain(d_model=8, n_heads=1, seq_len=5))
    x, angles = torch.randn(1, 5, 8, generator=torch.Generator().manual_seed(0)), rotary_angles(5, 8)
    query, key = (rotate((x @ w.weight.T)[None], angles)[0] for w in (attention.query, attention.key))
    scores = (query @ key.transpose(1, 2) / math.sqrt(8)).masked_fill(torch.ones(5, 5).triu(1).bool(), -math.inf)
    expected = scores.softmax(-1) @ (x @ attention.value.weight.T) @ attention.out.weight.T
    torch.testing.assert_close(attention(x, angles), expected)


def test_n_kv_heads_of_none_is_n_heads() -> None:
    models = [TransformerDecoder(Pretrain(d_model=32, n_heads=4, n_kv_heads=n, seq_len=8), 100, seed=0) for n in (None, 4)]
    assert torch.equal(models[0](tokens(8)), models[1](tokens(8)))


@pytest.mark.parametrize("tied", [True, False])
def test_parameters_are_those_of_the_shapes(tied: bool) -> None:
    d, width, vocab = 32, round_up(8 * 32 // 3, 32), 128
    block = 2 * d * d + 2 * d * d // 2 + 3 * d * width + 2 * d
    assert width == 96
    assert TransformerDecoder(SMALL, 100, seed=0, tied=tied).n_parameters() == vocab * d * (1 if tied else 2) + 2 * block + d


@torch.no_grad()
def test_an_untrained_model_is_close_to_uniform_and_follows_its_seed() -> None:
    one, same, other = (TransformerDecoder(SMALL, 100, seed=seed)(tokens()) for seed in (1, 1, 2))
    assert torch.equal(one, same)
    assert not torch.equal(one, other)
    loss = F.cross_entropy(one[:, :-1].flatten(0, 1), tokens()[:, 1:].flatten()).item()
    assert loss == pytest.approx(math.log(128), rel=0.03)


@torch.no_grad()
def test_projections_onto_the_residual_stream_start_smaller() -> None:
    block = TransformerDecoder(Pretrain(n_layers=8, d_model=64, n_heads=4), 100, seed=0).blocks[0]
    stds = {name: parameter.std().item() for name, parameter in block.named_parameters() if parameter.ndim == 2}
    for name, std in stds.items():
        assert std == pytest.approx(0.02 / (4 if name.endswith(("out.weight", "down.weight")) else 1), rel=0.05), name
