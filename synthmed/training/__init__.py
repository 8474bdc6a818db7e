"""The one training loop: any objective, any dataset, any number of processes. It knows no paper."""
