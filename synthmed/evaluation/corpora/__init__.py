"""Where rows come from: shards, folders of images, any registered data source."""
