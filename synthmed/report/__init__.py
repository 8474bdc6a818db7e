"""Reports: tables, picture grids and self-contained HTML pages. A leaf: it knows no metric and no data set."""
