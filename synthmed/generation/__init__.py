"""The generation engine: plan, render, shards, commit; and the datasets that read them."""
