"""Writes ``minilm.npz``: what the real MiniLM-L6 makes of a few sentences in transformers. Needs requirements-parity.txt.

``python -m tests.parity.make_minilm``. As its model card says: at most 256 tokens, the mean over the real ones, length 1. One sentence at
a time, so nothing is filled up. Stored are the embeddings `[N, 384]` and the ids of each sentence's tokens, one after the other.
"""

from pathlib import Path

import numpy as np
import torch
import transformers

from tests.parity.sentences import SENTENCES, minilm


def main() -> None:
    """Write the file."""
    torch.set_num_threads(1)
    tokenizer = transformers.AutoTokenizer.from_pretrained(minilm())
    model = transformers.AutoModel.from_pretrained(minilm()).eval()
    embeddings, ids = [], []
    for sentence in SENTENCES:
        coded = tokenizer(sentence, truncation=True, max_length=256, return_tensors="pt")
        with torch.no_grad():
            tokens = model(**coded).last_hidden_state
        embeddings.append(torch.nn.functional.normalize(tokens.mean(1), dim=-1)[0].numpy())
        ids.append(coded["input_ids"][0].numpy().astype(np.int32))
    lengths = np.array([len(i) for i in ids])
    np.savez_compressed(Path(__file__).parent / "minilm.npz", embeddings=np.stack(embeddings), ids=np.concatenate(ids), lengths=lengths)
    print(lengths, np.linalg.norm(embeddings, axis=1))


if __name__ == "__main__":
    main()
