"""Networks over graphs, point clouds, sets, and tables of categories."""

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional


class GraphConvolution(nn.Module):
    """Means over neighbours, weights Glorot (Kipf and Welling 2017)."""

    def __init__(self, channels_in: int, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(nn.init.xavier_uniform_(torch.empty(channels_in, channels)))
        self.bias = nn.Parameter(torch.zeros(channels))

    def forward(self, x: Tensor, adjacency: Tensor) -> Tensor:
        return adjacency @ (x @ self.weight) + self.bias


class GCN(nn.Module):
    """Three graph convolutions over a batch of dense graphs; each node gets a class."""

    def __init__(self) -> None:
        super().__init__()
        widths = (16, 64, 64, 7)
        self.layers = nn.ModuleList(
            GraphConvolution(before, after) for before, after in pairwise(widths)
        )

    def forward(self, x: Tensor, edges: Tensor) -> Tensor:
        edges = edges + torch.eye(edges.shape[-1])
        degree = edges.sum(-1).rsqrt()
        adjacency = degree[..., None] * edges * degree[..., None, :]
        for layer in self.layers[:-1]:
            x = functional.dropout(functional.relu(layer(x, adjacency)), 0.5, self.training)
        return self.layers[-1](x, adjacency)


class GraphAttention(nn.Module):
    """Attention to neighbours only (Velickovic et al. 2018), four heads."""

    def __init__(self, channels_in: int, size: int, *, heads: int = 4) -> None:
        super().__init__()
        self.heads = heads
        self.project = nn.Linear(channels_in, heads * size, bias=False)
        self.sender = nn.Parameter(torch.empty(heads, size))
        self.receiver = nn.Parameter(torch.empty(heads, size))
        for weight in (self.project.weight, self.sender, self.receiver):
            nn.init.xavier_uniform_(weight, gain=1.414)

    def forward(self, x: Tensor, edges: Tensor) -> Tensor:
        h = self.project(x).unflatten(-1, (self.heads, -1))
        sender, receiver = (h * self.sender).sum(-1), (h * self.receiver).sum(-1)
        scores = functional.leaky_relu(receiver[:, :, None] + sender[:, None], 0.2)
        weights = scores.masked_fill(edges[..., None] == 0, -torch.inf).softmax(2)
        return torch.einsum("bijh,bjhd->bihd", weights, h).flatten(2)


class GAT(nn.Module):
    """Two attention layers and a mean over nodes."""

    def __init__(self) -> None:
        super().__init__()
        self.first = GraphAttention(16, 8)
        self.second = GraphAttention(32, 8)
        self.head = nn.Linear(32, 3)

    def forward(self, x: Tensor, edges: Tensor) -> Tensor:
        edges = ((edges + torch.eye(edges.shape[-1])) > 0).float()
        x = functional.elu(self.first(x, edges))
        return self.head(functional.elu(self.second(x, edges)).mean(1))


class PointNet(nn.Module):
    """A shared MLP and a maximum over points, after a learned 3x3 turn (Qi et al. 2017)."""

    def __init__(self) -> None:
        super().__init__()
        self.turn_features = self.shared(3, 32, 64)
        self.turn = nn.Linear(64, 9)
        # the turn starts as the identity
        nn.init.zeros_(self.turn.weight)
        nn.init.zeros_(self.turn.bias)
        self.features = self.shared(3, 64, 128)
        self.head = nn.Sequential(
            nn.Linear(128, 64), nn.BatchNorm1d(64), nn.ReLU(), nn.Dropout(0.3), nn.Linear(64, 10)
        )

    @staticmethod
    def shared(*widths: int) -> nn.Sequential:
        """1x1 convolutions with batch norm."""
        layers: list[nn.Module] = []
        for before, after in pairwise(widths):
            layers += [nn.Conv1d(before, after, 1), nn.BatchNorm1d(after), nn.ReLU()]
        return nn.Sequential(*layers)

    def forward(self, points: Tensor) -> tuple[Tensor, Tensor]:
        turn = self.turn(self.turn_features(points).amax(-1)).view(-1, 3, 3) + torch.eye(3)
        features = self.features(turn @ points).amax(-1)
        return self.head(features), turn


class DeepSets(nn.Module):
    """A sum over elements between two MLPs (Zaheer et al. 2017)."""

    def __init__(self) -> None:
        super().__init__()
        self.element = nn.Sequential(nn.Linear(5, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU())
        self.set = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 1))

    def forward(self, x: Tensor) -> Tensor:
        return self.set(self.element(x).sum(1))


class WideAndDeep(nn.Module):
    """Bags of categories: a linear part, and an MLP over embeddings (Cheng et al. 2016)."""

    def __init__(self) -> None:
        super().__init__()
        self.wide = nn.EmbeddingBag(500, 1, mode="sum")
        self.bag = nn.EmbeddingBag(500, 16, mode="mean")
        self.user = nn.Embedding(50, 16)
        self.deep = nn.Sequential(
            nn.Linear(36, 64), nn.ReLU(), nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 1)
        )
        for table in (self.wide, self.bag, self.user):
            nn.init.normal_(table.weight, std=0.01)

    def forward(self, items: Tensor, user: Tensor, dense: Tensor) -> Tensor:
        features = torch.cat([self.bag(items), self.user(user), dense], 1)
        return (self.wide(items) + self.deep(features)).squeeze(1)
