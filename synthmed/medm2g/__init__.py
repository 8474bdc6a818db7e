"""MedM2G (Zhan et al., CVPR 2024, arXiv 2403.04290): text, X-ray, CT and MRI from one set of aligned flows."""
