"""Published weights: ALBERT."""

from tljax.weights.published import Published, hugging_face

PUBLISHED: tuple[Published, ...] = (
    Published(
        "albert(width=256, heads=8, mlp_dim=512, pool='mean', activation='gelu', vocab_size=591)",
        name="rxn4chemistry rxnmapper",
        where="https://github.com/rxn4chemistry/rxnmapper",
        license="MIT",
        trained_on="reactions as SMILES",
    ),
    *hugging_face(
        "Apache-2.0",
        "BookCorpus, Wikipedia",
        {
            "albert_base": "albert/albert-base-v2",
            "albert_large": "albert/albert-large-v2",
            "albert_xlarge": "albert/albert-xlarge-v2",
            "albert_xxlarge": "albert/albert-xxlarge-v2",
        },
    ),
)
