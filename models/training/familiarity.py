"""Fitting how familiar a text is: the leading directions of the training examples, meaning and words joined."""

from typing import TYPE_CHECKING

import numpy as np

from models.intent import Familiarity
from models.protocols import FloatMatrix

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

_DIRECTIONS = 128
_SPARE = 10  # further random directions, dropped at the end
_PASSES = 2
_MOST_EXAMPLES = 5000  # kept for comparison, 2.5 MB


def fit_familiarity(centred: FloatMatrix, lexical: "csr_matrix", *, seed: int = 0) -> Familiarity:
    """Find the leading right singular vectors of [centred, lexical] by a randomised range finder.

    Halko, Martinsson and Tropp 2011, algorithms 4.4 and 5.1.
    """
    rng = np.random.default_rng(seed)
    dim = centred.shape[1]
    count = min(_DIRECTIONS, len(centred), dim + lexical.shape[1])
    transposed = lexical.T.tocsr()
    probe = rng.standard_normal((dim + lexical.shape[1], count + _SPARE)).astype(np.float32)
    basis = np.linalg.qr(centred @ probe[:dim] + lexical @ probe[dim:])[0]
    for _ in range(_PASSES):
        back = np.linalg.qr(np.vstack([centred.T @ basis, transposed @ basis]))[0]
        basis = np.linalg.qr(centred @ back[:dim] + lexical @ back[dim:])[0]
    small = np.vstack([centred.T @ basis, transposed @ basis])
    directions = np.linalg.svd(small.T, full_matrices=False)[2][:count].T.astype(np.float32)
    kept = np.sort(rng.permutation(len(centred))[:_MOST_EXAMPLES])
    examples = centred[kept] @ directions[:dim] + lexical[kept] @ directions[dim:]
    return Familiarity(dense=directions[:dim].copy(), lexical=directions[dim:].copy(), examples=examples)
