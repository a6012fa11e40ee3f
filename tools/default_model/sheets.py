# ruff: noqa: N803 - G is what the paper and its users call a generator
"""Contact sheets of a model beside its teacher: python -m tools.default_model.sheets MODEL.safetensors docs/pictures.

families.jpg  of each family two pictures: the teacher's over the model's
random.jpg    z ~ N(0, I), never trained on: the teacher's row over the model's
clusters.jpg  the three clusters, the same way
psi.jpg       one z a row, truncation 0 to 1.2
walks.jpg     slerp walks, between clusters and between random z
"""

import argparse
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path

import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional

import stylegan3
from tools.default_model.anchors import CLUSTERS, members
from tools.default_model.measure import Painter, painter_of, pictures, slerp
from tools.default_model.recipe import FAMILY, NAMES, Z_DIM
from tools.default_model.teacher import Teacher

LIMIT = 400_000  # bytes
CELL = 150


def sheet(rows: Sequence[Tensor], path: Path, cell: int = CELL) -> None:
    """Rows of pictures [N, 3, H, W] as a JPEG below LIMIT."""
    small = [functional.interpolate(row.clamp(-1, 1), (cell, cell), mode="area") for row in rows]
    lines = [torch.cat(list(row), 2) for row in small]
    width = max(line.shape[2] for line in lines)  # a last row may be short
    whole = torch.cat([functional.pad(line, (0, width - line.shape[2]), value=-1.0) for line in lines], 1)
    image = Image.fromarray(((whole + 1) * 127.5).round().byte().permute(1, 2, 0).numpy())
    for quality in range(92, 40, -4):
        data = BytesIO()
        image.save(data, "JPEG", quality=quality, optimize=True)
        if data.tell() < LIMIT:
            break
    path.write_bytes(data.getvalue())


def family(name: str, count: int) -> Tensor:
    """[count, 64]: z in which one family rules."""
    z = torch.randn(count, Z_DIM, generator=torch.Generator().manual_seed(NAMES.index(name)))
    z[:, FAMILY] = 0.3 * z[:, FAMILY] - 0.4
    z[:, FAMILY.start + NAMES.index(name)] = 2.6
    return z


def both(painters: Sequence[Painter], z: Tensor, columns: int) -> list[Tensor]:
    """For every `columns` z a row of each painter."""
    return [pictures(painter, part) for part in z.split(columns) for painter in painters]


def truncated(G: stylegan3.Generator, count: int) -> list[Tensor]:
    """One row a psi."""
    z = torch.randn(count, Z_DIM, generator=torch.Generator().manual_seed(21))
    with torch.inference_mode():
        return [
            torch.cat([G(part, truncation_psi=psi) for part in z.split(4)]) for psi in (0.0, 0.3, 0.6, 0.8, 1.0, 1.2)
        ]


def walk_rows(painter: Painter, columns: int) -> list[Tensor]:
    """Cluster to cluster, then between random z."""
    known = members(1)
    ends = [(known[i], known[(i + 1) % len(known)]) for i in range(len(known))]
    random = torch.randn(6, 2, Z_DIM, generator=torch.Generator().manual_seed(22))
    return [pictures(painter, slerp(a, b, columns)) for a, b in [*ends, *random]]


def main() -> None:
    """All sheets; without a model the teacher's own."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    model, size = painter_of(args.model)
    painters = (Teacher(size), model)
    args.folder.mkdir(parents=True, exist_ok=True)
    stem = f"{args.model.stem}-"
    z = torch.cat([family(name, 2) for name in NAMES])
    sheet(both(painters, z, 10), args.folder / f"{stem}families.jpg")
    random = torch.randn(40, Z_DIM, generator=torch.Generator().manual_seed(20))
    sheet(both(painters, random, 10), args.folder / f"{stem}random.jpg")
    sheet(both(painters, members(10), 10), args.folder / f"{stem}clusters.jpg")
    sheet(truncated(stylegan3.load(args.model).eval(), 10), args.folder / f"{stem}psi.jpg")
    sheet(walk_rows(model, 10), args.folder / f"{stem}walks.jpg")
    print(f"{len(CLUSTERS)} clusters, {len(NAMES)} families: {args.folder}")


if __name__ == "__main__":
    main()
