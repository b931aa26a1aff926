"""Workshop of the storybook model: its painter, sentences, training and scorer."""
